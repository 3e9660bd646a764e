"""Known memory-one strategies as data: the probability of cooperating (action 0) at the start and after CC, CD, DC, DD.

Own action first. Described in Axelrod (1984) and Nowak & Sigmund (1993). Fixed opponents of both engines and the named
starts of the analytical one are taken from here. This module imports no JAX.
"""

from __future__ import annotations

MEMORY_ONE: dict[str, tuple[float, float, float, float, float]] = {
    "tit-for-tat": (1, 1, 0, 1, 0),
    "win-stay-lose-shift": (1, 1, 0, 0, 1),
    "always-cooperate": (1, 1, 1, 1, 1),
    "always-defect": (0, 0, 0, 0, 0),
}
