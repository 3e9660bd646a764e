"""Objects of other packages, by the name of an entry point or as ``module:Name``."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from functools import cache
from importlib.metadata import entry_points
from typing import Any, Generic, TypeVar

from coalactl_core.errors import ConfigurationError, first_line

Row = TypeVar("Row")


class Registry(Generic[Row]):
    """A table of this project by name, and what other packages add to it by entry points of a group.

    Their objects are of the class of its rows. ``key`` is the configuration key that names one.
    """

    def __init__(self, rows: Mapping[str, Row], kind: type[Row], key: str, group: str) -> None:
        self.rows, self.kind, self.key, self.group = rows, kind, key, group
        self._loaded: dict[str, Row] = {}

    def names(self) -> tuple[str, ...]:
        """Those of this project, and of packages that are installed."""
        return (*self.rows, *sorted(installed(self.group).keys() - self.rows.keys()))

    def has(self, name: str) -> bool:
        """Whether a name is one of them, or written ``module:Name``."""
        return name in self.rows or ":" in name or name in self.names()

    def check(self, name: str) -> str:
        """The name again; raises ``ValueError``, with those that there are, where there is none of it."""
        if self.has(name):
            return name
        *others, last = map(repr, self.names())
        raise ValueError(f"{name!r} given; use {', '.join(others)} or {last}, or module:Name")

    def find(self, name: str) -> Row:
        """The row of a name, which may be ``module:Name``.

        Raises:
            ConfigurationError: there is none of that name, or what it names is no such row.
        """
        if name in self.rows:
            return self.rows[name]
        if name not in self._loaded:
            row = load_plugin(self.key, name, group=self.group, builtin=self.rows)
            if not isinstance(row, self.kind):
                expected = f"{self.kind.__module__}.{self.kind.__name__}"
                raise ConfigurationError(f"{self.key}: {name!r} is a {type(row).__name__}; a {expected} expected")
            self._loaded[name] = row
        return self._loaded[name]


def load_plugin(key: str, name: str, *, group: str, builtin: Iterable[str]) -> Any:
    """The object that ``name`` stands for; ``key`` is the configuration key to blame.

    Raises:
        ConfigurationError: no entry point of ``group`` has the name, or the module or its attribute is missing.
    """
    if ":" in name:
        return load_named(key, name)
    entries = installed(group)
    if name in entries:
        return load_named(key, entries[name])
    known = sorted({*builtin, *entries})
    nearest = get_close_matches(name, known, n=1)
    hint = f"did you mean {nearest[0]!r}? " if nearest else ""
    raise ConfigurationError(f"{key}: {name!r} is unknown; {hint}known: {', '.join(known)}, or module:Name")


@cache  # To look for them takes hundredths of a second.
def installed(group: str) -> Mapping[str, str]:
    """``module:Name`` of each entry point of a group, by name, as they were when they were first asked for."""
    return {entry.name: entry.value for entry in entry_points(group=group)}


def load_named(key: str, name: str) -> Any:
    """The object of ``module:Name``.

    Raises:
        ConfigurationError: the module cannot be imported, or has no such attribute.
    """
    module, _, attribute = name.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except (Exception, SystemExit) as error:  # A module that is imported runs: it may raise anything, or end itself.
        raise ConfigurationError(f"{key}: {name!r} cannot be loaded: {first_line(error)}") from error
