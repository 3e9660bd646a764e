"""What trials came to, and which one of each method is chosen: all derived from run directories and failure records."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any, NamedTuple

from coalactl.output import json_safe
from coalactl.runs.files import write_failures, write_json, write_text
from coalactl.runs.pack import Pack
from coalactl.summary import summarize
from coalactl.sweep.definition import Sweep
from coalactl.sweep.folder import Failure, Job, SweepFolder
from coalactl.sweep.measures import value_of
from coalactl.sweep.plan import VARIANT, Trial
from coalactl.trained import experiment_of


class Result(NamedTuple):
    """What a job came to so far."""

    trial: Trial
    state: str
    per_seed: Mapping[int, float | None]
    """The metric over the last tenth of the iterations; empty unless the job is finished."""
    failure: Failure | None = None

    @property
    def mean(self) -> float | None:
        """Over seeds; None where a seed has nothing to report."""
        values = [value for value in self.per_seed.values() if value is not None and math.isfinite(value)]
        return fmean(values) if values and len(values) == len(self.per_seed) else None


def result_of(folder: SweepFolder, job: Job, metric: str) -> Result:
    """The result of a job."""
    standing = folder.standing(job)
    if standing.state != "finished":
        return Result(job.trial, standing.state, {}, standing.failure)
    values = {}
    for run in Pack.open(job.path).runs:
        experiment = experiment_of(run)
        values[experiment.run.seed] = value_of(metric, summarize(run), experiment)
    return Result(job.trial, standing.state, values)


def choose(results: Sequence[Result], direction: str) -> dict[str, Result]:
    """The best trial of each method by its mean; the first of equals. A trial without a mean is not chosen."""
    sign = 1 if direction == "max" else -1
    chosen: dict[str, Result] = {}
    for result in results:
        if result.mean is None:
            continue
        best = chosen.get(result.trial.method)
        if best is None or best.mean is None or sign * result.mean > sign * best.mean:
            chosen[result.trial.method] = result
    return chosen


def write_derived(folder: SweepFolder, sweep: Sweep, results: Sequence[Result]) -> None:
    """``trials.csv`` as it stands, and ``selection.json`` when no trial is open any more."""
    with folder.exclusively(), write_failures(folder.path):
        write_text(folder.trials_file, _csv(results, sweep))
        if all(result.state != "open" for result in results):
            chosen = choose(results, sweep.selection.direction)
            write_json(folder.selection_file, {method: as_json(chosen[method], sweep) for method in chosen})


def as_json(result: Result, sweep: Sweep) -> dict[str, Any]:
    """A result as ``selection.json`` and ``--json`` tell it."""
    return {
        "trial": result.trial.id,
        "values": json_safe(result.trial.values),
        "metric": sweep.selection.metric,
        "direction": sweep.selection.direction,
        "mean": result.mean,
        "per_seed": json_safe({str(seed): value for seed, value in result.per_seed.items()}),
    }


def _csv(results: Sequence[Result], sweep: Sweep) -> str:
    seeds = sweep.selection.seeds
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = (*sweep.axes, *((VARIANT,) if sweep.variants else ()))
    writer.writerow(["trial", "method", *names, "state", "mean", *(f"seed_{seed}" for seed in seeds), "reason"])
    for result in results:
        numbers = [result.mean, *(result.per_seed.get(seed) for seed in seeds)]
        reason = result.failure.reason if result.failure else ""
        values = [result.trial.values[key] for key in names]
        writer.writerow([result.trial.id, result.trial.method, *values, result.state, *numbers, reason])
    return text.getvalue()
