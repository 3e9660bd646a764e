"""The one way from a run directory to what was trained in it.

A checkpoint of any kind of run has the meta agents' parameters by name, on the host, with which others begin; one of
the sequence engine has agents that play. :func:`load` reads no more of a checkpoint than an agent's parameters, and
needs nothing of the engine that trains.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from coalactl.configuration import validate
from coalactl.engines import engine_for, sequence_engine, with_open_compute
from coalactl.environment import use_compile_cache
from coalactl.errors import UserError
from coalactl.output import without_prints
from coalactl.runs.directory import RunDirectory
from coalactl_core.configuration.experiment import SequenceExperiment
from coalactl_core.configuration.kinds import Experiment
from coalactl_core.errors import ConfigurationError

if TYPE_CHECKING:
    from coalactl.engines import Engine
    from coalactl_core.envs.base import Environment
    from coalactl_core.nets.policy import Policy
    from coalactl_core.play.agents import Agent


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


def load(run: RunDirectory | Path | str, agent: int = 0, step: int | None = None) -> Agent:
    """An agent of a run, from its newest whole checkpoint or that of a step, to call on observations.

    It plays on whatever device there is, and its programs are kept in the tool's compile cache, unless JAX has another.

    Raises:
        UserError: there is no run of the sequence engine, no such checkpoint or agent, or it is damaged.
    """
    directory = run if isinstance(run, RunDirectory) else RunDirectory.open(Path(run))
    experiment = experiment_of(directory)
    if not isinstance(experiment, SequenceExperiment):
        raise UserError(f"{directory.path} is of kind {experiment.kind!r}; agents are those of kind 'sequence'")
    count = experiment.population.meta_agents
    if not 0 <= agent < count:
        raise UserError(f"agent {agent} given; {directory.path} has agents 0 to {count - 1}")
    _keep_programs()
    return _loaded(directory, experiment, agent, step)


def agents_of(checkpoint: Checkpoint) -> tuple[Agent, ...]:
    """All agents of a checkpoint of the sequence engine, by number, with the engine's own policy."""
    from coalactl_core.play.agent_games import AgentGame
    from coalactl_core.play.agents import Agent

    engine, params = sequence_engine(checkpoint.engine), checkpoint.state.meta.params
    agents = []
    for number, own in enumerate(params):
        rollout = engine.rollout_of(number)
        game = AgentGame(engine.experiment.environment.name, rollout.environment, rollout.crossing)
        agents.append(Agent(number, checkpoint.step, game, rollout.seats[0], own))
    return tuple(agents)


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


def _keep_programs() -> None:
    """In the tool's compile cache, unless JAX was told of another; it is Python's user who has it otherwise."""
    # As environment.load_jax does: these lines tell a user nothing.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import jax

    settings: Any = jax.config
    if settings.jax_compilation_cache_dir is None:
        use_compile_cache()


def _loaded(run: RunDirectory, experiment: SequenceExperiment, number: int, step: int | None) -> Agent:
    """Of the checkpoint the agents' parameters alone, and of the engine what plays."""
    import jax
    import jax.numpy as jnp
    import numpy as np

    from coalactl.runs.checkpoints import restore
    from coalactl_core.play.agent_games import AgentGame
    from coalactl_core.play.agents import Agent
    from coalactl_core.play.policies import observe_of
    from coalactl_core.play.rollout import Seat

    environment, policy = _network(experiment)
    key = jax.random.key(0)
    with jax.enable_x64(False):  # Runs are trained in single precision, whatever Python's user plays in.
        one = jax.eval_shape(policy.init, key)
    every = np.empty((experiment.population.meta_agents, *one.shape), one.dtype)
    step, state = restore(run, {"meta": {"params": every}}, step, partly=True)
    game = AgentGame(experiment.environment.name, environment, _crossing(experiment, number))
    seat = Seat(observe=observe_of(environment, policy), policy=policy, crossing=game.crossing)
    return Agent(
        number, step, game, seat, jnp.asarray(state["meta"]["params"][number], jax.eval_shape(policy.init, key).dtype)
    )


def _network(experiment: SequenceExperiment) -> tuple[Environment, Policy]:
    """The game, and the policy that plays it on any device."""
    from coalactl_core.envs.registry import build_environment
    from coalactl_core.play.policies import stepping_policy

    try:
        with without_prints():
            environment = build_environment(experiment)
            return environment, stepping_policy(experiment, environment)
    except ConfigurationError as error:
        raise UserError(str(error)) from error


def _crossing(experiment: SequenceExperiment, number: int) -> int:
    """How an agent's memory crosses inner episodes; of a rule of another package that may be for the rule to say."""
    from coalactl_core.play.policies import told_crossing

    told = told_crossing(experiment, number)
    if told is not None:
        return told
    return sequence_engine(engine_for(with_open_compute(experiment))).rollout_of(number).crossing


def _form(experiment: Experiment) -> str:
    """What runs have in common whose states have the same form."""
    from coalactl_core.numbers.hyperparameters import most_points

    if isinstance(experiment, SequenceExperiment):
        return json.dumps([experiment.static_choices, most_points(experiment)], default=str)
    return experiment.model_copy(update={"run": experiment.run.model_copy(update={"seed": 0})}).model_dump_json()
