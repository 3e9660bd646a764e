"""Where new files may be written: over nothing."""

from __future__ import annotations

from pathlib import Path

from coalactl import zoo
from coalactl.errors import ExitCode, UserError
from coalactl.paths import nameable


def check_new(path: Path, suffix: str, what: str) -> None:
    """Raises :class:`UserError` unless a new file, ``what``, whose name ends in ``suffix`` can be at the path."""
    nameable(path)
    if zoo.is_named(path):
        raise UserError(f"--out {path}: {zoo.PREFIX} is for agents that come with the package; use another name")
    if path.suffix != suffix:
        raise UserError(f"--out {path}: the name of {what} ends in {suffix}; use {path.with_suffix(suffix)}")
    if path.is_dir():
        raise UserError(f"--out {path}: it is a folder; name a file")
    if path.exists() or path.is_symlink():
        raise UserError(
            f"{path} is there already and is left as it is; remove it, or choose another --out", ExitCode.RUN_CONFLICT
        )
