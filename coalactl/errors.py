"""What can go wrong for a user, and the exit codes that say so."""

from __future__ import annotations

import re
import textwrap
from enum import IntEnum

# How much of what others say fits into a line.
_SHOWN = 300
_TRACEBACK = "Traceback (most recent call last):"


class ExitCode(IntEnum):
    """Every exit code of the tool."""

    OK = 0
    FAILED = 1  # the work failed, or a check was not met
    USAGE = 2  # arguments, configuration, or a path that is missing, not a directory or not writable
    RUN_CONFLICT = 3  # the run exists, is in use, or belongs to another configuration
    DAMAGED = 4  # damaged or incompatible checkpoint, nothing good left
    DIVERGED = 5  # non-finite numbers
    WRITE_FAILED = 6  # a write failed after the start, for instance on a full disk
    PREEMPTED = 75  # SIGTERM or SIGHUP, state saved
    INTERRUPTED = 130  # SIGINT, state saved


class UserError(Exception):
    """A failure that one line explains: shown without a traceback, and the exit code says its kind."""

    def __init__(self, message: str, code: ExitCode = ExitCode.USAGE) -> None:
        super().__init__(message)
        self.code = code


def in_words(error: BaseException) -> str:
    """Any error in one line; of one that holds a traceback, that of a callback from JAX into Python, its end."""
    if isinstance(error, UserError):
        return " ".join(str(error).split())
    if not holds_traceback(error):
        return _shortened(f"{type(error).__name__}: {error}")
    inside = str(error).rpartition(_TRACEBACK)[2]
    ended = [line for line in inside.splitlines() if line and not line[0].isspace()]
    frames = re.findall(r'File "(?:.*/)?(.+)", line (\d+)', inside)
    where = f" ({frames[-1][0]}, line {frames[-1][1]})" if frames else ""
    return _shortened(f"a callback failed: {ended[0] if ended else type(error).__name__}") + where


def holds_traceback(error: BaseException) -> bool:
    """Whether an error of JAX's is that of a callback into Python."""
    return _TRACEBACK in str(error)


def _shortened(text: str) -> str:
    return textwrap.shorten(text.strip().removesuffix(":"), _SHOWN, placeholder=" ...")
