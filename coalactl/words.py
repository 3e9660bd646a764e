"""Numbers as a user reads them."""

from __future__ import annotations

import math


def quantity(value: float) -> str:
    """``950``, ``13.2 k``, ``1.2 M``."""
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= size:
            return f"{value / size:.1f} {unit}"
    return f"{value:.0f}"


def size(count: float) -> str:
    """``12 kB``, ``1.3 GB``."""
    for unit, one in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= one:
            return f"{count / one:.1f} {unit}"
    return f"{count:.0f} B"


def shown(value: float | None) -> str:
    """Two decimals, a dash for what is not known."""
    return "-" if value is None or not math.isfinite(value) else f"{value:.2f}"
