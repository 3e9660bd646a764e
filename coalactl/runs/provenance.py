"""What made a run: versions, source revision, machine, flags and the command, for each attempt.

Absolute paths are cut to their last part: they are of no use on another machine, and a run directory holds none.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import socket
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path
from types import MappingProxyType
from typing import Any

import coalactl
from coalactl.environment import usable_cores
from coalactl.runs.directory import utc_now

_PACKAGES = (
    "jax",
    "jaxlib",
    "numpy",
    "flax",
    "optax",
    "orbax-checkpoint",
    "pandas",
    "pyarrow",
    "pydantic",
)
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NPROC", "SLURM_CPUS_PER_TASK")
# Settings of JAX that make other numbers of the same experiment: other random draws, another precision.
_NUMBER_SETTINGS = (
    "jax_enable_x64",
    "jax_threefry_partitionable",
    "jax_default_prng_impl",
    "jax_default_matmul_precision",
    "jax_numpy_dtype_promotion",
    "jax_random_seed_offset",
)
_FLAG_VARIABLES = ("XLA_FLAGS", "LIBTPU_INIT_ARGS", "CUDA_VISIBLE_DEVICES", "TF_CUDNN_DETERMINISTIC")


def collect(
    command: Sequence[str], devices: Iterable[object] = (), numbers: Mapping[str, Any] = MappingProxyType({})
) -> dict[str, Any]:
    """The provenance of a run that starts now; devices and numbers are told by the caller, who has loaded JAX."""
    attempt = describe_attempt(command, devices, numbers)
    return {**attempt, "attempts": [attempt]}


def add_attempt(provenance: Mapping[str, Any], attempt: Mapping[str, Any]) -> dict[str, Any]:
    """The provenance of a run that goes on: the first attempt's, with this one in the list of attempts."""
    before = provenance.get("attempts", [])
    return {**provenance, "attempts": [*(before if isinstance(before, list) else []), dict(attempt)]}


def describe_attempt(
    command: Sequence[str], devices: Iterable[object] = (), numbers: Mapping[str, Any] = MappingProxyType({})
) -> dict[str, Any]:
    """Everything outside of the configuration that this process's results may depend on."""
    return {
        "started": utc_now(),
        "command": [_shorten(word) for word in command],
        "host": socket.gethostname(),
        "python": platform.python_version(),
        "packages": _versions(),
        "source": _source(),
        "platform": {"system": platform.system(), "release": platform.release(), "machine": platform.machine()},
        "cores": {"machine": os.cpu_count(), "usable": usable_cores()},
        "devices": [str(device) for device in devices],
        "numbers": dict(numbers),
        "threads": _environment(_THREAD_VARIABLES),
        "flags": _environment((*_FLAG_VARIABLES, *(name for name in os.environ if name.startswith("JAX_")))),
    }


def number_settings() -> dict[str, Any]:
    """Settings of JAX on which random draws and precision depend, however they were set."""
    import jax

    return {name: getattr(jax.config, name) for name in _NUMBER_SETTINGS if hasattr(jax.config, name)}


def other_numbers(provenance: Mapping[str, Any], here: Mapping[str, Any]) -> list[str]:
    """What to set so that a run goes on with the numbers that it began with; empty where nothing differs."""
    began = provenance.get("numbers")
    if not isinstance(began, Mapping):
        return []
    differing = [name for name in here if name in began and began[name] != here[name]]
    return [f"{name.upper()} is {_word(here[name])} here and was {_word(began[name])}" for name in differing]


def other_flags(provenance: Mapping[str, Any]) -> str:
    """Words about XLA's flags where they differ from those of the attempt before; empty where they do not."""
    attempts = provenance.get("attempts")
    before = attempts[-1] if isinstance(attempts, list) and attempts else provenance
    flags = before.get("flags") if isinstance(before, Mapping) else None
    if not isinstance(flags, Mapping):
        return ""
    was, now = (variables.get("XLA_FLAGS", "none") for variables in (flags, _environment(["XLA_FLAGS"])))
    return f"XLA_FLAGS: {was} so far, {now} from here on; equal up to rounding" if was != now else ""


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else "not set" if value is None else str(value)


def _versions() -> dict[str, str]:
    versions = {"coalactl": coalactl.__version__}
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions


def _environment(names: Iterable[str]) -> dict[str, str]:
    return {name: _shorten(os.environ[name]) for name in sorted(names) if name in os.environ}


def _source() -> dict[str, Any] | None:
    """The revision of the code: from git in a checkout, from pip where it has installed one; None if unknown."""
    package = Path(coalactl.__file__).parent
    # The package must be tracked: an installed copy may lie below some other project's checkout.
    if _git(package, "ls-files", "--error-unmatch", "__init__.py") is not None:
        revision = _git(package, "rev-parse", "HEAD")
        if revision is not None:
            return {"revision": revision, "modified": bool(_git(package, "status", "--porcelain", "-uno"))}
    try:
        origin = json.loads(distribution("coalactl").read_text("direct_url.json") or "{}")
    except (PackageNotFoundError, ValueError):
        return None
    revision = origin.get("vcs_info", {}).get("commit_id")
    return {"revision": revision, "modified": False} if revision else None


def _git(folder: Path, *arguments: str) -> str | None:
    git = shutil.which("git")
    if git is None:
        return None
    try:
        command = [git, "-C", str(folder), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)  # noqa: S603 (our words)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _shorten(text: str) -> str:
    """Cut absolute paths in a word to their last part: ``--out=/home/me/x`` becomes ``--out=.../x``."""
    return re.sub(r"(?<![^\s=:,;])(?:~?/)(?:[^/\s=:,;]+/)*", ".../", text)
