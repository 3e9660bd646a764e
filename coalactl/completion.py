"""What a shell offers at Tab, through Typer's own completion: names of presets, keys, figures and runs.

Each press starts the program anew, so that nothing here loads JAX, and the configuration's keys alone load pydantic.
Whatever goes wrong offers nothing: a completion has nobody to complain to.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import wraps
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from coalactl.presets import Preset

# A folder of thousands of runs is not read while somebody waits for a Tab.
_MOST_LOOKED_AT = 500
_LONGEST = 40
_RUN_FILES = ("config.toml", "pack.json", "sweep.toml")

Offers = list[tuple[str, str]]


def _quiet(offers: Callable[[str], Iterable[tuple[str, str]]]) -> Callable[[str], Offers]:
    @wraps(offers)
    def told(incomplete: str) -> Offers:
        try:
            return list(offers(incomplete))
        except Exception:  # noqa: BLE001  A traceback would land in the line that is being typed; tests see each offer.
            return []

    return told


@_quiet
def presets(incomplete: str) -> Iterator[tuple[str, str]]:
    """Shipped presets with what they are for, and TOML files where a path is begun."""
    from coalactl.presets import shipped_presets

    yield from _described(shipped_presets(), incomplete)
    yield from _files(incomplete)


@_quiet
def shipped(incomplete: str) -> Iterator[tuple[str, str]]:
    """Shipped presets alone."""
    from coalactl.presets import shipped_presets

    yield from _described(shipped_presets(), incomplete)


@_quiet
def sweeps(incomplete: str) -> Iterator[tuple[str, str]]:
    """Shipped sweeps with what they are for, and TOML files where a path is begun."""
    from coalactl.presets import shipped_sweeps

    yield from _described(shipped_sweeps(), incomplete)
    yield from _files(incomplete)


@_quiet
def pools(incomplete: str) -> Iterator[tuple[str, str]]:
    """Whom trained agents can be evaluated against, and TOML files where a path is begun."""
    from coalactl.evaluation.pools import NAMES

    yield from _named(((name, "") for name in NAMES), incomplete)
    yield from _files(incomplete)


@_quiet
def figures(incomplete: str) -> Iterator[tuple[str, str]]:
    """The paper's figures and groups of them."""
    from coalactl.reproduction.figures import FIGURES, GROUPS

    yield from _named(((name, figure.shows) for name, figure in FIGURES.items()), incomplete)
    yield from _named(((name, ", ".join(members)) for name, members in GROUPS.items()), incomplete)
    yield from _named([("ls", "what each figure takes")], incomplete)


@_quiet
def keys(incomplete: str) -> Iterator[tuple[str, str]]:
    """Keys of the configuration, up to the ``=`` after which a value is typed."""
    from coalactl.configuration import known_keys
    from coalactl_core.config_environments import ENVIRONMENTS

    names = [*known_keys("analytical"), *(key for game in ENVIRONMENTS for key in known_keys("sequence", game))]
    yield from _named(((f"{key}=", "") for key in sorted(set(names)) if "." in key), incomplete)


@_quiet
def runs(incomplete: str) -> Iterator[tuple[str, str]]:
    """Runs, packs and sweeps below the folder that is begun, or below ``runs``; other folders, to go on into."""
    yield from _paths(incomplete or "runs/", _is_run)


def _is_run(path: Path) -> bool:
    return any((path / name).is_file() for name in _RUN_FILES)


def _described(files: Sequence[Preset], incomplete: str) -> Iterator[tuple[str, str]]:
    return _named(((file.name, file.description) for file in files), incomplete)


def _files(incomplete: str) -> Iterator[tuple[str, str]]:
    """TOML files, where something is begun: names come first."""
    if incomplete:
        yield from _paths(incomplete, lambda path: path.suffix == ".toml")


def _named(pairs: Iterable[tuple[str, str]], incomplete: str) -> Iterator[tuple[str, str]]:
    for name, what in pairs:
        if name.startswith(incomplete):
            # Shells take an offer by the line: what is longer than a terminal would be wrapped into a second one.
            yield name, shorten(what, _LONGEST, placeholder="...")


def _paths(incomplete: str, wanted: Callable[[Path], bool]) -> Iterator[tuple[str, str]]:
    """Entries of the folder begun that are wanted, and its folders, with a slash so that one goes on into them."""
    folder, begun = os.path.split(incomplete)
    for entry in _entries(folder or ".", begun):
        path = os.path.join(folder, entry.name)
        if wanted(Path(path)):
            yield path, ""
        elif entry.is_dir():
            yield path + os.sep, ""


def _entries(folder: str, begun: str) -> Sequence[os.DirEntry[str]]:
    with os.scandir(os.path.expanduser(folder)) as found:
        fitting = (
            entry for entry in found if entry.name.startswith(begun) and (begun or not entry.name.startswith("."))
        )
        return sorted((entry for entry, _ in zip(fitting, range(_MOST_LOOKED_AT), strict=False)), key=lambda e: e.name)
