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
from jaxtyping import Array, Bool, Int, PyTree

from coalactl_core.analytical.learning import (
    AnalyticalState,
    Dilemma,
    build_dilemma,
    initial_state,
    train_step,
)
from coalactl_core.config import ConfigurationError, check_devices
from coalactl_core.config_analytical import AnalyticalExperiment
from coalactl_core.iteration import iterate
from coalactl_core.types import Metrics, Summary

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
    kinds: tuple[str, ...] = ("naive",)
    call_capacity: int = CALL_CAPACITY
    steps_per_iteration: int = 0

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds of one run."""
        return self.experiment.seeds

    @property
    def parameter_count(self) -> int:
        """Trainable parameters of one agent."""
        return 5

    @property
    def metric_count(self) -> int:
        """Numbers that an iteration adds to a run's metric files, roughly."""
        agents = self.experiment.population.meta * len(self.seeds)
        return agents * (30 + 4 * (self.experiment.naive.steps + 1))

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
        """``count`` iterations of every run, at most ``call_capacity``.

        Metrics lead with (runs, capacity), of which the first ``count`` iterations are valid, then ``seeds``.
        """
        if not 0 <= count <= self.call_capacity:
            raise ValueError(f"count {count} is not in 0..{self.call_capacity}")
        return self._exactly(self._compiled_advance, state, np.int32(count))

    def compile(self, state: AnalyticalState) -> None:
        """Compile :meth:`advance` for states like this one."""
        self.advance(state, 0)

    def summary(self, state: AnalyticalState) -> Summary:
        """Iterations done and the policies' logits, leading with (runs, seeds, agents)."""
        return Summary(step=np.asarray(state.step), parameters={"logits": np.asarray(state.agents.params)})

    def with_parameters(self, state: AnalyticalState, parameters: PyTree) -> AnalyticalState:
        """The state with other policies and fresh optimisers: as many as it has agents of all seeds, or one for all.

        So two agents of 32 seeds may start at those of 64 seeds of one agent.

        Raises:
            ConfigurationError: the number of policies is another.
        """
        given: np.ndarray = np.asarray(parameters["logits"])
        own: np.ndarray = np.asarray(state.agents.params)
        policies = given.reshape(-1, given.shape[-1])
        if len(policies) == 1:
            policies = np.broadcast_to(policies, (own[..., 0].size, own.shape[-1]))
        if policies.size != own.size:
            raise ConfigurationError(f"it has {len(policies)} policies (here {own[..., 0].size}, of all seeds)")

        def fresh(policies: Any) -> Any:
            return jax.vmap(jax.vmap(jax.vmap(self.dilemma.fresh)))(policies)

        return state._replace(agents=self._exactly(jax.jit(fresh), policies.reshape(own.shape)))

    def finite_parameters(self, state: AnalyticalState) -> Bool[np.ndarray, "runs seeds agents"]:
        """Whether all logits of each agent of each seed are finite numbers."""
        return np.asarray(np.isfinite(state.agents.params).all(-1))

    def memory_estimate(self, runs: int) -> int:
        """Resident bytes of a process that trains this many runs, roughly."""
        naive, size = self.experiment.naive, 8 if self.experiment.compute.precision == "float64" else 4
        policies = len(self.seeds) * self.experiment.population.meta * naive.learners
        rows = self.call_capacity * self.metric_count * 2
        return _BASE_BYTES + runs * size * (policies * (naive.steps + 1) * _KEPT_PER_STEP + rows)

    def fitting_change(self, runs: int, limit: int) -> dict[str, int] | None:
        """Nothing makes an exact run smaller: {} if it fits into so many bytes, None if not."""
        return {} if self.memory_estimate(runs) <= limit else None

    def _check_program(self, experiment: AnalyticalExperiment) -> None:
        """Every number is part of the program here."""
        free = {"run", "compute"}
        if experiment.model_dump(exclude=free) != self.experiment.model_dump(exclude=free) or len(
            experiment.seeds
        ) != len(self.seeds):
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
        devices = int(self.experiment.compute.devices)
        advance = partial(_advance, dilemma=self.dilemma, capacity=self.call_capacity)
        if devices == 1:
            return jax.jit(advance)
        # Seeds lie side by side and have nothing to tell each other.
        same, after_runs, after_capacity = PartitionSpec(), PartitionSpec(None, _AXIS), PartitionSpec(None, None, _AXIS)
        state: Any = AnalyticalState(same, same, after_runs, after_runs)  # type: ignore[arg-type]
        metrics: Any = Metrics(same, after_capacity, after_capacity)  # type: ignore[arg-type]
        mesh = Mesh(np.asarray(jax.devices()[:devices]), (_AXIS,))
        spread = jax.shard_map(advance, mesh=mesh, in_specs=(state, same), out_specs=(state, metrics), check_vma=False)
        return jax.jit(spread)


def build_analytical_engine(experiment: AnalyticalExperiment) -> AnalyticalEngine:
    """The engine of an experiment.

    Raises:
        ConfigurationError: parts of the configuration do not fit each other or this machine.
    """
    seeds, available = experiment.run.seeds, jax.device_count()
    most = max(count for count in range(1, available + 1) if seeds % count == 0)
    chosen = {"auto": most, "all": available}
    if experiment.compute.devices in chosen:
        compute = experiment.compute.model_copy(update={"devices": chosen[str(experiment.compute.devices)]})
        experiment = experiment.model_copy(update={"compute": compute})
    count = int(experiment.compute.devices)
    check_devices(count, available, seeds, f"run.seeds {seeds}", ("run.seeds", count))
    return AnalyticalEngine(experiment=experiment, dilemma=build_dilemma(experiment))


def _advance(
    state: AnalyticalState, count: Int[Array, ""], *, dilemma: Dilemma, capacity: int
) -> tuple[AnalyticalState, Metrics]:
    """The program of :meth:`AnalyticalEngine.advance`."""
    step_all = partial(jax.lax.map, partial(train_step, dilemma=dilemma))
    return iterate(step_all, state, count, capacity=capacity)
