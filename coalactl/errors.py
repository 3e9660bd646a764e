"""What can go wrong for a user, and the exit codes that say so."""

from __future__ import annotations

from enum import IntEnum


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
