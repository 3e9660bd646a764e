"""The engine of an experiment, compiled as the tool compiles it, and what the tool asks of any engine."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from coalactl.errors import UserError
from coalactl.output import without_prints
from coalactl_core.config import ConfigurationError, SequenceExperiment
from coalactl_core.config_analytical import AnalyticalExperiment
from coalactl_core.experiments import Experiment

if TYPE_CHECKING:
    import numpy as np

    from coalactl_core import training
    from coalactl_core.types import Metrics, Summary

# On CPUs the compiler's highest level, 3, takes a third longer and its programs are not faster.
_CPU_OPTIONS = (("xla_backend_optimization_level", 2),)


class Engine(Protocol):
    """What the tool trains with, whatever the kind of experiment; a state is a tree of arrays that leads with runs."""

    @property
    def experiment(self) -> Experiment:
        """The experiment, with every choice made."""

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of opponents, in the order of the metrics' ``kinds`` axis."""

    @property
    def seeds(self) -> tuple[int, ...] | None:
        """The seeds that one run holds, where its metrics have an axis of seeds."""

    @property
    def call_capacity(self) -> int:
        """Iterations that one call holds at most."""

    @property
    def steps_per_iteration(self) -> int:
        """Environment steps of an iteration; 0 where nothing is sampled."""

    @property
    def parameter_count(self) -> int:
        """Trainable parameters of one agent."""

    @property
    def metric_count(self) -> int:
        """Numbers that an iteration adds to a run's metric files."""

    @property
    def run_template(self) -> Any:
        """Shapes and dtypes of the state of one run."""

    def init(self, seeds: Sequence[int], experiments: Sequence[Any] | None = None) -> Any:
        """Fresh runs; ``experiments``: one for each, of the same program, where they are not the engine's."""

    def compile(self, state: Any) -> None:
        """Compile :meth:`advance`."""

    def advance(self, state: Any, count: int) -> tuple[Any, Metrics]:
        """``count`` iterations."""

    def summary(self, state: Any) -> Summary:
        """Iterations done, and the meta agents' parameters on the host, leading with runs."""

    def with_parameters(self, state: Any, parameters: Any) -> Any:
        """The state with other parameters; raises :class:`ConfigurationError` where they do not fit."""

    def finite_parameters(self, state: Any) -> np.ndarray:
        """Whether all parameters are finite numbers, by run, seed (where a run holds several) and agent."""

    def memory_estimate(self, runs: int) -> int:
        """Resident bytes of a process that trains this many runs, roughly."""

    def fitting_change(self, runs: int, limit: int) -> dict[str, int] | None:
        """What to set so that so many runs fit into so many bytes; {} if they do, None if nothing helps."""


def engine_for(experiment: Experiment) -> Engine:
    """The engine of an experiment; what does not fit together is the user's error."""
    if not isinstance(experiment, AnalyticalExperiment):
        return sequence_engine_for(experiment)
    from coalactl_core.analytical.engine import build_analytical_engine

    try:
        return build_analytical_engine(experiment)
    except ConfigurationError as error:
        raise UserError(str(error)) from error


def reading_engine_for(experiment: Experiment) -> Engine:
    """An engine for the checkpoints of a run; on how many devices it was trained says nothing of this machine."""
    return engine_for(spread_over(experiment, 1))


def spread_over(experiment: Experiment, devices: int | str) -> Experiment:
    """The experiment on so many devices."""
    compute: Any = experiment.compute.model_copy(update={"devices": devices})
    return experiment.model_copy(update={"compute": compute})


def sequence_engine_for(experiment: SequenceExperiment) -> training.Engine:
    """The engine of a sequence experiment; what does not fit together is the user's error."""
    from coalactl_core import training

    try:
        with without_prints():
            engine = training.build_engine(experiment)
    except ConfigurationError as error:
        raise UserError(str(error)) from error
    options = _compiler_options()
    return replace(engine, compiler_options=options) if options else engine


def _compiler_options() -> tuple[tuple[str, int], ...]:
    """Options of this backend, without those that the user has set in ``XLA_FLAGS``."""
    import jax

    if jax.default_backend() != "cpu":
        return ()
    flags = os.environ.get("XLA_FLAGS", "")
    return tuple((name, value) for name, value in _CPU_OPTIONS if name not in flags)
