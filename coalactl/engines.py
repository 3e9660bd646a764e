"""The engine of an experiment, compiled as the tool compiles it, and what the tool asks of any engine."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from coalactl.errors import UserError
from coalactl.output import without_prints
from coalactl_core.configuration.analytical import AnalyticalExperiment
from coalactl_core.configuration.compute import ComputeConfig
from coalactl_core.configuration.experiment import SequenceExperiment
from coalactl_core.configuration.kinds import Experiment
from coalactl_core.errors import ConfigurationError

if TYPE_CHECKING:
    from coalactl_core.training import engine as training
    from coalactl_core.types import Memory, Metrics, Sizes, Summary

# On CPUs the compiler's highest level, 3, takes a third longer and its programs are not faster.
_CPU_OPTIONS = (("xla_backend_optimization_level", 2),)


class Engine(Protocol):
    """What the tool trains with, whatever the kind of experiment; a state is a tree of arrays that leads with runs."""

    @property
    def experiment(self) -> Experiment:
        """The experiment, with every choice made."""

    @property
    def sizes(self) -> Sizes:
        """How large its program is."""

    @property
    def memory(self) -> Memory:
        """What trainings of so many runs need."""

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


def engine_for(experiment: Experiment) -> Engine:
    """The engine of an experiment; what does not fit together is the user's error."""
    if not isinstance(experiment, AnalyticalExperiment):
        return sequence_engine_for(experiment)
    from coalactl_core.analytical.engine import build_analytical_engine

    try:
        return build_analytical_engine(experiment)
    except ConfigurationError as error:
        raise UserError(str(error)) from error


def sequence_engine(engine: Engine) -> training.SequenceEngine:
    """The engine of a sequence experiment, as what it is."""
    from coalactl_core.training import engine as training

    if not isinstance(engine, training.SequenceEngine):
        raise TypeError(f"the engine of a sequence experiment expected, {type(engine).__name__} given")
    return engine


def with_open_compute(experiment: Experiment) -> Experiment:
    """The experiment laid out for the machine at hand, on one device."""
    compute = ComputeConfig() if isinstance(experiment, SequenceExperiment) else experiment.compute
    return spread_over(experiment.model_copy(update={"compute": compute}), 1)


def spread_over(experiment: Experiment, devices: int | str) -> Experiment:
    """The experiment on so many devices."""
    compute = experiment.compute.model_copy(update={"devices": devices})
    return experiment.model_copy(update={"compute": compute})


def sequence_engine_for(experiment: SequenceExperiment) -> training.SequenceEngine:
    """The engine of a sequence experiment; what does not fit together is the user's error."""
    from coalactl_core.training import engine as training

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
