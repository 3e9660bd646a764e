"""Paths and words that a user gives: what no file can have or hold is refused before anything is done with it."""

from __future__ import annotations

import errno
import os
import re
import shlex
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from coalactl.errors import UserError

# What it means that nothing is at a path; the command that needs something there says so in its own words.
_NOTHING_THERE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
# What moves a terminal's cursor, line breaks among it.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


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


def one_line(text: str) -> str:
    """A message in one line; spaces stay as they are, they may be a path's."""
    lines = text.splitlines()
    return escaped(" ".join(line.strip() for line in lines) if len(lines) > 1 else text)


def escaped(text: str) -> str:
    r"""The text with control characters as ``\n``: what a name holds must not move the cursor."""
    return _CONTROL.sub(_code, text)


def typed(argument: Path | str) -> str:
    r"""A path, or a word, as it is typed into a shell; always in one line, a line break as ``$'\n'``."""
    word = f"./{argument}" if isinstance(argument, Path) and str(argument).startswith("-") else str(argument)
    if not _CONTROL.search(word):
        return shlex.quote(word)  # noqa: TID251
    inner = word.replace("\\", "\\\\").replace("'", "\\'")
    return f"$'{escaped(inner)}'"


def _code(match: re.Match[str]) -> str:
    return {"\n": "\\n", "\t": "\\t"}.get(match[0]) or f"\\u{ord(match[0]):04x}"


def _check_text(text: str, remedy: str) -> None:
    if (shown := printable(text)) != text:
        raise UserError(f"{shown}: not UTF-8; {remedy}")
