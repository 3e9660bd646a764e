"""Where the tool keeps what is not a run's: compiled programs and the log of what went wrong outside of a run."""

from __future__ import annotations

import logging
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from coalactl.output import keep_stdout

CACHE_VARIABLE = "COALACTL_CACHE_DIR"
_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def cache_directory() -> Path:
    """``$COALACTL_CACHE_DIR``, or ``coalactl`` in the user's cache directory."""
    if given := os.environ.get(CACHE_VARIABLE):
        return Path(given).expanduser()
    import platformdirs

    return Path(platformdirs.user_cache_dir("coalactl"))


def compile_cache_directory() -> Path:
    """Where compiled programs are kept, so that the same experiment compiles once on a machine."""
    given = os.environ.get("JAX_COMPILATION_CACHE_DIR")
    return Path(given) if given else cache_directory() / "xla"


def prepare_jax(cpu_devices: int | None = None) -> None:
    """Loads JAX with the compile cache on, before the first compilation; does without one that cannot be used.

    ``cpu_devices``: as many as a run was started on; by default one a core.
    """
    keep_stdout()
    # XLA's own lines on stderr (about features of the processor that made a cache entry) are of no use to a user.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import jax

    count_cores_as_devices(cpu_devices or usable_cores())
    if log_place() is None:  # JAX warns of cache entries that it cannot read; there may be no run yet to log that in.
        log_to(cache_directory() / "log.txt")
    folder = compile_cache_directory()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        logging.getLogger(__name__).warning("no compile cache: %s: %s", folder, error.strerror)
        return
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    # Of a cache entry that cannot be read JAX warns and compiles anew.
    jax.config.update("jax_raise_persistent_cache_errors", False)


def count_cores_as_devices(count: int) -> None:
    """Makes a CPU so many devices to JAX, over which a meta-batch is spread; ``$JAX_NUM_CPU_DEVICES`` goes first."""
    import jax

    if "JAX_NUM_CPU_DEVICES" not in os.environ:
        with suppress(RuntimeError):  # JAX was in use before: then it stays as it is.
            jax.config.update("jax_num_cpu_devices", count)


def python_running(module: str) -> list[str]:
    """The command of a further process of ours.

    ``-P``: the current folder is not first on its path, so that a file of the user's there, called as one of Python's
    modules, is not taken for that.
    """
    return [sys.executable, "-P", "-m", module]


def usable_cores() -> int:
    """Cores that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)  # Linux only
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def log_to(path: Path) -> logging.Handler | None:
    """Sends everything that is logged or warned of to a file from now on, and nothing of it to the terminal.

    So it does with exceptions that libraries cannot hand to anybody, as callbacks after a failed write raise them.
    """
    logging.captureWarnings(True)
    sys.unraisablehook = _log_unraisable
    logging.raiseExceptions = False  # A log that cannot be written (disk full) must not end the training.
    root = logging.getLogger()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handler = logging.FileHandler(path, encoding="utf-8", delay=True)
    except OSError:
        return None
    handler.setFormatter(_Formatter(path.parent))
    for old in [old for old in root.handlers if isinstance(old, logging.FileHandler)]:
        root.removeHandler(old)
        old.close()
    root.addHandler(handler)
    logging.getLogger("coalactl").setLevel(logging.INFO)
    return handler


def _log_unraisable(given: Any) -> None:
    raised = given.exc_type, given.exc_value, given.exc_traceback
    logging.getLogger(__name__).error("nobody took this exception", exc_info=raised)


class _Formatter(logging.Formatter):
    """Names what is beside the log without the place where both are now: a run directory may be moved."""

    def __init__(self, folder: Path) -> None:
        super().__init__(_FORMAT)
        self._folder = str(folder.absolute())

    def format(self, record: logging.LogRecord) -> str:
        """One record."""
        return super().format(record).replace(self._folder, ".")


def log_place() -> Path | None:
    """The file that :func:`log_to` writes to."""
    files = [handler for handler in logging.getLogger().handlers if isinstance(handler, logging.FileHandler)]
    return Path(files[-1].baseFilename) if files else None
