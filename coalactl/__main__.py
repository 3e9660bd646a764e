"""The ``coalactl`` command, also as ``python -m coalactl``: it answers signals before it loads anything else."""

from __future__ import annotations

import gc
import os
import signal
import sys

from coalactl.errors import ExitCode
from coalactl.leaving import CODES, STOPPED, answered, leave


def main() -> int:
    """Runs the command line and returns the exit code.

    Where nothing is to be saved a signal ends the process at once, with one line, the code of the table and without a
    traceback of whatever was being imported; trainings and sweeps answer signals in their own way while they last.
    """
    for signum in answered():
        signal.signal(signum, _leave)
    # Tracing makes millions of objects that stay: a tenth of a start was looking for garbage among them.
    gc.set_threshold(100_000, 20, 20)
    from coalactl.cli import main as run

    code = run()
    if code == ExitCode.FAILED and "jax" in sys.modules:
        # Where a device failed, others may wait for it: JAX's own farewell would wait too, and then abort.
        os._exit(code)  # noqa: TID251
    return code


def _leave(signum: int, _frame: object) -> None:
    code = CODES[signal.Signals(signum)]
    leave(code, f"{STOPPED[code]}; nothing to save")


if __name__ == "__main__":
    sys.exit(main())
