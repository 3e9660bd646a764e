"""Paths that a user gives: those that no file can have are refused before anything asks the system about them."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from coalactl.errors import UserError

# What it means that nothing is at a path; the command that needs something there says so in its own words.
_NOTHING_THERE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)


def usable(path: Path | None) -> None:
    """Raises :class:`UserError` with one line unless the system can say what is at the path."""
    if path is None:
        return
    try:
        os.stat(path)
    except OSError as error:
        if error.errno not in _NOTHING_THERE:
            shown = str(path) if len(str(path)) <= 80 else f"{str(path)[:77]}..."
            raise UserError(f"{shown}: {error.strerror}; give another path") from error
