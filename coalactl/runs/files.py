"""Writing files so that a reader, or the next start, finds the old one or the new one and never a part of one."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from coalactl.errors import ExitCode, UserError

_TEMPORARY = ".tmp"
# How a file system says that it cannot synchronise a folder.
_UNKNOWN_TO_IT = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path in the same folder to write to; it becomes ``path`` in one step once it is on disk."""
    temporary = path.with_name(f".{path.name}{_TEMPORARY}")
    try:
        yield temporary
        sync(temporary)
        os.replace(temporary, path)
    except BaseException:  # Ctrl-C too leaves no half-written file behind.
        temporary.unlink(missing_ok=True)
        raise
    sync(path.parent)


def write_text(path: Path, text: str) -> None:
    """Write a small file atomically."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON file atomically; not-a-number is not JSON and is refused."""
    write_text(path, json.dumps(content, indent=2, allow_nan=False) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object; raises :class:`UserError` (damaged) that names the file."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path} is damaged: {reason(error)}", ExitCode.DAMAGED) from error
    if not isinstance(content, dict):
        raise UserError(f"{path} is damaged: it holds no JSON object", ExitCode.DAMAGED)
    return content


@contextmanager
def write_failures(path: Path) -> Iterator[None]:
    """Turn a failed write (disk full, read-only, gone) into one clear line with its own exit code."""
    try:
        yield
    except OSError as error:
        raise UserError(
            f"writing {path} failed: {reason(error)}; what was saved before stands", ExitCode.WRITE_FAILED
        ) from error


def sync(path: Path) -> None:
    """Have a file's bytes, or a folder's entries, on disk before going on.

    CIFS and some FUSE file systems have no word for the latter: there it is left to them.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if not (path.is_dir() and error.errno in _UNKNOWN_TO_IT):
            raise
    finally:
        os.close(descriptor)


def remove(path: Path) -> None:
    """Remove a file, a link (never what it points at) or a folder with all it holds."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def remove_temporary_files(folder: Path) -> None:
    """Remove what a writer that was killed has left half-written in a folder."""
    for path in folder.glob(f".*{_TEMPORARY}"):
        remove(path)


def reason(error: BaseException) -> str:
    """What went wrong, in one line."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
