"""Where runs are: single ones, packs and sweeps below a folder, as a tree. Loads neither JAX nor pandas."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, NamedTuple

from coalactl.errors import UserError
from coalactl.runs.directory import RunDirectory, is_pack, is_run, is_sweep
from coalactl.runs.layout import Folders

Kind = Literal["run", "pack", "sweep"]

_DEPTH = 4
# From a sweep down to its runs: trials/ID/seed-S.
_DEPTH_INSIDE = 3


class RunTree(NamedTuple):
    """A run; or a pack or sweep with what is in it."""

    kind: Kind
    path: Path
    members: tuple[RunTree, ...] = ()

    def runs(self) -> Iterator[Path]:
        """The places of its runs."""
        if self.kind == "run":
            yield self.path
        for member in self.members:
            yield from member.runs()


def kind_at(path: Path) -> Kind | None:
    """What is at the path; None if it is neither a run nor a pack nor a sweep."""
    if is_run(path):
        return "run"
    if is_pack(path):
        return "pack"
    # A user's own sweep file may have that name too.
    return "sweep" if is_sweep(path) and (path / "trials").is_dir() else None


def check_kind(path: Path) -> Kind:
    """What is at the path; raises :class:`UserError` if it is neither a run nor a pack nor a sweep."""
    if not path.exists():
        raise UserError(f"{path}: there is no such run, pack or sweep; `coalactl runs ls` lists them")
    kind = kind_at(path)
    if kind is None:
        raise UserError(f"{path} is no run, pack or sweep; `coalactl runs ls` lists them")
    return kind


def find(root: Path, on_broken: Callable[[Path], None] | None = None) -> list[RunTree]:
    """What is below a folder, or at it, each once; what is linked comes last.

    ``on_broken`` is told links that lead nowhere: a run may have been there.
    """
    folders = Folders([root])
    trees = [*_search(root, _DEPTH, folders)]
    trees += [each for link in folders.linked() for each in _search(link, _DEPTH, folders)]
    if on_broken is not None:
        for link in folders.broken:
            on_broken(link)
    return trees


def find_runs(root: Path | str, on_broken: Callable[[Path], None] | None = None) -> list[RunDirectory]:
    """All runs below a folder, those of packs and linked ones among them, first those that were started last."""
    runs = [RunDirectory(path) for tree in find(Path(root), on_broken) for path in tree.runs()]
    return sorted(runs, key=lambda run: (*age(run), str(run.path)), reverse=True)


def age(run: RunDirectory) -> tuple[str, int]:
    """When the run was started, then when its configuration was written: a copy of it is as old as the run."""
    try:
        written = run.config_file.stat().st_mtime_ns
    except OSError:  # removed in this moment
        return "", 0
    try:
        started = run.read_provenance().get("started")
    except UserError:
        started = None
    return str(started or moment(written)), written


def moment(nanoseconds: int) -> str:
    """A file's time as the files of a run give it."""
    return datetime.fromtimestamp(nanoseconds / 1e9, UTC).isoformat(timespec="seconds")


def _search(folder: Path, depth: int, folders: Folders) -> Iterator[RunTree]:
    kind = kind_at(folder)
    if kind == "run":
        yield RunTree(kind, folder)
    elif kind is not None:
        inside = (each for entry in folders.within(folder) for each in _search(entry, _DEPTH_INSIDE - 1, folders))
        yield RunTree(kind, folder, tuple(inside))
    elif depth:
        for entry in folders.within(folder):
            yield from _search(entry, depth - 1, folders)
