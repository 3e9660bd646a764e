"""Evaluations that lie in runs, ``RUN/eval/NAME.parquet``: what trained agents did against a pool.

Those that were made step by step have ``RUN/eval/by-step/NAME.parquet`` beside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pyarrow as pa

from coalactl.agents import learner_named_in
from coalactl.runs.files import reason
from coalactl.runs.layout import refuse_links

_COLUMNS = ["agent", "opponent_kind", "opponent", "inner_episode", "metric", "value"]


def read_evaluations(run: Path, *, by_step: bool = False) -> Iterator[tuple[Path, pd.DataFrame | str]]:
    """Each evaluation's rows, or those of its steps, or why there are none.

    Raises :class:`UserError` at a symbolic link.
    """
    folder = run / "eval" / "by-step" if by_step else run / "eval"
    refuse_links([run / "eval", folder])
    for path in sorted(folder.glob("*.parquet")):
        refuse_links([path])
        try:
            yield path, pd.read_parquet(path, columns=[*_COLUMNS, *(["step"] if by_step else [])])
        except (OSError, ValueError, pa.ArrowException) as error:
            yield path, f"damaged: {reason(error)}"


def opponents_in(rows: pd.DataFrame) -> list[str]:
    """The kinds of opponents that were met, and each way in which naive ones learn: ``naive q-learning``."""
    naive = rows.loc[rows["opponent_kind"] == "naive", "opponent"].astype(str)
    learners = sorted({learner_named_in(name) for name in naive.unique()} - {""})
    return [*map(str, rows["opponent_kind"].unique()), *(f"naive {learner}" for learner in learners)]


def against(rows: pd.DataFrame, opponent: str) -> pd.DataFrame:
    """The rows by inner episode against one of :func:`opponents_in`."""
    kind, _, learner = opponent.partition(" ")
    met = (rows["opponent_kind"] == kind) & (rows["inner_episode"] >= 0)
    if learner:
        met &= rows["opponent"].astype(str).map(learner_named_in) == learner
    return rows[met]


def within(rows: pd.DataFrame, metric: str, opponent: str) -> pd.Series:
    """By inner episode: means over agents and opponents of a kind."""
    met = against(rows, opponent)
    means: pd.Series = met[met["metric"] == metric].groupby("inner_episode")["value"].mean()
    return means


def by_step(rows: pd.DataFrame, metric: str, opponent: str) -> pd.Series:
    """By step within an inner episode, from 0 on: means over agents, inner episodes and the opponents that are meant.

    That is a kind, or one of a kind by its name: ``fixed tit-for-tat``.
    """
    kind, _, name = opponent.partition(" ")
    met = (rows["opponent_kind"] == kind) & (rows["metric"] == metric)
    if name:
        met &= rows["opponent"].astype(str) == name
    means: pd.Series = rows[met].groupby("step")["value"].mean()
    return means
