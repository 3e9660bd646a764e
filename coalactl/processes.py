"""Several processes that train one run: which of them this one is, and a parent that tells how it ended.

Free of JAX, so that slips in arguments are told at once.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import IO, Any, NamedTuple, NoReturn

from coalactl.errors import ExitCode, UserError
from coalactl.leaving import answered, leave

DETECTED = "auto"
LOST = (
    "another process of this training has ended or cannot be reached; "
    "what was saved stands, and --resume goes on from there"
)
# JAX's own name for it, which the libraries that start processes set.
_ERRORS = "backslashreplace"
_VARIABLE = "JAX_COORDINATOR_ADDRESS"


class ProcessGroup(NamedTuple):
    """The processes of one training; where the coordinator is detected the numbers are too, unless they are given."""

    coordinator: str
    processes: int | None
    process_id: int | None


def checked_group(
    coordinator: str | None, processes: int | None, process_id: int | None, environment: Mapping[str, str] = os.environ
) -> ProcessGroup | None:
    """The group that the options name, None where they name none; raises :class:`UserError` where they contradict."""
    if coordinator is None:
        for option, value in (("--processes", processes), ("--process-id", process_id)):
            if value is not None:
                raise UserError(f"{option} {value}: it goes with --coordinator HOST:PORT (or auto)")
        return None
    elsewhere = environment.get(_VARIABLE, coordinator)
    if coordinator != DETECTED:
        _check_address(coordinator)
        if elsewhere != coordinator:
            raise UserError(f"--coordinator {coordinator}: ${_VARIABLE} names another, {elsewhere}; give one of them")
        for option, value in (("--processes N", processes), ("--process-id I", process_id)):
            if value is None:
                raise UserError(f"--coordinator {coordinator}: give {option} with it, or --coordinator {DETECTED}")
    if processes is not None and process_id is not None and process_id >= processes:
        raise UserError(f"--process-id {process_id}: there are {processes} processes; use 0 to {processes - 1}")
    return ProcessGroup(coordinator, processes, process_id)


def _check_address(address: str) -> None:
    host, colon, port = address.rpartition(":")
    if not (host and colon and port.isdecimal() and 0 < int(port) < 2**16):
        raise UserError(
            f"--coordinator {address}: use HOST:PORT, where process 0 is and a free port there, "
            f"for instance node1:7777, or {DETECTED}"
        )


def supervised(run: Callable[[], ExitCode]) -> ExitCode:
    """The exit code of ``run`` in a process of its own, which may die: JAX aborts a process whose peers are gone.

    Raises :class:`UserError` where it has been ended by a signal. What JAX's libraries write to the streams of the
    process is kept for the log.
    """
    with tempfile.TemporaryFile() as said:
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(writing)
            _be_child(run, reading, said)
        os.close(reading)
        try:
            code = _wait(child)
        finally:
            os.close(writing)  # Its end tells the child that this process has gone.
        if code >= 0:
            return ExitCode(code)
        _log(said)
        raise UserError(
            LOST if code == -signal.SIGABRT else f"the training was ended by signal {-code}", ExitCode.FAILED
        )


def _wait(child: int) -> int:
    """The exit code of the child, negative for a signal; signals to this process are handed on to it."""
    for signum in answered():
        signal.signal(signum, lambda received, _: _hand_on(child, received))
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _hand_on(child: int, signum: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(child, signum)


def _be_child(run: Callable[[], ExitCode], parent: int, said: IO[bytes]) -> NoReturn:
    from coalactl.endings import ending
    from coalactl.output import release_stdout, settle_streams

    os.setpgid(0, 0)  # Ctrl-C goes to the parent alone, which hands it on.
    release_stdout()
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        # The user's stream goes on under another number; what libraries write to the old one is not for the user.
        setattr(sys, name, os.fdopen(os.dup(descriptor), "w", buffering=1, encoding="utf-8", errors=_ERRORS))
        os.dup2(said.fileno(), descriptor)
    threading.Thread(target=_end_with, args=(parent,), daemon=True, name="parent").start()
    code = ending(run)
    settle_streams()
    os._exit(code)  # noqa: TID251  Without JAX's own farewell, which waits for peers that may be gone, and aborts.


def _end_with(parent: int) -> None:
    """The parent never writes: there is an end to read when it has gone, however it went."""
    while os.read(parent, 1):
        pass
    leave(ExitCode.FAILED, "the process that started this training has ended; what was saved before stands")


def _log(said: IO[Any]) -> None:
    """What the child's libraries had to say, into the user's log."""
    from coalactl.environment import user_log

    log = user_log()
    if log is None:
        return
    with suppress(OSError):
        said.seek(0)
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as file:
            file.write(said.read())
