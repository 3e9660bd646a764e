"""A process that measures one size: ``python -m coalactl.bench.child``, its request on stdin, JSON lines on stdout."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from typing import Any

from coalactl.environment import python_running
from coalactl.errors import ExitCode, UserError
from coalactl.output import results

_log = logging.getLogger(__name__)


def measure_in_child(size: str, *, repeats: int, seconds: float, tell: Callable[[str], None]) -> dict[str, Any]:
    """The measurement of a size by a fresh process that compiles everything anew.

    Raises :class:`UserError` when it fails.
    """
    # From nothing, so that the time of compilation is that of a first start.
    environment = {**os.environ, "JAX_ENABLE_COMPILATION_CACHE": "0", "TF_CPP_MIN_LOG_LEVEL": "3"}
    request = {"size": size, "repeats": repeats, "seconds": seconds}
    command = [*python_running("coalactl.bench.child"), json.dumps(request)]
    result = None
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8") as complaints,
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=complaints, text=True) as child,  # noqa: S603 (our own)
    ):
        for line in child.stdout or ():
            message = json.loads(line)
            if "progress" in message:
                tell(message["progress"])
            result = message.get("result", result)
        child.wait()
        complaints.seek(0)
        said = complaints.read().strip()
    if child.returncode or result is None:
        _log.error("measuring %s: %s", size, said)
        last = said.splitlines()[-1] if said else "it said nothing"
        raise UserError(f"measuring {size} ended with exit code {child.returncode}: {last}", ExitCode.FAILED)
    return {"size": size, **result}


def main(request: str) -> None:
    """Measures what the request asks for and writes progress and the result."""
    from coalactl.bench.machine import machine
    from coalactl.bench.measure import measure
    from coalactl.bench.sizes import experiment_of

    asked = json.loads(request)
    result = measure(
        experiment_of(asked["size"]),
        repeats=asked["repeats"],
        seconds=asked["seconds"],
        tell=lambda text: _write({"progress": text}),
    )
    _write({"result": {**result, **machine()}})


def _write(message: dict[str, Any]) -> None:
    results().write(json.dumps(message) + "\n")
    results().flush()


if __name__ == "__main__":
    main(sys.argv[1])
