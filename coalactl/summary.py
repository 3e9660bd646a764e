"""What a run came to, read from its files: the untrained agent beside the mean of the last tenth of the iterations."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from coalactl.agents import agents_of
from coalactl.errors import UserError
from coalactl.output import note
from coalactl.runs.directory import RunDirectory
from coalactl_core.measures import ENDS, Measure, is_of_policy, parse, rewards_vs

if TYPE_CHECKING:
    import pandas as pd

LAST_SHARE = 0.1


class Means(NamedTuple):
    """``untrained`` and ``trained`` of a summary, over some of the agents."""

    untrained: dict[str, float | None]
    trained: dict[str, float | None]


class RunSummary(NamedTuple):
    """Means over meta agents: of iteration 0, played by the untrained agents, and of the last 10% of iterations.

    Of a run that holds several seeds these are medians over seeds, and the quartiles of ``trained`` stand beside them.
    """

    iterations: int
    planned: int
    steps: int
    seconds: float
    untrained: dict[str, float | None]
    trained: dict[str, float | None]
    quartiles: Mapping[str, tuple[float, float]] = MappingProxyType({})
    missing: str = ""
    """Which rows are gone, in words."""
    by_method: Mapping[str, Means] = MappingProxyType({})
    """Of a pool that mixes methods, or critics of the batch, the means over each one's agents; empty of others."""

    def as_json(self) -> dict[str, Any]:
        """As plain data; ``by_method`` only where there are several methods."""
        plain = {**self._asdict(), "quartiles": dict(self.quartiles)}
        methods = {method: means._asdict() for method, means in plain.pop("by_method").items()}
        return {**plain, "by_method": methods} if methods else plain


def summarize(run: RunDirectory) -> RunSummary:
    """The summary of a run so far."""
    from coalactl.runs.metric_files import read_metrics
    from coalactl.runs.parts import missing_rows

    rows = read_metrics(run)
    config = run.read_config()
    planned = int(config["run"]["iterations"])
    missing = missing_rows(run)
    if rows.empty:
        return RunSummary(0, planned, 0, 0.0, {}, {}, missing=missing)
    last = int(rows["iteration"].max())
    done = max(last + 1, _told_iterations(run))
    first, window = rows[rows["iteration"] == 0], last_rows(rows, done)
    return RunSummary(
        iterations=done,
        planned=planned,
        # Each row tells the steps up to and with its iteration, which all take as many.
        steps=int(rows["steps"].max()) // (last + 1) * done if "steps" in rows else 0,
        seconds=float(rows["seconds"].max()),
        untrained=_means(first),
        trained=_means(window),
        quartiles=_quartiles(window),
        missing=missing,
        by_method=_by_method(config, first, window),
    )


def measured_before(run: RunDirectory, step: int) -> dict[str, float]:
    """What was measured while a run trained, means over agents and the last tenth of its first ``step`` iterations."""
    from coalactl.runs.metric_files import read_metrics

    rows = read_metrics(run)
    rows = rows[rows["iteration"] < step] if "iteration" in rows else rows
    means = {} if rows.empty else _means(last_rows(rows, step))
    return {name: mean for name, mean in means.items() if mean is not None}


def last_rows(rows: pd.DataFrame, done: int) -> pd.DataFrame:
    """The rows of the last tenth of the iterations, and from the newest that tell of measures where none lies in it.

    Few iterations may be logged, and of an analytical run not all that are logged are evaluated.
    """
    columns = _reported(rows)
    evaluated = rows[rows[columns].notna().any(axis=1)] if columns else rows
    last = int((rows if evaluated.empty else evaluated)["iteration"].max())
    return rows[rows["iteration"] >= min(last, last_tenth(done))]


def last_tenth(done: int) -> int:
    """The iteration that the last tenth of so many begins with."""
    return done - max(1, math.ceil(done * LAST_SHARE))


def note_missing(runs: Sequence[RunDirectory], summaries: Sequence[RunSummary]) -> None:
    """Tells of rows that are gone."""
    for run, summary in zip(runs, summaries, strict=True):
        if summary.missing:
            note(f"{run.path} is damaged: {summary.missing}")


def json_object(run: RunDirectory, summary: RunSummary, parameters_digest: str) -> dict[str, Any]:
    """What ``train --json`` prints of one run."""
    spread: dict[str, Any] = {"quartiles": dict(summary.quartiles)} if summary.quartiles else {}
    methods = {method: _headline(means.trained) for method, means in summary.by_method.items()}
    return {
        "run_dir": str(run.path),
        "iterations": summary.iterations,
        "steps": summary.steps,
        "seconds": summary.seconds,
        **_headline(summary.trained),
        **({"by_method": methods} if methods else {}),
        **spread,
        "parameters_digest": parameters_digest,
    }


def _headline(trained: Mapping[str, float | None]) -> dict[str, float | None]:
    """What matters most of the agents."""
    against_meta, _ = rewards_vs("meta")
    ends = [Measure("defection", place=place) for place in ENDS]
    return {
        **{column: trained.get(column) for column in (*rewards_vs("naive"), against_meta)},
        **{column: trained[column] for column in rewards_vs("fixed") if column in trained},
        **{end.column: trained.get(end._replace(kind="naive").column) for end in ends},
    }


def _told_iterations(run: RunDirectory) -> int:
    """How far the status says that the run is: rows tell less where not every iteration is logged."""
    try:
        return run.read_status().iteration
    except UserError:  # The status only tells; the rows are there.
        return 0


def _by_method(config: Mapping[str, Any], first: pd.DataFrame, window: pd.DataFrame) -> dict[str, Means]:
    """The means of each method's agents, where there are several methods, or one with and without a critic."""
    numbers: dict[str, list[int]] = {}
    for agents in agents_of(config):
        numbers.setdefault(agents.name, []).extend(agents.numbers)
    if len(numbers) == 1:
        return {}
    return {
        method: Means(*(_means(rows[rows["agent"].isin(own)]) for rows in (first, window)))
        for method, own in numbers.items()
    }


def _means(rows: pd.DataFrame) -> dict[str, float | None]:
    by_seed = _by_seed(rows)
    means = by_seed.median() if "seed" in rows else by_seed.mean()
    return {str(name): None if math.isnan(value) else float(value) for name, value in means.astype(float).items()}


def _quartiles(rows: pd.DataFrame) -> dict[str, tuple[float, float]]:
    """First and third quartile over seeds, where a run holds several."""
    if "seed" not in rows:
        return {}
    low, high = _by_seed(rows).quantile([0.25, 0.75]).astype(float).to_numpy()
    columns = map(str, _by_seed(rows).columns)
    return {name: (float(a), float(b)) for name, a, b in zip(columns, low, high, strict=True) if not math.isnan(a)}


def _by_seed(rows: pd.DataFrame) -> pd.DataFrame:
    """What is reported, of each seed its mean over agents and iterations; of a run with one seed all its rows."""
    columns = _reported(rows)
    return rows.groupby("seed")[columns].mean() if "seed" in rows else rows[columns]


def _reported(rows: pd.DataFrame) -> list[str]:
    """The columns that are measures, or about an agent itself."""
    return [column for column in map(str, rows.columns) if parse(column) or is_of_policy(column)]


def rows_of(kind: str, columns: Iterable[str]) -> list[tuple[str, Measure]]:
    """The agent's measures against a kind that tables show, each with its label."""
    rows: list[tuple[str, Measure]] = []
    for measure in map(parse, columns):
        if measure is None or measure.kind != kind or measure.whose != "agent":
            continue
        if measure.name == "reward" and not measure.place:
            rows.insert(0, ("reward a step", measure))
        elif measure.place:
            rows.append((f"{measure.name}, {measure.place} inner episode", measure))
    return rows
