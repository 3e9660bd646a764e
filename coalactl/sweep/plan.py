"""From a sweep to its trials: a pure function, so that a repeated or resumed sweep finds what it has done."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from coalactl.configuration import Resolved, method_name, plain, resolve, validate
from coalactl.errors import UserError
from coalactl.sweep.definition import BOOKKEEPING, Sweep
from coalactl.sweep.measures import check_metric
from coalactl.tables import flatten
from coalactl_core.configuration.kinds import Experiment

MOST_TRIALS = 10_000
VARIANT = "variant"
_HASH_LENGTH = 8


class Trial(NamedTuple):
    """One configuration, to be trained on several seeds."""

    id: str
    """The method and a hash of the configuration without seed, bookkeeping and layout of the work."""
    method: str
    values: Mapping[str, Any]
    """The axes' values, by dotted key; and the label of its variant where there are some."""
    experiment: Experiment
    """With the first of the seeds."""
    seeds: tuple[int, ...]

    def experiments(self) -> tuple[Experiment, ...]:
        """One for each seed."""
        return tuple(with_seed(self.experiment, seed) for seed in self.seeds)


def plan(sweep: Sweep, planned: Callable[[int, int], None] | None = None) -> tuple[Trial, ...]:
    """Every combination of the axes' values, once, the last axis fastest; each in all variants.

    ``planned`` hears, before each combination, how many are done and how many there are.

    Raises :class:`UserError` with one line: a key, a value or the metric does not fit, two combinations are the same
    trial, or a seed of the selection is one of the final runs.
    """
    count = math.prod(map(len, sweep.axes.values())) * max(len(sweep.variants), 1)
    if count > MOST_TRIALS:
        raise UserError(f"{sweep.label}: axes: {count} combinations; use at most {MOST_TRIALS}")
    trials: dict[str, Trial] = {}
    names, ranges = (*sweep.axes, VARIANT), (*sweep.axes.values(), tuple(sweep.variants))
    if not sweep.variants:
        names, ranges = names[:-1], ranges[:-1]
    for combination in itertools.product(*ranges):
        if planned is not None:
            planned(len(trials), count)
        trial = _trial(sweep, dict(zip(names, combination, strict=True)))
        if trial.id in trials:
            words = f"{trial.method}: {in_words(trial.values)}"
            raise UserError(f"{sweep.label}: axes: a duplicate trial, {words}; give each value once")
        trials[trial.id] = trial
    for trial in trials.values():
        _check_seeds(sweep, trial)
        check_metric(sweep.selection.metric, trial.experiment, sweep.label)
    return tuple(trials.values())


def final_trial(sweep: Sweep, chosen: Trial) -> Trial:
    """The chosen configuration on the fresh seeds, of which there are some."""
    seeds = sweep.final_seeds
    return chosen._replace(experiment=with_seed(chosen.experiment, seeds[0]), seeds=seeds)


def identity(experiment: Experiment) -> str:
    """``METHOD-HASH`` of a configuration without seed, bookkeeping and layout of the work."""
    values = flatten(plain(experiment))
    kept = {key: values[key] for key in values if key not in BOOKKEEPING and not key.startswith("compute.")}
    digest = hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()
    return f"{method_name(experiment)}-{digest[:_HASH_LENGTH]}"


def with_seed(experiment: Experiment, seed: int) -> Experiment:
    """The same experiment on another seed."""
    tree = plain(experiment)
    tree["run"]["seed"] = seed
    return validate(tree)


def in_words(values: Mapping[str, Any]) -> str:
    """``learning_rate 0.001, discount 1.0``; the method stands in front of it wherever this is told."""
    parts = [f"{key.rpartition('.')[2]} {value}" for key, value in values.items() if key != "meta.method"]
    return ", ".join(parts) or "as in the preset"


def _trial(sweep: Sweep, values: Mapping[str, Any]) -> Trial:
    experiment = _resolved(sweep, values).experiment
    return Trial(
        id=identity(experiment),
        method=method_name(experiment),
        values=values,
        experiment=experiment,
        seeds=sweep.selection.seeds,
    )


def _resolved(sweep: Sweep, values: Mapping[str, Any]) -> Resolved:
    seed = {"run.seed": (sweep.selection.seeds[0], "selection.seeds")}
    settings = {key: (value, "[set]") for key, value in sweep.settings.items()}
    axes = {key: (value, "[axes]") for key, value in values.items() if key in sweep.axes}
    variant = sweep.variants.get(values.get(VARIANT, ""), {})
    own = {key: (value, f"[variants.{values[VARIANT]}]") for key, value in variant.items()}
    try:
        return resolve(sweep.tables, f"preset {sweep.preset}", {**settings, **own, **axes, **seed})
    except UserError as error:
        raise UserError(f"{sweep.label}: {error}", error.code) from error


def _check_seeds(sweep: Sweep, trial: Trial) -> None:
    """A run may hold several seeds, from its own on."""
    if not sweep.final_seeds:
        return
    chosen_by = _all_seeds(trial.experiments())
    reported = _all_seeds(final_trial(sweep, trial).experiments())
    if both := sorted(set(chosen_by) & set(reported)):
        raise UserError(
            f"{sweep.label}: final.seeds: seed {both[0]} is among the seeds of the selection; "
            f"use fresh ones, for instance from {max(chosen_by) + 1} on"
        )


def _all_seeds(experiments: Sequence[Experiment]) -> list[int]:
    return [seed for experiment in experiments for seed in experiment.seeds]
