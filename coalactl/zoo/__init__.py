"""The zoo: trained agents that come with the package, agent files by name. No JAX here.

``zoo:GAME/NAME`` is taken wherever a run to play with is. ``zoo.toml`` says how each of them was trained, and
``GAME/NAME.agent`` beside it is what came of that.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, NamedTuple

from coalactl.errors import UserError
from coalactl.presets import nearest

PREFIX = "zoo:"
SUFFIX = ".agent"
"""How the names of agent files end."""
FOLDER = Path(__file__).parent


class Entry(NamedTuple):
    """An agent of the table: ``preset``, ``set`` and ``seed`` are those of ``coalactl train``."""

    name: str
    preset: str
    summary: str
    set: dict[str, Any]
    seed: int = 0

    @property
    def game(self) -> str:
        """The folder of its game."""
        return self.name.partition("/")[0]


def table() -> list[Entry]:
    """All agents that there are to be, in their order."""
    rows = tomllib.loads((FOLDER / "zoo.toml").read_text(encoding="utf-8"))["agents"]
    return [Entry(**{"set": {}, **row}) for row in rows]


def names() -> list[str]:
    """Those that there are, ``GAME/NAME``, in the order of the table."""
    return [entry.name for entry in table() if _file(entry.name).is_file()]


def is_named(path: Path | str) -> bool:
    """Whether it is called as agents of the zoo are."""
    return str(path).startswith(PREFIX)


def file_of(path: Path | str) -> Path:
    """The file of an agent that is called ``zoo:GAME/NAME``; raises :class:`UserError` where there is none."""
    name, known = str(path).removeprefix(PREFIX), names()
    if name not in known:
        raise UserError(
            f"{path}: the zoo has no such agent{nearest(str(path), [PREFIX + each for each in known])}; "
            "'coalactl agents ls' lists all"
        )
    return _file(name)


def _file(name: str) -> Path:
    return FOLDER / f"{name}{SUFFIX}"
