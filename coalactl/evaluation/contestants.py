"""Runs as contestants: the newest checkpoint of each, as what an evaluation needs of it."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from coalactl.configuration import plain, validate
from coalactl.errors import UserError
from coalactl.paths import nameable, typed
from coalactl.runs.directory import RunDirectory, find_runs, is_pack
from coalactl.runs.manifests import steps
from coalactl.runs.pack import runs_at
from coalactl_core.config import ComputeConfig, SequenceExperiment
from coalactl_core.experiments import Experiment

if TYPE_CHECKING:
    from coalactl_core.training import Engine
    from coalactl_core.types import NaiveHyperparameters, Params


class Entry(NamedTuple):
    """A run that is to be evaluated; ``label`` tells it from the others."""

    run: RunDirectory
    label: str
    experiment: SequenceExperiment


class Contestant(NamedTuple):
    """A run's agents at one step; ``agents`` and ``naive`` lead with the agents and the naive initialisations."""

    entry: Entry
    engine: Engine
    step: int
    agents: Params
    naive: Params
    hyper: NaiveHyperparameters
    p_naive: float


def newest(root: Path) -> Path:
    """The newest run below a folder that can be evaluated, or the pack that it is in."""
    for run in find_runs(root):
        try:
            nameable(run.path)
            kind = run.read_config().get("kind", "sequence")
        except UserError:
            continue
        if kind == "sequence":
            return run.path.parent if is_pack(run.path.parent) else run.path
    raise UserError(f"no run below {root} to evaluate; train one with: coalactl train, or name one")


def enter(paths: Sequence[Path], step: int | None) -> list[Entry]:
    """The runs at the paths, a pack's all; raises :class:`UserError` unless each can be evaluated."""
    runs = [run for path in paths for run in runs_at(path)]
    runs = list({os.path.realpath(run.path): run for run in runs}.values())
    entries = [
        Entry(run, label, _sequence(run, validate(run.read_config(), file=str(run.config_file))))
        for run, label in zip(runs, _labels(runs), strict=True)
    ]
    for run in runs:
        nameable(run.path)
        _check_step(run, step)
    return entries


def check_same_game(entries: Sequence[Entry]) -> None:
    """Raises :class:`UserError` unless all the runs play one game; sizes of networks and batches may differ."""
    first = entries[0]
    for other in entries[1:]:
        ours, theirs = (
            {**plain(entry.experiment)["environment"], "inner_episode_length": _length(entry)}
            for entry in (first, other)
        )
        for key in {**ours, **theirs}:
            if ours.get(key) != theirs.get(key):
                raise UserError(
                    f"cross-play needs runs of one game: {key} is {ours.get(key)} in {first.run.path} "
                    f"and {theirs.get(key)} in {other.run.path}"
                )


def load(entries: Sequence[Entry], step: int | None) -> list[Contestant]:
    """The checkpoints of the runs; those of one program share an engine."""
    engines: dict[str, Engine] = {}
    return [_load(entry, step, engines) for entry in entries]


def _load(entry: Entry, step: int | None, engines: dict[str, Engine]) -> Contestant:
    import jax

    from coalactl.engines import sequence_engine_for
    from coalactl.runs.checkpoints import restore
    from coalactl_core.hyperparameters import at_iteration
    from coalactl_core.population import naive_set

    # What was chosen for the machine that trained it says nothing of this one.
    experiment = entry.experiment.model_copy(update={"compute": ComputeConfig()})
    choices = json.dumps(experiment.static_choices, default=str)
    if choices not in engines:
        engines[choices] = sequence_engine_for(experiment)
    engine = engines[choices]
    found, state = restore(entry.run, _template(engine, experiment), step)
    hyper = at_iteration(state.hyperparameters, state.step)
    naive = naive_set(jax.random.key(experiment.run.seed), state.naive, state.meta.params, engine.pieces.population)
    return Contestant(
        entry=entry,
        engine=engine,
        step=found,
        agents=state.meta.params,
        naive=naive,
        hyper=hyper.naive,
        p_naive=round(float(hyper.population.p_naive), 6),
    )


def _template(engine: Engine, experiment: SequenceExperiment) -> Any:
    """The state of a run of its own numbers: schedules of other lengths are states of other shapes."""
    from dataclasses import replace

    return replace(engine, experiment=experiment).run_template


def _sequence(run: RunDirectory, experiment: Experiment) -> SequenceExperiment:
    if isinstance(experiment, SequenceExperiment):
        return experiment
    raise UserError(
        f"{run.path} is of kind {experiment.kind!r}, whose metrics hold every pairing already: "
        f"see `coalactl runs show` and its metrics/; eval plays runs of kind 'sequence'"
    )


def _check_step(run: RunDirectory, step: int | None) -> None:
    there = steps(run)
    if not there:
        raise UserError(f"{run.path} has no checkpoint yet; go on with: coalactl train --resume {typed(run.path)}")
    if step is not None and step not in there:
        raise UserError(f"--step: {run.path} has no checkpoint of step {step}; it has {', '.join(map(str, there))}")


def _length(entry: Entry) -> int:
    return entry.experiment.rollout.inner_episode_length


def _labels(runs: Sequence[RunDirectory]) -> list[str]:
    """The last parts of each path, as many as tell the runs apart: nothing of a machine's folders shows."""
    parts = [Path(os.path.realpath(run.path)).parts for run in runs]
    for count in range(1, max(map(len, parts)) + 1):
        labels = ["/".join(each[-count:]) for each in parts]
        if len(set(labels)) == len(labels):
            return labels
    return [str(run.path) for run in runs]
