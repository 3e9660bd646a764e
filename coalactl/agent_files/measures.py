"""What an agent file tells of how its agents play: the run's evaluations in a short form, and its last iterations.

Of an evaluation a row has the mean over inner episodes, the first and the last of them, over all opponents of a kind
that have but a number; strategies, and ways in which naive agents learn, keep their names.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from coalactl.agents import learner_named_in
from coalactl.output import json_safe, note
from coalactl.runs.directory import RunDirectory
from coalactl_core.measures import is_of_policy

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("agent", "opponent_kind", "opponent", "metric", "mean", "first", "last")
"""Of ``rows``; ``opponent`` is empty for all of the kind, ``first`` and ``last`` null where there is one number."""

_ABOUT = ("pool", "episodes", "seed", "p_naive", "made")
_KEY = b"coalactl"
_DIGITS = 6
_WHOLE = -1
_ALL = "all"


def measures_of(run: RunDirectory, step: int) -> dict[str, Any]:
    """``training``: means of the last tenth of the iterations; ``evaluations``: those of this step, by name."""
    from coalactl.summary import measured_before

    training = {name: round(mean, _DIGITS) for name, mean in measured_before(run, step).items()}
    return {"training": training, "evaluations": json_safe(dict(_evaluations(run, step)))}


def _evaluations(run: RunDirectory, step: int) -> Iterator[tuple[str, dict[str, Any]]]:
    from coalactl.report.evaluations import read_evaluations

    for path, rows in read_evaluations(run.path):
        about = {} if isinstance(rows, str) else _about(path)
        if isinstance(rows, str) or not about:
            note(f"{path} is left out: {rows if isinstance(rows, str) else 'it does not say what it is of'}")
        elif about.get("step") != step:
            note(f"{path} is left out: it is of step {about.get('step')}")
        else:
            told = {key: about[key] for key in _ABOUT if key in about}
            yield path.stem, {**told, "columns": list(COLUMNS), "rows": list(_short(rows))}


def _about(path: Path) -> Mapping[str, Any]:
    """What the rows are of, as their own file says it."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        about = json.loads((pq.read_schema(path).metadata or {}).get(_KEY, b"{}"))
    except (OSError, ValueError, pa.ArrowException):
        return {}
    return about if isinstance(about, dict) else {}


def _short(rows: pd.DataFrame) -> Iterator[list[Any]]:
    """Rows in the order of :data:`COLUMNS`."""
    rows = rows.assign(opponent=rows["opponent"].astype(str))
    of_policy, has_number = rows["metric"].map(is_of_policy), rows["opponent"].map(_has_number)
    means = rows[~of_policy].assign(opponent=rows["opponent"].map(_called))
    for key, group in means.groupby(["agent", "opponent_kind", "opponent", "metric"], sort=False):
        by_episode = group.groupby("inner_episode")["value"].mean()
        yield _row(key, by_episode.mean(), by_episode.iloc[0], by_episode.iloc[-1])
    # What an agent does after an outcome is averaged over the times that it occurred, and has rows for all.
    for row in rows[of_policy & ~has_number & (rows["inner_episode"] == _WHOLE)].itertuples():
        yield _row((row.agent, row.opponent_kind, _called(str(row.opponent)), row.metric), row.value)


def _row(key: Any, mean: Any, *ends: Any) -> list[Any]:
    agent, *names = key
    numbers = [round(float(value), _DIGITS) for value in (mean, *ends)]
    return [int(agent), *map(str, names), *numbers, *[None] * (2 - len(ends))]


def _has_number(opponent: str) -> bool:
    return opponent.rpartition("/")[2].isdecimal()


def _called(opponent: str) -> str:
    """The name of a strategy, of another run or of a learner; empty of what has but a number."""
    if opponent == _ALL:
        return ""
    return learner_named_in(opponent) if _has_number(opponent) else opponent
