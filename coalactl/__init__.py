"""The tool around the engine: presets, run directories, checkpoints, metric files and what a user sees."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.2.0"
"""The one place of the version: the wheel, ``--version`` and provenance take it from here."""

# From where names of the Python API come; their types are in the stub beside this file. Nothing of it is loaded before
# it is asked for: the version and the command line need neither JAX nor pydantic.
_PLACES = {"load": "coalactl.trained"}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_PLACES[name]), name)
