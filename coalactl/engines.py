"""The engine of an experiment, compiled as the tool compiles it."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from coalactl.errors import UserError
from coalactl_core.config import ConfigurationError, SequenceExperiment

if TYPE_CHECKING:
    from coalactl_core.training import Engine

# On CPUs the compiler's highest level, 3, takes a third longer and its programs are not faster.
_CPU_OPTIONS = (("xla_backend_optimization_level", 2),)


def engine_for(experiment: SequenceExperiment) -> Engine:
    """The engine of an experiment; what does not fit together is the user's error."""
    from coalactl_core import training

    try:
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
