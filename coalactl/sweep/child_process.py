"""A worker in a process of its own, as whoever starts it sees it: :mod:`coalactl.sweep.child` is what it runs."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from coalactl.environment import python_running
from coalactl.errors import ExitCode
from coalactl.sweep.crew import Ended

_KNOWN = (
    *(ExitCode.OK, ExitCode.FAILED, ExitCode.USAGE, ExitCode.WRITE_FAILED, ExitCode.DAMAGED),
    *(ExitCode.PREEMPTED, ExitCode.INTERRUPTED),
)


class ChildProcess:
    """A worker process. It ends when this one does: it waits for the end of its standard input."""

    def __init__(
        self,
        folder: Path | str,
        workers: int,
        *,
        devices: int,
        cores: Sequence[int] = (),
        variables: Mapping[str, str],
        directory: str | None = None,
    ) -> None:
        """``workers`` share the folder; this one has a CPU as so many ``devices``, and of the cores those named."""
        command = [*python_running("coalactl.sweep.child"), str(folder), str(workers), str(devices)]
        self._said = tempfile.TemporaryFile()  # noqa: SIM115  Open as long as the worker.
        self._process = subprocess.Popen(  # noqa: S603  (our words)
            [*command, *map(str, cores)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=self._said,
            env={**os.environ, **variables},
            cwd=directory,
            start_new_session=True,  # Ctrl-C is for this process, which passes it on once.
        )

    def has_ended(self) -> bool:
        """Whether the process has."""
        return self._process.poll() is not None

    def tell(self, signum: signal.Signals) -> None:
        """Sends a signal."""
        self._process.send_signal(signum)

    def end(self, number: int) -> Ended:
        """Waits for the end, frees what is held, and tells how the worker of that number ended."""
        code = self._process.wait()
        assert self._process.stdin is not None  # noqa: S101  a pipe
        with suppress(OSError):
            self._process.stdin.close()
        with self._said:
            self._said.seek(0)
            lines = self._said.read().decode(errors="replace").strip().splitlines()
        if code in _KNOWN:
            words = lines[-1].removeprefix("coalactl: ") if lines else "a worker failed without a word"
            return Ended(number, ExitCode(code), words)
        return Ended(number, None, f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}")
