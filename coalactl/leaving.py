"""Leaving by a signal: what each one's exit code is, and an end at once that leaves the terminal as it was.

``os._exit`` unwinds nothing, and nothing else ends a process that is inside of a long call. So displays that change in
place are known here, and are taken off the terminal before the one line that says what becomes of the work.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

from coalactl.errors import ExitCode

CODES = {
    signal.SIGINT: ExitCode.INTERRUPTED,
    signal.SIGTERM: ExitCode.PREEMPTED,
    signal.SIGHUP: ExitCode.PREEMPTED,  # the terminal or the connection to it has gone
}
STOPPED = {ExitCode.INTERRUPTED: "interrupted", ExitCode.PREEMPTED: "preempted"}
# Naps of a tenth of a second; a terminal that takes no more output must not keep the process from ending. One nap of a
# second could be over as soon as it began, where a compilation holds Python's lock as long.
_NAPS = 10

_displays: list[Callable[[], None]] = []


def answered() -> list[signal.Signals]:
    """The signals to answer: all, but under ``nohup`` no hang-up."""
    return [signum for signum in CODES if signum is not signal.SIGHUP or signal.getsignal(signum) is not signal.SIG_IGN]


def shown(stop: Callable[[], None]) -> None:
    """A display is on the terminal, which ``stop`` takes off."""
    _displays.append(stop)


def taken_off(stop: Callable[[], None]) -> None:
    """The display is on the terminal no more."""
    with suppress(ValueError):
        _displays.remove(stop)


def leave(code: ExitCode, line: str) -> NoReturn:
    """Ends the process at once: no display is left on the terminal, and a line says why.

    The line goes past Python's buffers, whose locks a handler of signals may find taken.
    """
    threading.Thread(target=_leave_late, args=(code,), daemon=True).start()
    for stop in tuple(_displays):
        with suppress(Exception):  # The terminal may be gone.
            stop()
    with suppress(Exception):
        os.write(sys.stderr.fileno(), f"coalactl: {line}\n".encode(errors="backslashreplace"))
    os._exit(code)  # noqa: TID251


def _leave_late(code: ExitCode) -> None:
    for _ in range(_NAPS):
        time.sleep(0.1)
    os._exit(code)  # noqa: TID251
