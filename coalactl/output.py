"""Plain text to the user: data on stdout, everything else on stderr."""

from __future__ import annotations

import io
import json
import math
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, TextIO

from coalactl.paths import escaped


class _Kept:
    """The process's stdout while that is kept for what was asked for."""

    stdout: TextIO | None = None


def results() -> TextIO:
    """Where what was asked for goes."""
    return _Kept.stdout or sys.stdout


def keep_stdout() -> None:
    """From now on other packages, as games that print, print to stderr: stdout is for what was asked for."""
    if _Kept.stdout is None:
        _Kept.stdout, sys.stdout = sys.stdout, sys.stderr


def release_stdout() -> None:
    """Undoes :func:`keep_stdout`."""
    if _Kept.stdout is not None:
        sys.stdout, _Kept.stdout = _Kept.stdout, None


def emit(text: str) -> None:
    """A line of what was asked for."""
    results().write(f"{text}\n")


def emit_json(content: Any) -> None:
    """JSON as what was asked for; JSON has no word for numbers that are not finite: nan is null, inf a string."""
    emit(json.dumps(json_safe(content), indent=2, allow_nan=False))


def json_safe(content: Any) -> Any:
    """The same with what JSON has no word for replaced: nan by null, inf by text."""
    if isinstance(content, Mapping):
        return {key: json_safe(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [json_safe(value) for value in content]
    if isinstance(content, float) and not math.isfinite(content):
        return None if math.isnan(content) else str(content)
    return content


def note(text: str) -> None:
    """A line about what is going on; that nobody can read it (terminal closed, disk full) ends no training."""
    with suppress(OSError):
        sys.stderr.write(f"{escaped(text)}\n")
        sys.stderr.flush()


@contextmanager
def without_prints() -> Iterator[None]:
    """What other packages print, as JaxMARL does while it is imported, is kept from what the user asked for.

    JaxMARL also sets both streams back to those that the process began with, which may be another's by now.
    """
    before = {name: getattr(sys, name) for name in ("stdout", "stderr", "__stdout__", "__stderr__")}
    unread = io.StringIO()
    try:
        for name, stream in {"stdout": unread, "__stdout__": unread, "__stderr__": sys.stderr}.items():
            setattr(sys, name, stream)
        yield
    finally:
        for name, stream in before.items():
            setattr(sys, name, stream)


def open_streams() -> None:
    r"""Gives a process that was started with closed streams (``2>&-``) somewhere to write to.

    Names of files that are no text, and letters that a terminal does not have, are written as ``\udcff``.
    """
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  Open as long as the process.
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def settle_streams() -> None:
    """Gives up what cannot be written: Python would try again at its end, complain and change the exit code."""
    for stream in (results(), sys.stderr):
        try:
            stream.flush()
        except OSError:
            with suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
