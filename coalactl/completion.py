"""What a shell offers at Tab, through Typer's own completion: names of presets, keys, figures and runs.

Each press starts the program anew, so that nothing here loads JAX, and the configuration's keys alone load pydantic,
once.
Whatever goes wrong offers nothing: a completion has nobody to complain to.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
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
    def offered(incomplete: str) -> Offers:
        try:
            return list(offers(incomplete))
        except Exception:  # noqa: BLE001  A traceback would land in the line that is being typed; tests see each offer.
            return []

    return offered


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
def methods(incomplete: str) -> Iterator[tuple[str, str]]:
    """How meta agents learn."""
    from coalactl_core.methods import METHODS, method_names

    named = ((name, METHODS[name].summary if name in METHODS else "") for name in method_names())
    yield from _named(named, incomplete)


@_quiet
def pools(incomplete: str) -> Iterator[tuple[str, str]]:
    """Whom trained agents can be evaluated against, and TOML files where a path is begun."""
    from coalactl.evaluation.pools import NAMES

    yield from _named(((name, "") for name in NAMES), incomplete)
    yield from _files(incomplete)


@_quiet
def entrants(incomplete: str) -> Iterator[tuple[str, str]]:
    """Who can play in a league: shipped leagues, learners, strategies; runs and TOML files where a path is begun."""
    from coalactl.presets import shipped_leagues
    from coalactl_core.configuration.strategies import summaries
    from coalactl_core.coplayers import ALGORITHMS, algorithm_names

    yield from _described(shipped_leagues(), incomplete)
    learners = ((name, ALGORITHMS[name].summary if name in ALGORITHMS else "") for name in algorithm_names())
    yield from _named(learners, incomplete)
    yield from _named(summaries(), incomplete)
    yield from _zoo(incomplete)
    if incomplete or os.path.isdir("runs"):
        yield from _paths(incomplete or "runs/", lambda path: _plays(path) or path.suffix == ".toml")


@_quiet
def figures(incomplete: str) -> Iterator[tuple[str, str]]:
    """The paper's figures and groups of them."""
    from coalactl.papers.table import entries, groups

    yield from _named(((entry.name, entry.shows) for entry in entries()), incomplete)
    yield from _named(groups().items(), incomplete)
    yield from _named([("ls", "what each figure takes")], incomplete)


@_quiet
def keys(incomplete: str) -> Iterator[tuple[str, str]]:
    """Keys of the configuration, up to the ``=`` after which a value is typed."""
    yield from _named(((f"{key}=", "") for key in _kept_keys() or _known_keys()), incomplete)


def _kept_keys() -> list[str] | None:
    """Those of the last time; None where there are none, or what they were taken from has changed."""
    file = _place_of_keys()
    try:
        lines = file.read_text(encoding="utf-8").splitlines() if file else []
    except OSError:
        return None
    return lines[1:] if lines and lines[0] == _models() else None


def _known_keys() -> list[str]:
    """Those of the configuration's models, kept in the user's cache: to load pydantic takes as long as all the rest."""
    from coalactl.configuration_keys import known_keys
    from coalactl_core.configuration.environments import ENVIRONMENTS

    names = [*known_keys("analytical"), *(key for game in ENVIRONMENTS for key in known_keys("sequence", game))]
    keys = sorted({key for key in names if "." in key})
    if file := _place_of_keys():
        with suppress(OSError):
            file.parent.mkdir(parents=True, exist_ok=True)
            temporary = file.with_name(f".{file.name}.{os.getpid()}")
            temporary.write_text("\n".join((_models(), *keys)), encoding="utf-8")
            os.replace(temporary, file)
    return keys


def _place_of_keys() -> Path | None:
    from coalactl.environment import cache_directory

    cache = cache_directory()
    return cache and cache / "keys.txt"


def _models() -> str:
    """What tells the files of the configuration from those of another version, without loading them."""
    import coalactl_core

    files = sorted(Path(next(iter(coalactl_core.__path__)), "configuration").glob("*.py"))
    return " ".join(f"{file}:{file.stat().st_mtime_ns}:{file.stat().st_size}" for file in files)


@_quiet
def trackers(incomplete: str) -> Iterator[tuple[str, str]]:
    """Trackers, those of other packages among them, and the word for none."""
    from coalactl.tracking.choice import GROUP, NONE, SHIPPED
    from coalactl_core.plugins import installed

    names = [*SHIPPED, *sorted(installed(GROUP)), NONE]
    yield from _named(((name, "") for name in dict.fromkeys(names)), incomplete)


@_quiet
def runs(incomplete: str) -> Iterator[tuple[str, str]]:
    """Runs, packs and sweeps below the folder that is begun, or below ``runs``; other folders, to go on into."""
    yield from _paths(incomplete or "runs/", _is_run)


@_quiet
def players(incomplete: str) -> Iterator[tuple[str, str]]:
    """What has trained agents: the zoo's, runs and packs, below ``runs`` where nothing is begun, and agent files."""
    yield from _zoo(incomplete)
    if incomplete or os.path.isdir("runs"):
        yield from _paths(incomplete or "runs/", _plays)


@_quiet
def agent_files(incomplete: str) -> Iterator[tuple[str, str]]:
    """The zoo's, and agent files; other folders, to go on into."""
    from coalactl.runs.agent_file import named_as_one

    yield from _zoo(incomplete)
    yield from _paths(incomplete, named_as_one)


def _zoo(incomplete: str) -> Iterator[tuple[str, str]]:
    """Agents that come with the package."""
    from coalactl import zoo

    behind = _behind_colon(zoo.PREFIX, incomplete)
    prefix, begun = (zoo.PREFIX, incomplete) if behind is None else ("", behind)
    there = zoo.names()
    yield from _named(((f"{prefix}{each.name}", each.summary) for each in zoo.table() if each.name in there), begun)


def _behind_colon(prefix: str, incomplete: str) -> str | None:
    """What bash, for which a colon is a word, has behind ``prefix``, and asks for alone; None where that is not so."""
    words, number = os.environ.get("COMP_WORDS", "").split(), int(os.environ.get("COMP_CWORD", "0"))
    split = [prefix.removesuffix(":"), ":"]
    if words[max(0, number - 1) : number + 1] == split:
        return ""
    return incomplete if words[max(0, number - 2) : number] == split else None


def _plays(path: Path) -> bool:
    from coalactl.runs.agent_file import named_as_one

    return _is_run(path) or named_as_one(path)


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
    with os.scandir(os.path.expanduser(folder)) as entries:
        fitting = (
            entry for entry in entries if entry.name.startswith(begun) and (begun or not entry.name.startswith("."))
        )
        return sorted((entry for entry, _ in zip(fitting, range(_MOST_LOOKED_AT), strict=False)), key=lambda e: e.name)
