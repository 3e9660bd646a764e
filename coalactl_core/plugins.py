"""Objects of other packages, by the name of an entry point or as ``module:Name``."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from difflib import get_close_matches
from importlib.metadata import entry_points
from typing import Any

from coalactl_core.config import ConfigurationError
from coalactl_core.contracts import first_line


def load_plugin(key: str, name: str, *, group: str, builtin: Iterable[str]) -> Any:
    """The object that ``name`` stands for; ``key`` is the configuration key to blame.

    Raises:
        ConfigurationError: no entry point of ``group`` has the name, or the module or its attribute is missing.
    """
    if ":" in name:
        return _from_module(key, name)
    found = {entry.name: entry for entry in entry_points(group=group)}
    if name in found:
        return _from_module(key, found[name].value)
    known = sorted({*builtin, *found})
    nearest = get_close_matches(name, known, n=1)
    hint = f"did you mean {nearest[0]!r}? " if nearest else ""
    raise ConfigurationError(f"{key}: {name!r} is unknown; {hint}known: {', '.join(known)}, or module:Name")


def _from_module(key: str, name: str) -> Any:
    module, _, attribute = name.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except (Exception, SystemExit) as error:
        raise ConfigurationError(f"{key}: {name!r} cannot be loaded: {first_line(error)}") from error
