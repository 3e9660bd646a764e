"""Fixed strategies by name: what each does, where it is from, and its rule. This module imports no JAX.

Behind a name may stand ``+carried``, for a memory that goes on from one inner episode to the next, and ``~0.05``, the
probability with which each action is the other one. Probabilities of memory-one strategies are in
:mod:`coalactl_core.configuration.memory_one`, the others' rules in :mod:`coalactl_core.configuration.strategy_rules`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from coalactl_core.configuration import strategy_rules as rules
from coalactl_core.configuration.automata import Rule
from coalactl_core.configuration.memory_one import MEMORY_ONE

# Five probabilities that are drawn anew for each opponent.
RANDOM_TABULAR = "random-tabular"
CARRIED = "+carried"
NOISY = "~"


class Row(NamedTuple):
    """A strategy: what it does, where that is from, and its rule."""

    what: str
    source: str
    rule: Rule


class Family(NamedTuple):
    """Strategies with numbers in their names: an example, and the rule of numbers, which may raise ValueError."""

    what: str
    source: str
    example: str
    pattern: str
    rule: Callable[..., Rule]


class Written(NamedTuple):
    """A strategy as it is written: the name itself, whether its memory is carried on, how often its action flips."""

    name: str
    carried: bool
    noise: float


_NUMBER = r"(\d+(?:\.\d+)?)"
_MIRROR = {(0, 0): 1.0, (0, 1): 0.0, (1, 0): 1.0, (1, 1): 0.0}
_SHIFT = {(0, 0): 1.0, (0, 1): 0.0, (1, 0): 0.0, (1, 1): 1.0}
_HILBE = "Hilbe, Martinez-Vaquero, Chatterjee & Nowak (2017)"
_ASHLOCK = "Ashlock & Ashlock (2006)"

CLASSIC: dict[str, str] = {
    "tit-for-tat": "does what the other did last",
    "win-stay-lose-shift": "cooperates if both did the same last",
    "always-cooperate": "cooperates",
    "always-defect": "defects",
    "grim": "defects from the first defection on",
    "generous-tit-for-tat": "tit-for-tat that forgives as often as it can afford",
    "extortion-3": "zero-determinant extortion, chi = 3",
    "extortion-10": "zero-determinant extortion, chi = 10",
}

# The pool "memory": they remember more than the last joint outcome.
WITH_MEMORY: dict[str, Row] = {
    "tit-for-two-tats": Row("defects after two defections in a row", "Axelrod (1984)", rules.runs_of_defection(2)),
    "two-tits-for-tat": Row(
        "defects twice after each defection", "Axelrod (1984)", rules.punishing(2, lambda _, other: other == 1)
    ),
    "gradual": Row(
        "the n-th punishment has n defections, then two calm steps",
        "Beaufils, Delahaye & Mathieu (1996)",
        rules.gradual(),
    ),
    "soft-majority": Row(
        "defects if the other defected more often than it cooperated",
        "Beaufils, Delahaye & Mathieu (1996)",
        rules.counting(lambda more: more >= 0),
    ),
    "hard-majority": Row(
        "cooperates if the other cooperated more often than it defected",
        "Mathieu & Delahaye (2017)",
        rules.counting(lambda more: more > 0),
    ),
    "contrite-tit-for-tat": Row(
        "tit-for-tat that makes good its own mistakes",
        "Wu & Axelrod (1995), after Sugden (1986) and Boyd (1989)",
        rules.contrite(),
    ),
    "fortress-3": Row("cooperates with who opened by D, D, C", _ASHLOCK, rules.fortress(3)),
    "fortress-4": Row("cooperates with who opened by D, D, D, C", _ASHLOCK, rules.fortress(4)),
    "all-or-none-2": Row(
        "cooperates if both did the same in the last two steps",
        _HILBE,
        rules.punishing(2, lambda own, other: own != other),
    ),
    "all-or-none-3": Row(
        "cooperates if both did the same in the last three steps",
        _HILBE,
        rules.punishing(3, lambda own, other: own != other),
    ),
    "delayed-all-or-none": Row(
        "cooperates after DD, and after CC if both did the same before", _HILBE, rules.delayed_all_or_none()
    ),
    "mem-2": Row(
        "plays tit-for-tat, tit-for-two-tats or defects, by the last two steps", "Li & Kendall (2014)", rules.mem_2()
    ),
}

# Further ones that go by the last joint outcome, or by none.
OTHERS: dict[str, Row] = {
    "suspicious-tit-for-tat": Row(
        "tit-for-tat that begins with D", "Boyd & Lorberbaum (1987)", rules.of_outcomes(0.0, _MIRROR)
    ),
    "suspicious-win-stay-lose-shift": Row(
        "win-stay-lose-shift that begins with D", "Nowak & Sigmund (1993)", rules.of_outcomes(0.0, _SHIFT)
    ),
    "random": Row(
        "cooperates every second time, at random", "Axelrod (1984)", rules.of_outcomes(0.5, dict.fromkeys(_MIRROR, 0.5))
    ),
}

FAMILIES: dict[str, Family] = {
    "reactive-P-Q": Family(
        "cooperates with P after the other's C, with Q after its D",
        "Nowak & Sigmund (1992)",
        "reactive-1-0.3",
        rf"reactive-{_NUMBER}-{_NUMBER}",
        rules.reactive,
    ),
    "reactive-A-B-C-D": Family(
        "cooperates with A to D after the other's last two, CC, CD, DC, DD",
        "Glynatsi, Akin, Nowak & Hilbe (2024)",
        "reactive-1-0.5-0.5-0",
        "-".join(["reactive", *[_NUMBER] * 4]),
        rules.reactive,
    ),
    "pavlov-N": Family(
        "cooperates with k/N; k rises by 1 after CC and DD, else falls by 2",
        "Kraines & Kraines (1989)",
        "pavlov-10",
        r"pavlov-(\d+)",
        rules.pavlov,
    ),
}


def read(written: str) -> Written:
    """The parts of a strategy as it is written, ``NAME``, ``NAME+carried``, ``NAME~0.05`` or ``NAME+carried~0.05``.

    Raises:
        ValueError: its noise is none.
    """
    name, noisy, noise = written.partition(NOISY)
    try:
        flips = float(noise) if noisy else 0.0
    except ValueError:
        flips = -1.0
    if noisy and not 0 < flips <= 0.5:
        example = f"{name or 'tit-for-tat'}{NOISY}0.05"
        raise ValueError(f"its noise is a number above 0 and at most 0.5, as in {example}")
    return Written(name.removesuffix(CARRIED), name.endswith(CARRIED), flips)


def rule_of(name: str) -> Rule | None:
    """The rule of a name, which has nothing behind it; None where it is none of these strategies.

    Raises:
        ValueError: its numbers are none of its family.
    """
    for row in (WITH_MEMORY.get(name), OTHERS.get(name)):
        if row is not None:
            return row.rule
    for family in FAMILIES.values():
        if found := re.fullmatch(family.pattern, name):
            try:
                return family.rule(*map(float, found.groups()))
            except ValueError as error:
                raise ValueError(f"{error}, as in {family.example}") from error
    return None


def is_strategy(written: str) -> bool:
    """Whether it is a strategy of this project, with whatever stands behind its name, or means to be one."""
    name = bare(written)
    return name in names() or any(re.fullmatch(family.pattern, name) for family in FAMILIES.values())


def bare(written: str) -> str:
    """The name without what stands behind it, which may be none of it."""
    return written.partition(NOISY)[0].removesuffix(CARRIED)


def names() -> tuple[str, ...]:
    """Those of all strategies without numbers to be chosen in their names."""
    return (*MEMORY_ONE, RANDOM_TABULAR, *WITH_MEMORY, *OTHERS)


def summaries() -> Iterator[tuple[str, str]]:
    """Names with what each does; of families an example."""
    yield from CLASSIC.items()
    yield RANDOM_TABULAR, "five probabilities, drawn for each opponent"
    yield from ((name, row.what) for name, row in {**WITH_MEMORY, **OTHERS}.items())
    yield from ((family.example, family.what) for family in FAMILIES.values())
