"""The one way from a run directory to what was trained in it.

A checkpoint of any kind of run has the meta agents' parameters by name, on the host, with which others begin; one of
the sequence engine has agents that play.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from coalactl.configuration import validate
from coalactl.engines import engine_for, sequence_engine, with_open_compute
from coalactl.errors import UserError
from coalactl.runs.directory import RunDirectory
from coalactl_core.configuration.experiment import SequenceExperiment
from coalactl_core.configuration.kinds import Experiment

if TYPE_CHECKING:
    from coalactl.engines import Engine
    from coalactl_core.play.rollout import Rollout
    from coalactl_core.types import Params


class Reader(NamedTuple):
    """An engine for checkpoints, and the form of a run's state; of runs that differ in numbers alone it is the same."""

    engine: Engine
    template: Any


Readers = dict[str, Reader]


class Checkpoint(NamedTuple):
    """A run at one step: ``state`` is the engine's, without the ``runs`` axis."""

    run: RunDirectory
    experiment: Experiment
    engine: Engine
    step: int
    state: Any

    @property
    def parameters(self) -> Any:
        """The meta agents' parameters by name, on the host; they lead with agents, before these with a run's seeds."""
        import jax

        of_runs = self.engine.summary(jax.tree.map(lambda leaf: leaf[None], self.state)).parameters
        return jax.tree.map(lambda leaf: leaf[0], of_runs)


class Agent(NamedTuple):
    """A trained agent of the sequence engine: its number in its run, play as it knows it, and its parameters.

    ``rollout`` has its policy, whose vector ``params`` is, and how its memory crosses inner episodes.
    """

    number: int
    rollout: Rollout
    params: Params


def load(run: RunDirectory | Path | str, agent: int = 0, step: int | None = None) -> Agent:
    """An agent of a run, from its newest checkpoint or that of a step.

    Raises :class:`UserError`: there is no run of the sequence engine, no such checkpoint or agent, or it is damaged.
    """
    directory = run if isinstance(run, RunDirectory) else RunDirectory.open(Path(run))
    experiment = experiment_of(directory)
    if not isinstance(experiment, SequenceExperiment):
        raise UserError(f"{directory.path} is of kind {experiment.kind!r}; agents are those of kind 'sequence'")
    count = experiment.population.meta_agents
    if not 0 <= agent < count:
        raise UserError(f"agent {agent} given; {directory.path} has agents 0 to {count - 1}")
    return agents_of(checkpoint_of(directory, step))[agent]


def agents_of(checkpoint: Checkpoint) -> tuple[Agent, ...]:
    """All agents of a checkpoint of the sequence engine, by number."""
    engine, params = sequence_engine(checkpoint.engine), checkpoint.state.meta.params
    return tuple(Agent(number, engine.rollout_of(number), own) for number, own in enumerate(params))


def experiment_of(run: RunDirectory) -> Experiment:
    """What a run trains; raises :class:`UserError` with one line where its ``config.toml`` cannot be read."""
    return validate(run.read_config(), file=str(run.config_file))


def checkpoint_of(run: RunDirectory, step: int | None = None, readers: Readers | None = None) -> Checkpoint:
    """The newest whole checkpoint of a run, or that of a step; raises :class:`UserError` where there is none.

    ``readers``: those of runs that were read before, to be shared and added to.
    """
    from coalactl.runs.checkpoints import restore

    # What was chosen for the machine that trained it says nothing of this one.
    experiment = with_open_compute(experiment_of(run))
    known: Readers = {} if readers is None else readers
    key = _form(experiment)
    if key not in known:
        engine = engine_for(experiment)
        known[key] = Reader(engine, engine.run_template)
    step, state = restore(run, known[key].template, step)
    return Checkpoint(run, experiment, known[key].engine, step, state)


def _form(experiment: Experiment) -> str:
    """What runs have in common whose states have the same form."""
    from coalactl_core.numbers.hyperparameters import most_points

    if isinstance(experiment, SequenceExperiment):
        return json.dumps([experiment.static_choices, most_points(experiment)], default=str)
    return experiment.model_copy(update={"run": experiment.run.model_copy(update={"seed": 0})}).model_dump_json()
