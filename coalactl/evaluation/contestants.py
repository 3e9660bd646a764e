"""Runs and agent files as contestants: the newest checkpoint of each, as what an evaluation needs of it."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from coalactl.configuration import plain
from coalactl.engines import sequence_engine
from coalactl.errors import UserError
from coalactl.evaluation.learners import NaiveLearner
from coalactl.paths import nameable, typed
from coalactl.runs.directory import is_pack
from coalactl.runs.finding import find_runs
from coalactl.runs.sources import Source, sources_at, steps_of
from coalactl.tables import flatten
from coalactl.trained import Checkpoint, Readers, agents_of, checkpoint_of, experiment_of
from coalactl_core.configuration.environments import seats_differ
from coalactl_core.configuration.experiment import SequenceExperiment
from coalactl_core.configuration.kinds import Experiment

if TYPE_CHECKING:
    from coalactl_core.games import Payoffs
    from coalactl_core.opponents.seam import Coplayer
    from coalactl_core.play.agents import Agent
    from coalactl_core.play.rollout import Rollout
    from coalactl_core.types import NaiveHyperparameters, Params


class Entry(NamedTuple):
    """A run, or an agent file, that is to be evaluated; ``label`` tells it from the others."""

    run: Source
    label: str
    experiment: SequenceExperiment


class Contestant(NamedTuple):
    """A run's agents at one step, with play as each knows it; ``naive`` leads with the naive initialisations.

    ``learners``: how each group of them learns, as the experiment's ``naive_learners`` has them; further ones behind.
    """

    entry: Entry
    step: int
    agents: tuple[Agent, ...]
    rollouts: tuple[Rollout, ...]
    naive: Params
    learners: tuple[NaiveLearner, ...]
    p_naive: float

    @property
    def payoffs(self) -> Payoffs | None:
        """Of a game in which memory-one strategies play, the same for both players; None of others."""
        from coalactl_core.envs.base import MemoryOneGame

        environment = self.agents[0].game.environment
        if not isinstance(environment, MemoryOneGame) or seats_differ(self.entry.experiment.environment):
            return None
        return environment.payoffs


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
    """The runs and agent files at the paths, a pack's all; raises :class:`UserError` unless each can be evaluated."""
    runs = [run for path in paths for run in sources_at(path)]
    runs = list({os.path.realpath(run.path): run for run in runs}.values())
    entries = [
        Entry(run, label, _sequence(run, experiment_of(run))) for run, label in zip(runs, _labels(runs), strict=True)
    ]
    for run in runs:
        nameable(run.path)
        _check_step(run, step)
    return entries


def same_settings(entries: Sequence[Entry]) -> list[list[int]]:
    """The places of the runs of each setting: those that differ in nothing but the seed and bookkeeping."""
    by_settings: dict[str, list[int]] = {}
    for index, entry in enumerate(entries):
        tree = flatten(plain(entry.experiment))
        kept = {key: value for key, value in tree.items() if not key.startswith(("run.", "compute."))}
        by_settings.setdefault(json.dumps(kept, sort_keys=True, default=str), []).append(index)
    return list(by_settings.values())


def check_same_game(entries: Sequence[Entry], what: str = "cross-play", *, any_length: bool = False) -> None:
    """Raises :class:`UserError` unless all the runs play one game; sizes of networks and batches may differ."""
    first = entries[0]
    for other in entries[1:]:
        ours, theirs = (
            {**plain(entry.experiment)["environment"], "inner_episode_length": 0 if any_length else _length(entry)}
            for entry in (first, other)
        )
        for key in {**ours, **theirs}:
            if ours.get(key) != theirs.get(key):
                raise UserError(
                    f"{what} needs runs of one game: {key} is {ours.get(key)} in {first.run.path} "
                    f"and {theirs.get(key)} in {other.run.path}"
                )


def contestants_of(entries: Sequence[Entry], step: int | None) -> list[Contestant]:
    """The runs as contestants, from their checkpoints; those of one program share an engine."""
    readers: Readers = {}
    return [_contestant(entry, checkpoint_of(entry.run, step, readers)) for entry in entries]


def _contestant(entry: Entry, checkpoint: Checkpoint) -> Contestant:
    from coalactl_core.numbers.hyperparameters import at_iteration

    state = checkpoint.state
    hyper, engine = at_iteration(state.hyperparameters, state.step), sequence_engine(checkpoint.engine)
    agents = agents_of(checkpoint)
    return Contestant(
        entry=entry,
        step=checkpoint.step,
        agents=agents,
        rollouts=tuple(engine.rollout_of(agent.number) for agent in agents),
        naive=engine.naive_of(state, entry.experiment.run.seed),
        learners=_learners(engine.pieces.coplayers, hyper.naive),
        p_naive=round(float(hyper.population.p_naive), 6),
    )


def _learners(coplayers: Sequence[Coplayer], hyper: NaiveHyperparameters) -> tuple[NaiveLearner, ...]:
    """Each group's co-player with its numbers, which lead with the groups where there are several."""
    import jax

    if len(coplayers) == 1:
        return (NaiveLearner(coplayers[0], hyper),)
    return tuple(
        NaiveLearner(coplayer, jax.tree.map(lambda leaf, group=group: leaf[group], hyper))
        for group, coplayer in enumerate(coplayers)
    )


def _sequence(run: Source, experiment: Experiment) -> SequenceExperiment:
    if isinstance(experiment, SequenceExperiment):
        return experiment
    raise UserError(
        f"{run.path} is of kind {experiment.kind!r}, whose metrics hold every pairing already: "
        f"see `coalactl runs show` and its metrics/; eval plays runs of kind 'sequence'"
    )


def _check_step(run: Source, step: int | None) -> None:
    there = steps_of(run)
    if not there:
        raise UserError(f"{run.path} has no checkpoint yet; go on with: coalactl train --resume {typed(run.path)}")
    if step is not None and step not in there:
        raise UserError(f"--step: {run.path} has no checkpoint of step {step}; it has {', '.join(map(str, there))}")


def _length(entry: Entry) -> int:
    return entry.experiment.rollout.inner_episode_length


def _labels(runs: Sequence[Source]) -> list[str]:
    """The last parts of each path, as many as tell the runs apart: nothing of a machine's folders shows."""
    parts = [Path(os.path.realpath(run.path)).parts for run in runs]
    for count in range(1, max(map(len, parts)) + 1):
        labels = ["/".join(each[-count:]) for each in parts]
        if len(set(labels)) == len(labels):
            return labels
    return [str(run.path) for run in runs]
