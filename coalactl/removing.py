"""``coalactl runs rm``: a run, a pack or a sweep goes as a whole, or not at all.

It is renamed first, in one step, with its locks held: nobody finds a half of it, and nobody begins to work on it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from coalactl.errors import ExitCode, UserError
from coalactl.output import emit, emit_json, note
from coalactl.paths import escaped, typed, usable
from coalactl.runs.directory import is_pack, is_sweep
from coalactl.runs.files import reason
from coalactl.runs.finding import Kind, check_kind, kind_at
from coalactl.runs.locking import allow_locks, hold_lock, read_holder

_BLOCK = 512  # bytes, of ``st_blocks`` everywhere
_PUT_ASIDE = "superseded"
_IN_SWEEPS = ("trials", "final", _PUT_ASIDE)


class Removal(NamedTuple):
    """What is to go."""

    argument: Path
    path: Path
    """Without links on the way to it."""
    kind: Kind
    locked: tuple[Path, ...]
    """Its packs, each before its runs, and its runs, as paths below it."""
    runs: int
    bytes: int
    """That the disk has free when it is gone."""


def remove(paths: Sequence[Path], *, dry_run: bool, json: bool) -> None:
    """Removes all of it, or raises :class:`UserError` before any of it has changed."""
    by_path: dict[Path, Removal] = {}
    for target in map(_target, paths):
        by_path.setdefault(target.path, target)
    targets = list(by_path.values())
    _check_apart(targets)
    if dry_run:
        _refuse_held(targets)
    else:
        with _held(targets):
            moved = _put_aside(targets)
        for target, trash in moved:
            _delete(target, trash)
    if json:
        emit_json({"would_remove" if dry_run else "removed": [_as_json(target) for target in targets]})
        return
    from coalactl.words import size

    for target in targets:
        words = "would remove" if dry_run else "removed"
        runs = f"{target.runs} run{'s'[: target.runs != 1]}, "
        emit(escaped(f"{words} {target.argument}: {'' if target.kind == 'run' else runs}{size(target.bytes)}"))


# --- what may go ----------------------------------------------------------------------------------------------------


def _target(argument: Path) -> Removal:
    usable(argument)
    if argument.is_symlink():
        raise UserError(
            f"{argument} is a symbolic link to {os.readlink(argument)}; name that to remove what is there, "
            f"or remove the link by: rm {typed(argument)}"
        )
    kind = check_kind(argument)
    path = Path(os.path.realpath(argument))
    _refuse_part(argument, path)
    try:
        folders, count = _walked(path)
    except OSError as error:
        raise UserError(f"{argument} cannot be removed: {error.filename}: {reason(error)}") from error
    for folder in folders:
        if not _belongs(folder.parts, kind):
            raise UserError(f"{argument} holds {folder}, which is no part of it; move or remove that first")
    kinds = {folder: kind_at(path / folder) for folder in folders}
    locked = tuple(folder for folder in folders if kinds[folder] in ("run", "pack"))
    return Removal(argument, path, kind, locked, sum(each == "run" for each in kinds.values()), count)


def _refuse_part(argument: Path, path: Path) -> None:
    """A pack without one of its runs is damaged, and a sweep would train a trial that is gone once more."""
    for around in path.parents:
        inside = path.relative_to(around).parts
        for kind, holds in (("pack", is_pack(around)), ("sweep", is_sweep(around))):
            if holds and inside[0] != _PUT_ASIDE and _belongs(inside, kind):
                raise UserError(f"{argument} is a part of the {kind} {around}; a {kind} is removed as a whole")


def _belongs(inside: tuple[str, ...], kind: str) -> bool:
    """Whether a run, pack or sweep at such a place in another one is a part of it."""
    if not inside or kind == "run":
        return not inside
    return inside[0].startswith("seed-") and len(inside) == 1 if kind == "pack" else inside[0] in _IN_SWEEPS


def _walked(path: Path) -> tuple[list[Path], int]:
    """Runs, packs and sweeps at a path and below it, and its bytes; a file with a name elsewhere frees none."""
    folders, blocks = [], 0
    names_left: dict[tuple[int, int], int] = {}
    for folder, _, files in os.walk(path, onerror=_raise):
        if kind_at(Path(folder)) is not None:
            folders.append(Path(folder).relative_to(path))
        blocks += os.lstat(folder).st_blocks
        for name in files:
            about = os.lstat(os.path.join(folder, name))
            file = (about.st_dev, about.st_ino)
            names_left[file] = names_left.get(file, about.st_nlink) - 1
            blocks += 0 if names_left[file] else about.st_blocks
    return folders, blocks * _BLOCK


def _raise(error: OSError) -> None:
    raise error


def _check_apart(targets: Sequence[Removal]) -> None:
    for inner in targets:
        for outer in targets:
            if inner is not outer and inner.path.is_relative_to(outer.path):
                raise UserError(f"{inner.argument} is in {outer.argument}; name one of them")


# --- that nobody works on -------------------------------------------------------------------------------------------


@contextmanager
def _held(targets: Sequence[Removal]) -> Iterator[None]:
    """The locks of all runs and packs, and no worker may claim a trial; raises :class:`UserError` (conflict)."""
    from coalactl.sweep.folder import SweepFolder

    allow_locks(sum(len(target.locked) + 1 for target in targets))
    with ExitStack() as locks:
        for target in targets:
            if target.kind == "sweep":
                locks.enter_context(SweepFolder.open(target.argument).exclusively())
            _refuse_claimed(target)
            for folder in target.locked:
                locks.enter_context(hold_lock(target.argument / folder / "lock"))
        yield


def _refuse_held(targets: Sequence[Removal]) -> None:
    """As :func:`_held`, and writes nothing."""
    for target in targets:
        _refuse_claimed(target)
        for folder in target.locked:
            if (holder := read_holder(target.argument / folder / "lock")) is not None:
                where = target.argument / folder
                line = f"{where} is in use by process {holder.pid} on {holder.host}; wait for it or stop it first"
                raise UserError(line, ExitCode.RUN_CONFLICT)


def _refuse_claimed(target: Removal) -> None:
    if target.kind == "sweep":
        from coalactl.sweep.claims import live_claims
        from coalactl.sweep.folder import SweepFolder

        for name, claim in live_claims(SweepFolder(target.argument)).items():
            line = f"{target.argument} is in use: process {claim.pid} on {claim.host} works on {name}; stop it first"
            raise UserError(line, ExitCode.RUN_CONFLICT)


# --- going ----------------------------------------------------------------------------------------------------------


def _put_aside(targets: Sequence[Removal]) -> list[tuple[Removal, Path]]:
    """Renames each on its disk, or none; with where to."""
    moved: list[tuple[Removal, Path]] = []
    for target in targets:
        trash = target.path.with_name(f".removed-{os.getpid()}-{len(moved)}")
        try:
            os.rename(target.path, trash)
        except OSError as error:
            for other, aside in moved:
                with suppress(OSError):
                    os.rename(aside, other.path)
            raise UserError(f"{target.argument} cannot be removed: {reason(error)}", ExitCode.WRITE_FAILED) from error
        moved.append((target, trash))
    return moved


def _delete(target: Removal, trash: Path) -> None:
    """First what makes it a run, so that whatever ends this leaves none that lists would show."""
    try:
        for folder in (Path(), *target.locked):
            for name in ("sweep.toml", "pack.json", "config.toml"):
                (trash / folder / name).unlink(missing_ok=True)
        shutil.rmtree(trash)
    except OSError as error:
        line = f"{target.argument} is removed in part: {reason(error)}; what is left is in {trash}"
        raise UserError(line, ExitCode.WRITE_FAILED) from error
    except KeyboardInterrupt:
        note(f"what is left of {target.argument} is in {trash}")
        raise


def _as_json(target: Removal) -> dict[str, object]:
    return {"run_dir": str(target.argument), "kind": target.kind, "runs": target.runs, "bytes": target.bytes}
