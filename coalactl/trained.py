"""The one way from a run directory, or an agent file, to what was trained.

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
from coalactl.errors import ExitCode, UserError
from coalactl.output import without_prints
from coalactl.parameters import drawn_again, step_in, vectors_in
from coalactl.runs.agent_file import AGENTS, NAIVE, AgentFile
from coalactl.runs.sources import Source, source_at
from coalactl_core.configuration.experiment import SequenceExperiment
from coalactl_core.configuration.kinds import Experiment
from coalactl_core.errors import ConfigurationError

if TYPE_CHECKING:
    import numpy as np

    from coalactl.engines import Engine
    from coalactl.runs.directory import RunDirectory
    from coalactl_core.envs.base import Environment
    from coalactl_core.nets.policy import Policy, Unpack
    from coalactl_core.play.agents import Agent


class Reader(NamedTuple):
    """An engine for checkpoints, and the form of a run's state; of runs that differ in numbers alone it is the same."""

    engine: Engine
    template: Any


Readers = dict[str, Reader]


class Checkpoint(NamedTuple):
    """A run at one step: ``state`` is the engine's, without the ``runs`` axis.

    Of an agent file it has what playing takes: parameters, numbers, step; what only training goes on from is zeros.
    """

    run: Source
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


def load(run: Source | Path | str, agent: int = 0, step: int | None = None) -> Agent:
    """An agent of a run, from its newest whole checkpoint or that of a step, or of an agent file.

    It is called on observations, plays on whatever device there is, and its programs are kept in the tool's compile
    cache, unless JAX has another.

    Raises:
        UserError: there is no run of the sequence engine, no such checkpoint or agent, or it is damaged.
    """
    source = source_at(Path(run)) if isinstance(run, Path | str) else run
    experiment = experiment_of(source)
    if not isinstance(experiment, SequenceExperiment):
        raise UserError(f"{source.path} is of kind {experiment.kind!r}; agents are those of kind 'sequence'")
    count = experiment.population.meta_agents
    if not 0 <= agent < count:
        raise UserError(f"agent {agent} given; {source.path} has agents 0 to {count - 1}")
    _keep_programs()
    return _loaded(source, experiment, agent, step)


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


def experiment_of(run: Source) -> Experiment:
    """What a run trains; raises :class:`UserError` with one line where its ``config.toml`` cannot be read."""
    try:
        experiment = validate(run.read_config(), file=str(run.config_file))
    except UserError as error:
        # Whoever was handed a file has not written its configuration, and cannot mend it.
        code = ExitCode.DAMAGED if isinstance(run, AgentFile) else error.code
        raise UserError(str(error), code) from error
    if isinstance(run, AgentFile) and not isinstance(experiment, SequenceExperiment):
        raise UserError(f"{run.config_file} is of kind {experiment.kind!r}, of which there are none", ExitCode.DAMAGED)
    return experiment


def checkpoint_of(run: Source, step: int | None = None, readers: Readers | None = None) -> Checkpoint:
    """The newest whole checkpoint of a run, or that of a step; raises :class:`UserError` where there is none.

    ``readers``: those of runs that were read before, to be shared and added to.
    """
    # What was chosen for the machine that trained it says nothing of this one.
    experiment = with_open_compute(experiment_of(run))
    known: Readers = {} if readers is None else readers
    key = _form(experiment)
    if key not in known:
        engine = engine_for(experiment)
        known[key] = Reader(engine, engine.run_template)
    reader = known[key]
    if isinstance(run, AgentFile):
        return Checkpoint(run, experiment, reader.engine, step_in(run, step), _playing(run, experiment, reader))
    from coalactl.runs.checkpoints import restore

    step, state = restore(run, reader.template, step)
    return Checkpoint(run, experiment, reader.engine, step, state)


def _keep_programs() -> None:
    """In the tool's compile cache, unless JAX was told of another; it is Python's user who has it otherwise."""
    # As environment.load_jax does: these lines tell a user nothing.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import jax

    settings: Any = jax.config
    if settings.jax_compilation_cache_dir is None:
        use_compile_cache()


def _loaded(source: Source, experiment: SequenceExperiment, number: int, step: int | None) -> Agent:
    """Of the checkpoint the agents' parameters alone, and of the engine what plays."""
    import jax
    import jax.numpy as jnp

    from coalactl_core.play.agent_games import AgentGame
    from coalactl_core.play.agents import Agent
    from coalactl_core.play.policies import observe_of
    from coalactl_core.play.rollout import Seat

    environment, policy, unpack = _network(experiment)
    if isinstance(source, AgentFile):
        step, every = step_in(source, step), vectors_in(source, AGENTS, experiment, policy, unpack)
    else:
        step, every = _vectors_of(source, experiment, policy, step)
    game = AgentGame(experiment.environment.name, environment, _crossing(experiment, number))
    seat = Seat(observe=observe_of(environment, policy), policy=policy, crossing=game.crossing)
    kind = jax.eval_shape(policy.init, jax.random.key(0)).dtype
    return Agent(number, step, game, seat, jnp.asarray(every[number], kind))


def _network(experiment: SequenceExperiment) -> tuple[Environment, Policy, Unpack]:
    """The game, the policy that plays it on any device, and what names its parameters."""
    from coalactl_core.envs.registry import build_environment
    from coalactl_core.play.policies import stepping_policy

    try:
        with without_prints():
            environment = build_environment(experiment)
            return environment, *stepping_policy(experiment, environment)
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


def _vectors_of(
    run: RunDirectory, experiment: SequenceExperiment, policy: Policy, step: int | None
) -> tuple[int, np.ndarray]:
    """The step, and the parameters of all meta agents of a checkpoint, of which no more is read."""
    import jax
    import numpy as np

    from coalactl.runs.checkpoints import restore

    with jax.enable_x64(False):  # Runs are trained in single precision, whatever Python's user plays in.
        one = jax.eval_shape(policy.init, jax.random.key(0))
    every = np.empty((experiment.population.meta_agents, *one.shape), one.dtype)
    step, state = restore(run, {"meta": {"params": every}}, step, partly=True)
    return step, state["meta"]["params"]


def _playing(file: AgentFile, experiment: Experiment, reader: Reader) -> Any:
    """A state of the engine of which play needs no more: parameters, numbers and step, and zeros for the rest."""
    import jax
    import jax.numpy as jnp
    import numpy as np

    from coalactl_core.numbers.hyperparameters import hyperparameters_of

    if not isinstance(experiment, SequenceExperiment):
        raise TypeError(f"an experiment of kind 'sequence' expected, one of kind {experiment.kind!r} given")

    def blank(leaf: Any) -> Any:
        is_key = jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
        return jnp.broadcast_to(jax.random.key(0), leaf.shape) if is_key else np.zeros(leaf.shape, leaf.dtype)

    pieces = sequence_engine(reader.engine).pieces
    parts = experiment, pieces.rollout.policy, pieces.unpack
    agents, drawn = vectors_in(file, AGENTS, *parts), file.contents.drawn
    naive = drawn_again(file, reader.engine, experiment.run.seed) if drawn else vectors_in(file, NAIVE, *parts)
    state = jax.tree.map(blank, reader.template)
    return state._replace(
        step=jnp.int32(file.contents.step),
        hyperparameters=jax.tree.map(lambda leaf: jnp.asarray(leaf[0]), hyperparameters_of([experiment])),
        meta=state.meta._replace(params=jnp.asarray(agents)),
        naive=state.naive._replace(params=jnp.asarray(naive)),
    )
