"""``--set key=value``: one value of the configuration from the command line, typed as TOML values are.

A bare word is a string (``--set meta.method=m-fos``). Needs no pydantic, so that a slip in the syntax is told at once.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from typing import Any

from coalactl.errors import UserError

_KEY = re.compile(r"[A-Za-z_][\w-]*(\.[A-Za-z_][\w-]*)*")
# TOML wants a digit on both sides of the point; `.5` and `5.` mean numbers all the same.
_SHOWN = 60
_LOOSE_NUMBER = re.compile(r"[+-]?(\d+\.|\.\d+|\d+\.\d+)([eE][+-]?\d+)?")


def parse_overrides(assignments: Sequence[str]) -> dict[str, Any]:
    """Dotted key to value, in the order given; the last of equal keys counts."""
    return dict(_parse(text) for text in assignments)


def _parse(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    key, shown = key.strip(), shortened(text)
    if not equals:
        raise UserError(f"--set {shown}: no '=' in it; use --set key=value, for instance meta.learning_rate=1e-3")
    if not _KEY.fullmatch(key):
        rule = "use names joined by dots, for instance meta.learning_rate"
        raise UserError(f"--set {shown}: {shortened(key)!r} is no key; {rule}")
    if not value.strip():
        raise UserError(f"--set {key}: no value after '='")
    return key, parse_value(key, value.strip())


def parse_value(key: str, text: str) -> Any:
    """A TOML value, or a bare word as a string."""
    if "\n" in text:
        raise UserError(f"--set {key}: a value is one line")
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError as error:
        if _LOOSE_NUMBER.fullmatch(text):
            return float(text)
        if text[0] in "[{\"'":
            raise UserError(f"--set {key}: {shortened(text)} is not a TOML value: {error}") from error
        return text
    except (ValueError, RecursionError) as error:  # thousands of digits, or of brackets
        raise UserError(f"--set {key}: {shortened(text)} is too long a value") from error


def shortened(text: str) -> str:
    """As much of a text as fits into a line."""
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."
