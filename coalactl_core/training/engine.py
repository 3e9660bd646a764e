"""Training: an experiment becomes an engine, an engine's states advance by iterations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Int, Key, UInt

from coalactl_core.configuration.experiment import SequenceExperiment
from coalactl_core.errors import ConfigurationError
from coalactl_core.layout.sharding import Shards
from coalactl_core.loops.chunks import Map, map_in_chunks
from coalactl_core.loops.iteration import iterate
from coalactl_core.measures import KINDS
from coalactl_core.numbers.hyperparameters import at_iteration, hyperparameters_of
from coalactl_core.opponents.population import naive_set
from coalactl_core.opponents.starts import begun
from coalactl_core.play.rollout import Rollout
from coalactl_core.training.fitting import fitting_change, memory_needed, settled
from coalactl_core.training.gradient_balance import Balance, gradient_balance
from coalactl_core.training.groups import fresh_agents
from coalactl_core.training.parts import Parts, parts_of
from coalactl_core.training.pieces import Pieces, build_pieces
from coalactl_core.training.step import train_step
from coalactl_core.types import (
    Hyperparameters,
    Learner,
    Memory,
    Metrics,
    Params,
    Scheduled,
    Sizes,
    Summary,
    TrainState,
)

# Iterations whose metrics one call can hold; a call on a fast device lasts about two seconds.
CALL_CAPACITY = 64
_QUICKLY = {"xla_backend_optimization_level": 0}


@dataclass(frozen=True)
class SequenceEngine:
    """A compiled program for every experiment with the same static choices; build with :func:`build_engine`."""

    experiment: SequenceExperiment
    pieces: Pieces
    run_chunk: int
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
        """``count`` iterations of every run, at most :data:`CALL_CAPACITY`.

        Metrics lead with (runs, capacity), of which the first ``count`` iterations are valid. ``state`` is consumed.
        Neither the count nor any hyperparameter recompiles.
        """
        if not 0 <= count <= CALL_CAPACITY:
            raise ValueError(f"count {count} is not in 0..{CALL_CAPACITY}")
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

    @cached_property
    def sizes(self) -> Sizes:
        """How large the program is."""
        agents, kinds = self.experiment.population.meta_agents, self.pieces.population.kinds
        metrics = agents * (20 + 12 * len(kinds)) + agents * len(kinds) * 4 * self.experiment.rollout.inner_episodes
        return Sizes(
            call_capacity=CALL_CAPACITY,
            steps_per_iteration=self.experiment.steps_per_iteration,
            parameter_count=jax.eval_shape(self.pieces.rollout.policy.init, jax.random.key(0)).size,
            metric_count=metrics,
            kinds=tuple(KINDS[kind] for kind in kinds),
        )

    @property
    def memory(self) -> Memory:
        """What trainings of this program need, and how they would fit."""
        parts = self.experiment, self.pieces
        return Memory(needed=partial(memory_needed, *parts), fitting_change=partial(fitting_change, *parts))

    def rollout_of(self, agent: int) -> Rollout:
        """Play as an agent knows it: the environment, its policy, and how its memory crosses inner episodes."""
        return self.pieces.rollout_of(agent)

    def naive_of(self, state: TrainState, seed: int) -> Params:
        """The naive agents whom one run's meta agents meet; where these are meta agents, the seed draws which."""
        key, population = jax.random.key(seed), self.pieces.population
        return naive_set(key, state.naive, state.meta.params, population).params

    def drawn_naive(self, seed: int) -> Params:
        """The naive initialisations that a fresh run of the seed draws; those of others are no matter of the seed."""
        return self._compiled_draw(jnp.uint32(seed))

    def parts(self, state: TrainState) -> Parts:
        """Calls of the parts of an iteration from this state, compiled as :meth:`advance` is."""

        def compiled(of_run: Callable[..., Any]) -> Callable[..., Any]:
            return jax.jit(self.shards.spread(jax.vmap(of_run)), compiler_options=dict(self.compiler_options))

        return parts_of(self.pieces, self.shards.place(state), compiled)

    @cached_property
    def _compiled_advance(self) -> jax.stages.Wrapped:
        options = dict(self.compiler_options)
        advance = self.shards.spread(partial(_advance, engine=self))
        return jax.jit(advance, donate_argnums=0, compiler_options=options)

    @property
    def shards(self) -> Shards:
        """The devices that the meta-batch is spread over."""
        return self.pieces.rollout.shards

    @property
    def run_template(self) -> TrainState:
        """Shapes and dtypes of the state of one run, without the ``runs`` axis; nothing is computed."""
        hyper = hyperparameters_of([self.experiment])
        states = jax.eval_shape(jax.vmap(self._init_run), jnp.zeros(1, jnp.uint32), hyper)
        return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape[1:], leaf.dtype), states)

    @cached_property
    def _compiled_init(self) -> jax.stages.Wrapped:
        # Run once: compiling it quickly counts more than the code that comes out.
        return jax.jit(jax.vmap(self._init_run), compiler_options=_QUICKLY)

    @cached_property
    def _compiled_draw(self) -> jax.stages.Wrapped:
        return jax.jit(lambda seed: self._draw(seed)[1][self.pieces.population.meta :], compiler_options=_QUICKLY)

    @cached_property
    def _compiled_unpack(self) -> jax.stages.Wrapped:
        return jax.jit(jax.vmap(jax.vmap(self.pieces.unpack)))

    def _check_choices(self, experiment: SequenceExperiment) -> None:
        ours, theirs = self.experiment.static_choices, settled(experiment).static_choices
        differing = [key for key in {**ours, **theirs} if ours.get(key) != theirs.get(key)]
        if differing:
            raise ConfigurationError(
                f"{differing[0]}: {theirs.get(differing[0])} differs from the engine's {ours.get(differing[0])}; "
                "runs of one program share all but numbers"
            )

    def _init_run(self, seed: UInt[Array, ""], hyper: Scheduled[Hyperparameters]) -> TrainState:
        population, rollout = self.pieces.population, self.pieces.rollout
        key, params = self._draw(seed)
        naive = Learner(params[population.meta :])
        if self.pieces.keeps_optimizers:
            numbers = jnp.arange(population.naive)
            naive = naive._replace(opt_state=begun(naive, numbers, rollout.naive).opt_state)
        return TrainState(
            key=key,
            step=jnp.int32(0),
            hyperparameters=hyper,
            meta=fresh_agents(key, params[: population.meta], self.pieces.groups),
            naive=naive,
        )

    def _draw(self, seed: UInt[Array, ""]) -> tuple[Key[Array, ""], Float[Array, "agents parameters"]]:
        """A run's key, and the parameters of its meta agents and then of its naive ones, before anybody learns."""
        key, params_key = jax.random.split(jax.random.key(seed))
        agents = self.pieces.population.meta + self.pieces.population.naive
        return key, jax.vmap(self.pieces.rollout.policy.init)(jax.random.split(params_key, agents))


def build_engine(experiment: SequenceExperiment) -> SequenceEngine:
    """The engine of an experiment.

    Raises:
        ConfigurationError: a plugin is unknown, or parts of the configuration do not fit each other.
    """
    experiment = settled(experiment)
    return SequenceEngine(
        experiment=experiment, pieces=build_pieces(experiment), run_chunk=experiment.compute.layout.run_chunk
    )


def _advance(state: TrainState, count: Int[Array, ""], *, engine: SequenceEngine) -> tuple[TrainState, Metrics]:
    """The program of :meth:`SequenceEngine.advance`."""
    in_chunks = partial(map_in_chunks, chunk=engine.run_chunk)
    balance = engine.pieces.balance

    def step_all(state: TrainState) -> tuple[TrainState, Metrics]:
        after, metrics = in_chunks(partial(train_step, pieces=engine.pieces), state)
        if balance is not None:
            metrics = metrics._replace(scalars=metrics.scalars | _measured(state, balance, in_chunks))
        return after, metrics

    return iterate(step_all, state, count, capacity=CALL_CAPACITY)


def _measured(state: TrainState, balance: Balance, in_chunks: Map) -> dict[str, Float[Array, "runs agents"]]:
    """Gradient balance before the iteration's update where it is due; all runs of a program are equally far."""

    def measure(state: TrainState) -> dict[str, Float[Array, "runs agents"]]:
        return in_chunks(lambda run: gradient_balance(run, at_iteration(run.hyperparameters, run.step), balance), state)

    def skip(state: TrainState) -> dict[str, Float[Array, "runs agents"]]:
        return jax.tree.map(lambda leaf: jnp.full(leaf.shape, jnp.nan, leaf.dtype), jax.eval_shape(measure, state))

    return jax.lax.cond(state.step[0] % balance.every == 0, measure, skip, state)
