"""How wide figures are, for the papers that they stand in. Loads nothing: arguments are checked with it."""

from __future__ import annotations

import math
from collections.abc import Mapping

from coalactl.errors import UserError

WIDTHS: Mapping[str, float] = {"iclr": 5.5, "neurips": 5.5, "column": 3.3, "page": 6.9}
"""Inches: the text of papers of one column, and of those of two one column and both."""
_LEAST, _MOST = 2.5, 20.0


def inches(width: str) -> float:
    """A number of inches, or the name of what is as wide; raises :class:`UserError` for anything else."""
    named = WIDTHS.get(width.strip().lower())
    if named is not None:
        return named
    try:
        number = float(width.strip().removesuffix("in"))
    except ValueError:
        number = math.nan
    if not _LEAST <= number <= _MOST:
        names = ", ".join(WIDTHS)
        raise UserError(f"--width {width}: it takes {_LEAST:g} to {_MOST:g} inches, as in --width 3.25, or {names}")
    return number
