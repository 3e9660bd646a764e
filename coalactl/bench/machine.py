"""What a measurement depends on besides the code: processor, cores, versions; and which code it was."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

_KEPT = ("python", "packages", "source", "platform", "devices", "threads", "flags")


def machine() -> dict[str, Any]:
    """Facts beside a result, for comparing it with others; JAX is loaded."""
    import jax

    from coalactl.runs.provenance import describe_attempt

    attempt = describe_attempt([], jax.devices())
    return {
        "date": attempt["started"],
        "cpu": cpu_model(),
        "cores": attempt["cores"]["usable"],
        **{name: attempt[name] for name in _KEPT},
    }


def cpu_model() -> str:
    """The processor's name as the system gives it."""
    try:
        if sys.platform == "darwin":
            sysctl = shutil.which("sysctl") or "/usr/sbin/sysctl"
            command = [sysctl, "-n", "machdep.cpu.brand_string"]
            return subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout.strip()  # noqa: S603 (our words)
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except (OSError, subprocess.SubprocessError):
        pass
    return platform.processor() or platform.machine()
