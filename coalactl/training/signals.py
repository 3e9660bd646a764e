"""SIGINT, SIGTERM and SIGHUP: the first asks to finish the running call and save, the second leaves at once.

``timeout`` and some schedulers signal a process and then its group, so that one request arrives twice: what follows the
first within a moment is no second. Nor is a SIGHUP: shell and system each tell that a terminal has gone.

Python runs signal handlers between bytecodes of the main thread, which may be inside one call of the engine for
seconds. So the C-level handler wakes a thread through a pipe, and that thread decides.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

from coalactl.errors import ExitCode
from coalactl.leaving import CODES, STOPPED, answered, leave

# Seconds; nobody presses a key twice in less on purpose.
_MOMENT = 0.2


def _stay(_signum: int, _frame: object) -> None:
    """Does nothing: a handler in Python must exist for the wake-up to happen."""


def _say_nothing(_about: object) -> None:
    """Nobody is to be told."""


def _stands() -> str:
    """What a second signal leaves behind, as long as nobody has said more."""
    return "what was saved before stands"


class StopSignals:
    """While entered, the first SIGINT, SIGTERM or SIGHUP sets :attr:`code` instead of ending the process."""

    def __init__(self) -> None:
        self.code: ExitCode | None = None
        self._first_at = 0.0
        self._on_first: Callable[[str], None] = _say_nothing
        self._stands: Callable[[], str] = _stands
        self._leave: Callable[[ExitCode], None] | None = None
        self._previous: dict[signal.Signals, Any] = {}

    def __enter__(self) -> StopSignals:
        if threading.current_thread() is not threading.main_thread():
            return self  # Python sets handlers in the main thread only; elsewhere the host program owns them.
        self._read_end, self._write_end = os.pipe()
        os.set_blocking(self._write_end, False)
        for signum in answered():
            self._previous[signum] = signal.signal(signum, _stay)
        self._previous_wakeup = signal.set_wakeup_fd(self._write_end, warn_on_full_buffer=False)
        threading.Thread(target=self._watch, daemon=True, name="stop-signals").start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._previous:
            return
        signal.set_wakeup_fd(self._previous_wakeup)
        for signum, handler in self._previous.items():
            signal.signal(signum, handler)
        os.close(self._write_end)  # The thread reads the end of the pipe and ends.

    def on_first(self, tell: Callable[[str], None], stands: Callable[[], str] = _stands) -> None:
        """``tell`` is called with the signal's name when the first one arrives; ``stands``: what a second leaves."""
        self._on_first, self._stands = tell, stands

    @contextmanager
    def leaving_at_once(self, leave: Callable[[ExitCode], None] = _say_nothing) -> Iterator[None]:
        """Where nothing is to be saved, already the first signal ends the process, after ``leave``."""
        self._leave = leave
        try:
            yield
        finally:
            self._leave = None

    def _watch(self) -> None:
        while arrived := os.read(self._read_end, 1):
            if arrived[0] in CODES:
                self._receive(signal.Signals(arrived[0]))
        os.close(self._read_end)

    def _receive(self, signum: signal.Signals) -> None:
        code, before_leaving = CODES[signum], self._leave
        if self.code is None and before_leaving is None:
            self.code, self._first_at = code, time.monotonic()
            self._on_first(signum.name)
            return
        if self.code is not None and (signum is signal.SIGHUP or time.monotonic() - self._first_at < _MOMENT):
            return
        stands = "nothing to save" if self.code is None else self._stands()
        try:
            if self.code is None and before_leaving is not None:
                before_leaving(code)
        finally:
            leave(code, f"{STOPPED[code]}; {stands}")
