"""Evaluations that lie in runs, ``RUN/eval/NAME.parquet``: what trained agents did against a pool."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pyarrow as pa

from coalactl.runs.files import reason
from coalactl.runs.layout import refuse_links

_COLUMNS = ["agent", "opponent_kind", "opponent", "inner_episode", "metric", "value"]


def read_evaluations(run: Path) -> Iterator[tuple[Path, pd.DataFrame | str]]:
    """Each evaluation's rows, or why there are none; raises :class:`UserError` at a symbolic link."""
    refuse_links([run / "eval"])
    for path in sorted((run / "eval").glob("*.parquet")):
        refuse_links([path])
        try:
            yield path, pd.read_parquet(path, columns=_COLUMNS)
        except (OSError, ValueError, pa.ArrowException) as error:
            yield path, f"damaged: {reason(error)}"


def within(rows: pd.DataFrame, metric: str, opponent: str) -> pd.Series:
    """By inner episode: means over agents and opponents of a kind."""
    fitting = (rows["metric"] == metric) & (rows["opponent_kind"] == opponent) & (rows["inner_episode"] >= 0)
    means: pd.Series = rows[fitting].groupby("inner_episode")["value"].mean()
    return means
