"""Callbacks from JAX into Python that fail while several devices work together.

The device that called it stops, the others wait for it, and after a minute XLA aborts the process with a trace of its
own. JAX logs the exception at once: that is taken as the end, unless the work has ended by itself by then.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

from coalactl.errors import ExitCode, in_words
from coalactl.leaving import leave

# Where JAX logs what callbacks raise.
_LOGGERS = ("jax._src.callback", "jax._src.debugging")
# Seconds for JAX to hand the exception to who called the program, as it does with one device.
_GRACE = 10.0


class _Failures(logging.Handler):
    """Ends the process some seconds after the first failure."""

    def __init__(self, end: Callable[[BaseException], object]) -> None:
        super().__init__(logging.ERROR)
        self._end, self.timer = end, None

    timer: threading.Timer | None

    def emit(self, record: logging.LogRecord) -> None:
        """Starts the clock."""
        error = record.exc_info[1] if record.exc_info else None
        if error is not None and self.timer is None:
            self.timer = threading.Timer(_GRACE, self._end, (error,))
            self.timer.daemon = True
            self.timer.start()


@contextmanager
def ending_with_failures(tell: Callable[[str], object]) -> Iterator[None]:
    """While entered, a callback's failure that nobody is handed ends the process; ``tell`` notes the reason first."""

    def end(error: BaseException) -> NoReturn:
        reason = f"a callback failed: {in_words(error)}"
        tell(reason)
        leave(ExitCode.FAILED, reason)

    handler = _Failures(end)
    for name in _LOGGERS:
        logging.getLogger(name).addHandler(handler)
    try:
        yield
    finally:
        if handler.timer is not None:
            handler.timer.cancel()
        for name in _LOGGERS:
            logging.getLogger(name).removeHandler(handler)
