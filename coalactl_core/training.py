"""Training: an experiment becomes an engine, an engine's states advance by iterations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.flatten_util import ravel_pytree
from jaxtyping import ArrayLike, Bool, Float, Int, Key, PyTree, Shaped, UInt

from coalactl_core.chunks import Map, map_in_chunks
from coalactl_core.config import ConfigurationError, SequenceExperiment
from coalactl_core.fitting import fitting_change, memory_needed, settled
from coalactl_core.gradient_balance import Balance, gradient_balance
from coalactl_core.hyperparameters import at_iteration, hyperparameters_of
from coalactl_core.iteration import iterate
from coalactl_core.metrics import summarize
from coalactl_core.naive_optimizers import fresh_states, kept_states, with_kept_states
from coalactl_core.pieces import Pieces, build_pieces
from coalactl_core.population import naive_set, sample_opponents
from coalactl_core.rollout import play_meta_episodes
from coalactl_core.sharding import Shards
from coalactl_core.types import (
    KIND_NAMES,
    Hyperparameters,
    Learner,
    MetaEpisode,
    Metrics,
    Opponents,
    Params,
    Scheduled,
    Summary,
    TrainState,
)

# Iterations whose metrics one call can hold; a call on a fast device lasts about two seconds.
CALL_CAPACITY = 64


def train_step(state: TrainState, pieces: Pieces) -> tuple[TrainState, Metrics]:
    """One training iteration of one run (App. B.2): every meta agent updates simultaneously."""
    key, shuffle, draw, play, learn = jax.random.split(state.key, 5)
    population = pieces.population
    hyper = at_iteration(state.hyperparameters, state.step)
    naive = naive_set(shuffle, state.naive, state.meta.params, population)

    def meet(agent: Int[Array, ""], key: Key[Array, ""]) -> Opponents:
        drawn = sample_opponents(key, agent, state.meta.params, naive, hyper.population, population)
        return with_kept_states(drawn, state.naive_optimizers, pieces.game.naive_optimizer)

    def play_all(agent: tuple[Key[Array, ""], Params, Opponents]) -> MetaEpisode:
        key, params, opponents = agent
        return play_meta_episodes(key, params, opponents, hyper.naive, pieces.game)

    opponents = jax.vmap(meet)(jnp.arange(population.meta), jax.random.split(draw, population.meta))
    agents = jax.random.split(play, population.meta), state.meta.params, opponents
    episodes = pieces.map_agents(play_all, agents)
    meta, losses = pieces.learner.update(learn, state, episodes, opponents, hyper)
    metrics = summarize(state.step, episodes, opponents, losses, population.kinds)
    state = state._replace(key=key, step=state.step + 1, meta=meta, naive=naive)
    if state.naive_optimizers is not None:
        kept = kept_states(state.naive_optimizers, episodes.opt_state, opponents, population.naive)
        state = state._replace(naive_optimizers=kept)
    return state, metrics


@dataclass(frozen=True)
class Engine:
    """A compiled program for every experiment with the same static choices; build with :func:`build_engine`."""

    experiment: SequenceExperiment
    pieces: Pieces
    run_chunk: int
    call_capacity: int = CALL_CAPACITY
    # XLA's options for the program of ``advance``, name and value.
    compiler_options: tuple[tuple[str, int | bool | str], ...] = ()

    def init(self, seeds: Sequence[int], experiments: Sequence[SequenceExperiment] | None = None) -> TrainState:
        """Fresh runs, one for each seed, on a leading ``runs`` axis.

        ``experiments`` gives each run numbers of its own; by default all have the engine's.

        Raises:
            ConfigurationError: an experiment differs from the engine's in more than numbers.
        """
        experiments = experiments or [self.experiment] * len(seeds)
        for experiment in experiments:
            self._check_choices(experiment)
        return self._compiled_init(jnp.asarray(seeds, jnp.uint32), hyperparameters_of(experiments))

    def advance(self, state: TrainState, count: int) -> tuple[TrainState, Metrics]:
        """``count`` iterations of every run, at most ``call_capacity``.

        Metrics lead with (runs, capacity), of which the first ``count`` iterations are valid. ``state`` is consumed.
        Neither the count nor any hyperparameter recompiles.
        """
        if not 0 <= count <= self.call_capacity:
            raise ValueError(f"count {count} is not in 0..{self.call_capacity}")
        return self._compiled_advance(self.shards.place(state), jnp.int32(count))

    def compile(self, state: TrainState) -> None:
        """Compile :meth:`advance` for states like this one without running an iteration's work."""
        # Copied by one program: each leaf by itself would be a program for each shape.
        copy = jax.jit(partial(jax.tree.map, jnp.copy))(state)
        jax.block_until_ready(self.advance(copy, 0))

    def summary(self, state: TrainState) -> Summary:
        """Iterations done and the meta agents' parameters, on the host, leading with (runs, agents)."""
        parameters = jax.tree.map(np.asarray, self._compiled_unpack(state.meta.params))
        return Summary(step=np.asarray(state.step), parameters=parameters)

    def with_parameters(self, state: TrainState, parameters: PyTree) -> TrainState:
        """The state with other meta parameters, leading with (runs, agents), and fresh optimisers.

        One run or agent may become several.

        Raises:
            ConfigurationError: they are another network's, or of another number of agents.
        """

        def fresh(parameters: Params) -> Learner:
            return self.pieces.learner.init(ravel_pytree(parameters)[0])

        fitting = _fitting(parameters, self.summary(state).parameters)
        return state._replace(meta=jax.jit(jax.vmap(jax.vmap(fresh)))(fitting))

    def with_naive(self, state: TrainState, run: int, parameters: PyTree) -> TrainState:
        """The state in which the naive agents of one run start at others' parameters, taken in turn.

        ``parameters`` lead with (runs, agents), of one run.

        Raises:
            ConfigurationError: they are another network's.
        """
        count = self.pieces.population.naive
        given = jax.tree.map(lambda leaf: np.asarray(leaf)[:, np.arange(count) % leaf.shape[1]], parameters)
        own = jax.tree.map(lambda leaf: np.repeat(leaf[:1, :1], count, axis=1), self.summary(state).parameters)
        vectors = jax.vmap(lambda agent: ravel_pytree(agent)[0])(
            jax.tree.map(lambda leaf: leaf[0], _fitting(given, own))
        )
        return state._replace(naive=state.naive.at[run].set(vectors))

    def finite_parameters(self, state: TrainState) -> Bool[np.ndarray, "runs agents"]:
        """Whether all parameters of each run and agent are finite numbers."""
        return np.isfinite(jax.device_get(state.meta.params)).all(-1)

    def memory_estimate(self, runs: int) -> int:
        """Resident bytes of a process that trains this many runs, roughly."""
        return memory_needed(self.experiment, self.pieces.game, runs)

    def fitting_change(self, runs: int, limit: int) -> dict[str, int] | None:
        """What to set so that so many runs fit into so many bytes; {} if they do, None if nothing helps."""
        return fitting_change(self.experiment, self.pieces.game, runs, limit)

    @property
    def kinds(self) -> tuple[str, ...]:
        """Names of the opponent kinds that can occur, in the order of the metrics' ``kinds`` axis."""
        return tuple(KIND_NAMES[kind] for kind in self.pieces.population.kinds)

    @property
    def steps_per_iteration(self) -> int:
        """Environment steps of one iteration, over all meta agents of one run."""
        return self.experiment.steps_per_iteration

    @property
    def seeds(self) -> None:
        """A run has one seed."""
        return None

    @property
    def metric_count(self) -> int:
        """Numbers that an iteration adds to a run's metric files, roughly: an environment has measures of its own."""
        agents, kinds = self.experiment.population.meta_agents, len(self.kinds)
        return agents * (20 + 12 * kinds) + agents * kinds * 4 * self.experiment.rollout.inner_episodes

    @property
    def parameter_count(self) -> int:
        """Trainable parameters of one agent."""
        return jax.eval_shape(self.pieces.game.policy.init, jax.random.key(0)).size

    @cached_property
    def _compiled_advance(self) -> jax.stages.Wrapped:
        options = dict(self.compiler_options)
        advance = self.shards.spread(partial(_advance, engine=self))
        return jax.jit(advance, donate_argnums=0, compiler_options=options)

    @property
    def shards(self) -> Shards:
        """The devices that the meta-batch is spread over."""
        return self.pieces.game.shards

    @property
    def run_template(self) -> TrainState:
        """Shapes and dtypes of the state of one run, without the ``runs`` axis; nothing is computed."""
        hyper = hyperparameters_of([self.experiment])
        states = jax.eval_shape(jax.vmap(self._init_run), jnp.zeros(1, jnp.uint32), hyper)
        return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape[1:], leaf.dtype), states)

    @cached_property
    def _compiled_init(self) -> jax.stages.Wrapped:
        # Run once: compiling it quickly counts more than the code that comes out.
        return jax.jit(jax.vmap(self._init_run), compiler_options={"xla_backend_optimization_level": 0})

    @cached_property
    def _compiled_unpack(self) -> jax.stages.Wrapped:
        return jax.jit(jax.vmap(jax.vmap(self.pieces.unpack)))

    def _check_choices(self, experiment: SequenceExperiment) -> None:
        ours, theirs = self.experiment.static_choices, settled(experiment).static_choices
        differing = [key for key in ours if ours[key] != theirs[key]]
        if differing:
            raise ConfigurationError(
                f"{differing[0]}: {theirs[differing[0]]} differs from the engine's {ours[differing[0]]}; "
                "runs of one program share all but numbers"
            )

    def _init_run(self, seed: UInt[Array, ""], hyper: Scheduled[Hyperparameters]) -> TrainState:
        key, params_key = jax.random.split(jax.random.key(seed))
        population, game = self.pieces.population, self.pieces.game
        policy = game.policy
        params = jax.vmap(policy.init)(jax.random.split(params_key, population.meta + population.naive))
        return TrainState(
            key=key,
            step=jnp.int32(0),
            hyperparameters=hyper,
            meta=jax.vmap(self.pieces.learner.init)(params[: population.meta]),
            naive=params[population.meta :],
            naive_optimizers=(
                fresh_states(params[population.meta :], game.naive_optimizer) if game.keeps_optimizers else None
            ),
        )


def build_engine(experiment: SequenceExperiment) -> Engine:
    """The engine of an experiment.

    Raises:
        ConfigurationError: a plugin is unknown, or parts of the configuration do not fit each other.
    """
    experiment = settled(experiment)
    return Engine(experiment=experiment, pieces=build_pieces(experiment), run_chunk=int(experiment.compute.run_chunk))


def _fitting(given: PyTree, own: PyTree) -> PyTree:
    """Parameters of other agents in the shapes of one's own."""
    if jax.tree.structure(given) != jax.tree.structure(own):  # type: ignore[operator]
        raise ConfigurationError("it has another kind of network")

    def fit(theirs: Shaped[ArrayLike, "..."], ours: Shaped[np.ndarray, "runs agents ..."]) -> Shaped[Array, "..."]:
        theirs = jnp.asarray(theirs)
        if theirs.shape[2:] != ours.shape[2:]:
            raise ConfigurationError(f"it has a network of other sizes ({theirs.shape[2:]}, here {ours.shape[2:]})")
        if theirs.shape[0] not in (1, ours.shape[0]) or theirs.shape[1] not in (1, ours.shape[1]):
            raise ConfigurationError(f"it has {theirs.shape[1]} meta agents (here {ours.shape[1]})")
        return jnp.broadcast_to(theirs, ours.shape)

    return jax.tree.map(fit, given, own)


def _advance(state: TrainState, count: Int[Array, ""], *, engine: Engine) -> tuple[TrainState, Metrics]:
    """The program of :meth:`Engine.advance`."""
    in_chunks = partial(map_in_chunks, chunk=engine.run_chunk)
    balance = engine.pieces.balance

    def step_all(state: TrainState) -> tuple[TrainState, Metrics]:
        after, metrics = in_chunks(partial(train_step, pieces=engine.pieces), state)
        if balance is not None:
            metrics = metrics._replace(scalars=metrics.scalars | _measured(state, balance, in_chunks))
        return after, metrics

    return iterate(step_all, state, count, capacity=engine.call_capacity)


def _measured(state: TrainState, balance: Balance, in_chunks: Map) -> dict[str, Float[Array, "runs agents"]]:
    """Gradient balance before the iteration's update where it is due; all runs of a program are equally far."""

    def measure(state: TrainState) -> dict[str, Float[Array, "runs agents"]]:
        return in_chunks(lambda run: gradient_balance(run, at_iteration(run.hyperparameters, run.step), balance), state)

    def skip(state: TrainState) -> dict[str, Float[Array, "runs agents"]]:
        return jax.tree.map(lambda leaf: jnp.full(leaf.shape, jnp.nan, leaf.dtype), jax.eval_shape(measure, state))

    return jax.lax.cond(state.step[0] % balance.every == 0, measure, skip, state)
