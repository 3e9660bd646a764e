"""Manifests: what each file and each array of a checkpoint was when it was saved.

Orbax notices few flipped bits and casts silently where another dtype is asked for. So each checkpoint has a manifest,
written after its commit and checked before its restore; a checkpoint without one is incomplete. No JAX here.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from coalactl.runs.directory import RunDirectory
from coalactl.runs.files import reason, remove, sync, write_json
from coalactl.runs.layout import FORMAT, refuse_other_formats


class ArrayDescription(NamedTuple):
    """Shape and dtype of one array; typed keys have theirs, ``key<fry>``."""

    shape: tuple[int, ...]
    dtype: str

    def __str__(self) -> str:
        return f"{self.dtype}[{', '.join(map(str, self.shape))}]"


class FileDescription(NamedTuple):
    """Size and SHA-256 of one file."""

    size: int
    sha256: str


class Manifest(NamedTuple):
    """The arrays of a checkpoint by name, its files by path below the checkpoint's folder, and the rows before it."""

    step: int
    arrays: dict[str, ArrayDescription]
    files: dict[str, FileDescription]
    rows: dict[str, int]
    """The iteration that the parts of ``metrics`` and of ``episodes`` had reached; the oldest manifests do not say."""


class DamagedCheckpointError(Exception):
    """A checkpoint is not what it was when it was saved; the message names the file."""


def steps(run: RunDirectory) -> list[int]:
    """The steps that have a manifest, in order."""
    if not run.manifests_dir.is_dir():
        return []
    names = (re.fullmatch(r"(0|[1-9][0-9]*)\.json", path.name) for path in run.manifests_dir.iterdir())
    return sorted(int(name[1]) for name in names if name)


def checkpoint_folder(run: RunDirectory, step: int) -> Path:
    """Where the arrays of a step are."""
    return run.checkpoints_dir / str(step)


def manifest_file(run: RunDirectory, step: int) -> Path:
    """Where the manifest of a step is."""
    return run.manifests_dir / f"{step}.json"


def write_manifest(
    run: RunDirectory, step: int, arrays: Mapping[str, ArrayDescription], rows: Mapping[str, int]
) -> None:
    """Have the files of a committed checkpoint on disk, then declare it whole."""
    folder = checkpoint_folder(run, step)
    files = {path.relative_to(folder).as_posix(): _describe(path, synchronise=True) for path in _walk(folder)}
    for directory in {path.parent for path in map(folder.joinpath, files)} | {folder, run.checkpoints_dir}:
        sync(directory)
    content: dict[str, Any] = {
        "format": FORMAT,
        "step": step,
        "arrays": {name: {"shape": list(array.shape), "dtype": array.dtype} for name, array in arrays.items()},
        "files": {name: file._asdict() for name, file in files.items()},
        "rows": dict(rows),
    }
    write_json(manifest_file(run, step), {**content, "sha256": _digest(content)})


def read_manifest(run: RunDirectory, step: int) -> Manifest:
    """The manifest of a step, checked against its own digest; raises :class:`DamagedCheckpointError`."""
    path = manifest_file(run, step)
    name = _name(run, path)
    try:
        if path.is_symlink() or run.manifests_dir.is_symlink():
            raise DamagedCheckpointError(f"{name} is a symbolic link")
        content = json.loads(path.read_text(encoding="utf-8"))
        digest = content.pop("sha256")
        refuse_other_formats(path, content["format"], {})
        if digest != _digest(content) or content["step"] != step:
            raise DamagedCheckpointError(f"{name} has changed since it was written")
        return Manifest(
            step=step,
            arrays={key: ArrayDescription(tuple(a["shape"]), a["dtype"]) for key, a in content["arrays"].items()},
            files={key: FileDescription(**file) for key, file in content["files"].items()},
            rows=dict(content.get("rows", {})),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DamagedCheckpointError(f"{name} cannot be read: {reason(error)}") from error


def check_files(run: RunDirectory, manifest: Manifest) -> None:
    """Raise :class:`DamagedCheckpointError` unless the files are those that were saved, byte by byte."""
    folder = checkpoint_folder(run, manifest.step)
    for path in (run.checkpoints_dir, folder):
        if path.is_symlink() or not path.is_dir():
            problem = "is a symbolic link" if path.is_symlink() else "is missing"
            raise DamagedCheckpointError(f"{_name(run, path)} {problem}")
    try:
        files = {path.relative_to(folder).as_posix(): path for path in _walk(folder)}
        for name, description in manifest.files.items():
            path = folder / name
            if name not in files:
                raise DamagedCheckpointError(f"{_name(run, path)} is missing")
            if path.stat().st_size != description.size:
                raise DamagedCheckpointError(
                    f"{_name(run, path)} has {path.stat().st_size} bytes, not {description.size}"
                )
            if _describe(path) != description:
                raise DamagedCheckpointError(f"{_name(run, path)} has other bytes than were saved (SHA-256)")
    except OSError as error:
        raise DamagedCheckpointError(f"{_name(run, folder)} cannot be read: {reason(error)}") from error
    # Files of the desktop and of network drives (.DS_Store, .nfs...) do no harm; Orbax reads none with such a name.
    strangers = sorted(name for name in files.keys() - manifest.files.keys() if not Path(name).name.startswith("."))
    if strangers:
        raise DamagedCheckpointError(f"{_name(run, folder / strangers[0])} was not saved with it")


def drop(run: RunDirectory, step: int) -> None:
    """Remove a checkpoint, its manifest first: a kill in between leaves an incomplete one, not a damaged one."""
    remove(manifest_file(run, step))
    remove(checkpoint_folder(run, step))


def drop_later(run: RunDirectory, step: int) -> None:
    """Remove the checkpoints of later steps: damaged ones that a restore has passed over."""
    for later in steps(run):
        if later > step:
            drop(run, later)


def discard_incomplete(run: RunDirectory) -> None:
    """Remove steps without a manifest: their saving was cut short."""
    whole = {str(step) for step in steps(run)}
    for path in run.checkpoints_dir.iterdir() if run.checkpoints_dir.is_dir() else ():
        if path.name not in whole and re.match(r"[0-9]+($|\.orbax-checkpoint-tmp)", path.name):
            remove(path)


def prune(run: RunDirectory, keep: int) -> None:
    """Remove all but the newest ``keep`` checkpoints."""
    if keep < 1:
        raise ValueError(f"keep is {keep}; at least one checkpoint stays")
    for step in steps(run)[:-keep]:
        drop(run, step)


def _walk(folder: Path) -> Iterator[Path]:
    """The files below a folder; raises :class:`DamagedCheckpointError` at a link, which may lead out of the run."""
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(Path(entry.path))
        elif stat.S_ISREG(entry.stat(follow_symlinks=False).st_mode):
            yield Path(entry.path)
        else:
            kind = "a symbolic link" if entry.is_symlink() else "not a regular file"
            raise DamagedCheckpointError(f"{entry.path} is {kind}")


def _describe(path: Path, *, synchronise: bool = False) -> FileDescription:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        if synchronise:
            os.fsync(file.fileno())
        return FileDescription(size=file.tell(), sha256=digest)


def _digest(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _name(run: RunDirectory, path: Path) -> str:
    return path.relative_to(run.path).as_posix()
