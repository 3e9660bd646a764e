"""Paths and words that a user gives: what no file can have or hold is refused before anything is done with it."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from contextlib import suppress
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


def nameable(path: Path) -> None:
    """Raises :class:`UserError` unless files and libraries can name the path: it, and where it is, must be UTF-8."""
    with suppress(OSError):  # The working directory may be gone.
        _check_text(str(path.absolute()), "use another name")


def check_words(words: Sequence[str]) -> None:
    """Raises :class:`UserError` for a word of the command line that is no UTF-8: no file of ours could hold it."""
    for word in words:
        _check_text(word, "use another name or value")


def printable(text: str) -> str:
    r"""The text with bytes that are none as ``\udcff``, as files and terminals take it."""
    return text.encode("utf-8", "backslashreplace").decode()


def _check_text(text: str, remedy: str) -> None:
    if (shown := printable(text)) != text:
        raise UserError(f"{shown}: not UTF-8; {remedy}")
