"""Where the tool keeps what is not a run's: compiled programs and the log of what went wrong outside of a run."""

from __future__ import annotations

import logging
import os
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from coalactl.errors import UserError, in_words
from coalactl.output import keep_stdout, note

CACHE_VARIABLE = "COALACTL_CACHE_DIR"
_DEVICES_VARIABLE = "JAX_NUM_CPU_DEVICES"
_OF_DEVICES = ("JAX_PLATFORM", "CUDA_VISIBLE_DEVICES")
_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def cache_directory() -> Path | None:
    """``$COALACTL_CACHE_DIR``, or ``coalactl`` in the user's cache directory; None where that has no home."""
    folder = os.environ.get(CACHE_VARIABLE)
    if not folder:
        import platformdirs

        try:
            folder = platformdirs.user_cache_dir("coalactl")
        except RuntimeError:  # Versions differ in whether they say so or leave the "~".
            return None
    expanded = os.path.expanduser(folder)  # It leaves what it does not know; pathlib raises.
    return None if expanded.startswith("~") else Path(expanded)


def user_log() -> Path | None:
    """The log of what went wrong outside of a run."""
    folder = cache_directory()
    return folder and folder / "log.txt"


def compile_cache_directory() -> Path | None:
    """Where compiled programs are kept, so that the same experiment compiles once on a machine."""
    of_jax, folder = os.environ.get("JAX_COMPILATION_CACHE_DIR"), cache_directory()
    return Path(of_jax) if of_jax else folder and folder / "xla"


def prepare_jax(cpu_devices: int | None = None, *, connects: bool = False) -> None:
    """Loads JAX with the compile cache on, before the first compilation; does without one that cannot be used.

    ``cpu_devices``: as many as a run was started on; by default one a core. ``connects``: other processes come first,
    devices are looked for by a later call. Raises :class:`UserError` where the environment asks for what is not there.
    """
    load_jax()
    count_cores_as_devices(cpu_devices or usable_cores())
    if log_place() is None:  # JAX warns of cache entries that it cannot read; there may be no run yet to log that in.
        log_to(user_log())
    if problem := use_compile_cache():
        _tell_once(problem)
    if not connects:
        _require_devices()


def load_jax() -> None:
    """Imports JAX, which reads its variables then: to be called before what imports it.

    Raises :class:`UserError` that names a variable that it refuses.
    """
    keep_stdout()
    # XLA's own lines on stderr (about features of the processor that made a cache entry) are of no use to a user.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    count = os.environ.get(_DEVICES_VARIABLE, "1")
    if count != "-1" and not (count.isdecimal() and int(count) >= 1):
        raise UserError(f"{_DEVICES_VARIABLE}={count}: use a whole number from 1 on; there are {usable_cores()} cores")
    try:
        import jax  # noqa: F401
    except ValueError as error:
        raise UserError(
            f"JAX refuses {_asked('JAX_') or 'to be loaded'}: {in_words(error)}; correct or unset it"
        ) from error


def _require_devices() -> None:
    """Raises :class:`UserError` with what is asked for and what is there."""
    import jax

    try:
        jax.devices()
    except (RuntimeError, AssertionError) as error:  # An assertion of JAX's own where CUDA's package is not installed.
        asked, hint = _asked(_OF_DEVICES), ""
        with suppress(Exception):
            jax.config.update("jax_platforms", "")
            hint = f"; there is {', '.join(sorted({device.platform for device in jax.devices()}))}, name that"
        raise UserError(f"{asked or 'JAX'}: no such device can be used here ({in_words(error)}){hint}") from error


def _asked(begin: str | tuple[str, ...]) -> str:
    """Variables as they are set, of those whose names begin so."""
    return ", ".join(f"{name}={os.environ[name]}" for name in sorted(os.environ) if name.startswith(begin))


def use_compile_cache() -> str:
    """Has JAX keep compiled programs in the tool's cache; gives why it does not, or ""."""
    import jax

    folder = compile_cache_directory()
    if folder is None:
        return f"no home directory: training without a compile cache; ${CACHE_VARIABLE} may name a place for it"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        return f"{folder}: {error.strerror}: training without a compile cache; ${CACHE_VARIABLE} may name a place"
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    # Of a cache entry that cannot be read JAX warns and compiles anew.
    jax.config.update("jax_raise_persistent_cache_errors", False)
    return ""


@cache
def _tell_once(text: str) -> None:
    logging.getLogger(__name__).warning(text)
    note(text)


def count_cores_as_devices(count: int) -> None:
    """Makes a CPU so many devices to JAX, over which a meta-batch is spread; ``$JAX_NUM_CPU_DEVICES`` goes first."""
    import jax

    if _DEVICES_VARIABLE not in os.environ:
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


def log_to(path: Path | None) -> logging.Handler | None:
    """Sends everything that is logged or warned of to a file from now on (None: nowhere), and nothing to the terminal.

    So it does with exceptions that libraries cannot hand to anybody, as callbacks after a failed write raise them.
    """
    logging.captureWarnings(True)
    sys.unraisablehook = _log_unraisable
    logging.raiseExceptions = False  # A log that cannot be written (disk full) must not end the training.
    root = logging.getLogger()
    if path is None:
        root.addHandler(logging.NullHandler())
        return None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handler = logging.FileHandler(path, encoding="utf-8", errors="backslashreplace", delay=True)
    except OSError:
        return None
    handler.setFormatter(_Formatter(path.parent))
    for old in [old for old in root.handlers if isinstance(old, logging.FileHandler)]:
        root.removeHandler(old)
        old.close()
    root.addHandler(handler)
    logging.getLogger("coalactl").setLevel(logging.INFO)
    return handler


def _log_unraisable(unraisable: Any) -> None:
    raised = unraisable.exc_type, unraisable.exc_value, unraisable.exc_traceback
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
