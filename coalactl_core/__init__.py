"""The headless engine of coalactl: configuration in, a stream of states and metrics out.

``build_engine(experiment)`` gives a :class:`SequenceEngine` with ``init``, ``advance`` and ``summary``. The engine
writes no files, reads no clock and prints nothing. What is exported here is its Python API; nothing of it is loaded
before it is asked for, since configuration, command line and reports need no JAX.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from coalactl_core.analytical.engine import AnalyticalEngine, build_analytical_engine
    from coalactl_core.configuration.analytical import AnalyticalExperiment
    from coalactl_core.configuration.experiment import SequenceExperiment
    from coalactl_core.credit.returns import batch_lambda_returns
    from coalactl_core.errors import ConfigurationError
    from coalactl_core.methods import METHODS, Method
    from coalactl_core.rules.seam import Rule, Setting
    from coalactl_core.training.engine import SequenceEngine, build_engine
    from coalactl_core.training.warm_start import with_parameters

__all__ = [
    "METHODS",
    "AnalyticalEngine",
    "AnalyticalExperiment",
    "ConfigurationError",
    "Method",
    "Rule",
    "SequenceEngine",
    "SequenceExperiment",
    "Setting",
    "batch_lambda_returns",
    "build_analytical_engine",
    "build_engine",
    "with_parameters",
]

_PLACES = {
    "METHODS": "methods",
    "AnalyticalEngine": "analytical.engine",
    "AnalyticalExperiment": "configuration.analytical",
    "ConfigurationError": "errors",
    "Method": "methods",
    "Rule": "rules.seam",
    "SequenceEngine": "training.engine",
    "SequenceExperiment": "configuration.experiment",
    "Setting": "rules.seam",
    "batch_lambda_returns": "credit.returns",
    "build_analytical_engine": "analytical.engine",
    "build_engine": "training.engine",
    "with_parameters": "training.warm_start",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
