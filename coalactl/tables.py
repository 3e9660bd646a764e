"""A configuration as tables, as files hold it, and as values by dotted key; needs neither JAX nor pydantic."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def flatten(tree: Mapping[str, Any]) -> dict[str, Any]:
    """``{"meta": {"clip": 0.2}}`` to ``{"meta.clip": 0.2}``: two levels; schedules and lists are values."""
    flat: dict[str, Any] = {}
    for section, table in tree.items():
        if isinstance(table, Mapping):
            flat.update({f"{section}.{key}": value for key, value in table.items()})
        else:
            flat[section] = table
    return flat


def nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """The tables of values by dotted key; undoes :func:`flatten`."""
    tree: dict[str, Any] = {}
    for key, value in flat.items():
        section, dot, name = key.partition(".")
        if dot:
            tree.setdefault(section, {})[name] = value
        else:
            tree[section] = value
    return tree
