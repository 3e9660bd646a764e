"""What a configuration that cannot run is refused with, and what others' errors say in a line."""

from __future__ import annotations

import textwrap

# How much of what another package says fits into a line.
_SHOWN = 200


class ConfigurationError(ValueError):
    """A configuration that cannot run; the message names the key, the value, the rule and the remedy."""


def first_line(error: BaseException) -> str:
    """The kind of an error and the first line of what it says, of which there may be many or none."""
    said = next((line for line in str(error).splitlines() if line.strip()), "")
    return f"{type(error).__name__}: {cut(said)}" if said else type(error).__name__


def cut(text: object) -> str:
    """As much of it as fits into a line."""
    return textwrap.shorten(str(text), _SHOWN, placeholder=" ...")
