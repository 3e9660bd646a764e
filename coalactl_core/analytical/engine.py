"""The engine of analytical experiments: all seeds of a run side by side, every gradient exact (§4, App. C).

It computes in float64, because a discount near 1 is badly conditioned, without turning float64 on for the process: each
of its calls runs inside ``jax.enable_x64``, and its states are arrays of NumPy, so that nothing outside of a call can
round them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, TypeVar

import jax
import numpy as np
from jax.sharding import Mesh, PartitionSpec
from jaxtyping import Array, Float, Int

from coalactl_core.analytical.learning import (
    AnalyticalState,
    Dilemma,
    build_dilemma,
    initial_state,
    train_step,
)
from coalactl_core.configuration.analytical import AnalyticalExperiment
from coalactl_core.configuration.compute import check_devices
from coalactl_core.errors import ConfigurationError
from coalactl_core.loops.iteration import iterate
from coalactl_core.types import Learner, Memory, Metrics, Sizes, Summary

CALL_CAPACITY = 256
# Resident bytes of a process that has loaded JAX and compiled such a program, and the floats that a step of a naive
# learner keeps for its derivative, measured.
_BASE_BYTES = 500_000_000
_KEPT_PER_STEP = 40
_AXIS = "devices"

Result = TypeVar("Result")


@dataclass(frozen=True)
class AnalyticalEngine:
    """A compiled program for one analytical experiment; build with :func:`build_analytical_engine`.

    States lead with ``runs``, then ``seeds``: a run holds all its seeds.
    """

    experiment: AnalyticalExperiment
    dilemma: Dilemma

    @cached_property
    def sizes(self) -> Sizes:
        """How large the program is; nothing is sampled."""
        seeds = self.experiment.seeds
        agents = self.experiment.population.meta * len(seeds)
        return Sizes(
            call_capacity=CALL_CAPACITY,
            steps_per_iteration=0,
            parameter_count=5,
            metric_count=agents * (30 + 4 * (self.experiment.naive.steps + 1)),
            kinds=("naive",),
            seeds=seeds,
        )

    @property
    def memory(self) -> Memory:
        """What trainings of this program need; nothing makes an exact run smaller."""
        return Memory(
            needed=self._memory_needed,
            fitting_change=lambda runs, limit: {} if self._memory_needed(runs) <= limit else None,
        )

    @property
    def run_template(self) -> AnalyticalState:
        """The shapes and dtypes of the state of one run, as arrays."""
        return jax.tree.map(lambda leaf: leaf[0], self.init([self.experiment.run.seed]))

    def init(self, seeds: Sequence[int], experiments: Sequence[AnalyticalExperiment] | None = None) -> AnalyticalState:
        """Fresh runs, each beginning at one of the seeds and holding as many as the experiment says.

        Raises:
            ConfigurationError: one of the ``experiments`` differs from the engine's in more than ``run``.
        """
        for experiment in experiments or ():
            self._check_program(experiment)
        return self._exactly(self._compiled_init, np.asarray(seeds, np.uint32))

    def advance(self, state: AnalyticalState, count: int) -> tuple[AnalyticalState, Metrics]:
        """``count`` iterations of every run, at most :data:`CALL_CAPACITY`.

        Metrics lead with (runs, capacity), of which the first ``count`` iterations are valid, then ``seeds``.
        """
        if not 0 <= count <= CALL_CAPACITY:
            raise ValueError(f"count {count} is not in 0..{CALL_CAPACITY}")
        return self._exactly(self._compiled_advance, state, np.int32(count))

    def compile(self, state: AnalyticalState) -> None:
        """Compile :meth:`advance` for states like this one."""
        self.advance(state, 0)

    def summary(self, state: AnalyticalState) -> Summary:
        """Iterations done and the policies' logits, leading with (runs, seeds, agents)."""
        return Summary(step=np.asarray(state.step), parameters={"logits": np.asarray(state.agents.params)})

    def fresh_agents(self, policies: Float[np.ndarray, "runs seeds agents 5"]) -> Learner:
        """Agents with these policies that have not learnt yet."""
        return self._exactly(jax.jit(jax.vmap(jax.vmap(jax.vmap(self.dilemma.fresh)))), policies)

    def _memory_needed(self, runs: int) -> int:
        naive, size = self.experiment.naive, 8 if self.experiment.compute.precision == "float64" else 4
        sizes = self.sizes
        policies = len(sizes.seeds) * self.experiment.population.meta * naive.learners
        rows = sizes.call_capacity * sizes.metric_count * 2
        return _BASE_BYTES + runs * size * (policies * (naive.steps + 1) * _KEPT_PER_STEP + rows)

    def _check_program(self, experiment: AnalyticalExperiment) -> None:
        """Every number is part of the program here."""
        free = {"run", "compute"}
        if experiment.model_dump(exclude=free) != self.experiment.model_dump(exclude=free) or len(
            experiment.seeds
        ) != len(self.experiment.seeds):
            raise ConfigurationError("runs of one analytical program share all but their seeds")

    def _exactly(self, function: Callable[..., Result], *arguments: Any) -> Result:
        """Calls a program in the experiment's precision; its arrays come back to the host."""
        with self._precision():
            return jax.tree.map(np.asarray, jax.device_get(function(*arguments)))

    def _precision(self) -> AbstractContextManager[Any]:
        return jax.enable_x64(self.experiment.compute.precision == "float64")

    @cached_property
    def _compiled_init(self) -> jax.stages.Wrapped:
        return jax.jit(jax.vmap(partial(initial_state, experiment=self.experiment, dilemma=self.dilemma)))

    @cached_property
    def _compiled_advance(self) -> jax.stages.Wrapped:
        devices = self.experiment.compute.layout.devices
        advance = partial(_advance, dilemma=self.dilemma, capacity=CALL_CAPACITY)
        if devices == 1:
            return jax.jit(advance)
        # Seeds lie side by side and have nothing to tell each other. The records say where each of their parts lies.
        same, after_runs, after_capacity = PartitionSpec(), PartitionSpec(None, _AXIS), PartitionSpec(None, None, _AXIS)
        state = AnalyticalState._make((same, same, after_runs, after_runs))
        metrics = Metrics._make((same, after_capacity, after_capacity))
        mesh = Mesh(np.asarray(jax.devices()[:devices]), (_AXIS,))
        spread = jax.shard_map(advance, mesh=mesh, in_specs=(state, same), out_specs=(state, metrics), check_vma=False)
        return jax.jit(spread)


def build_analytical_engine(experiment: AnalyticalExperiment) -> AnalyticalEngine:
    """The engine of an experiment.

    Raises:
        ConfigurationError: parts of the configuration do not fit each other or this machine.
    """
    seeds, available, wish = experiment.run.seeds, jax.device_count(), experiment.compute.devices
    most = max(count for count in range(1, available + 1) if seeds % count == 0)
    count = {"auto": most, "all": available}[wish] if isinstance(wish, str) else wish
    compute = experiment.compute.model_copy(update={"devices": count})
    experiment = experiment.model_copy(update={"compute": compute})
    check_devices(count, available, seeds, f"run.seeds {seeds}", ("run.seeds", count))
    return AnalyticalEngine(experiment=experiment, dilemma=build_dilemma(experiment))


def _advance(
    state: AnalyticalState, count: Int[Array, ""], *, dilemma: Dilemma, capacity: int
) -> tuple[AnalyticalState, Metrics]:
    """The program of :meth:`AnalyticalEngine.advance`."""
    step_all = partial(jax.lax.map, partial(train_step, dilemma=dilemma))
    return iterate(step_all, state, count, capacity=capacity)
