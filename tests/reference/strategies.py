"""Fixed strategies by their definitions in words: from lists of all moves so far to the probability of cooperating.

Written from the sources that docs/strategies.md names, without states that go along. Moves are 0 (C) and 1 (D).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

C, D = 0, 1
Moves = list[int]


def tit_for_two_tats(own: Moves, other: Moves) -> float:
    return other[-2:] != [D, D]


def two_tits_for_tat(own: Moves, other: Moves) -> float:
    return D not in other[-2:]


def gradual(own: Moves, other: Moves) -> float:
    """Plans its whole future: n defections and two calm steps from the step after the n-th defection that it heeds."""
    plan: dict[int, int] = {}
    punishments = 0
    for step in range(len(other)):
        # It heeds no defection while a plan goes on beyond the next step.
        if other[step] == D and step + 1 not in plan:
            punishments += 1
            for later, action in enumerate([D] * punishments + [C, C]):
                plan[step + 1 + later] = action
    return plan.get(len(other), C) == C


def soft_majority(own: Moves, other: Moves) -> float:
    return other.count(D) <= other.count(C)


def hard_majority(own: Moves, other: Moves) -> float:
    return other.count(D) < other.count(C)


def contrite_tit_for_tat(own: Moves, other: Moves) -> float:
    mood = "content"
    for mine, theirs in zip(own, other, strict=True):
        if mood == "content" and (mine, theirs) == (C, D):
            mood = "provoked"
        elif mood == "content" and (mine, theirs) == (D, C):
            mood = "contrite"
        elif (mood == "provoked" and theirs == C) or (mood == "contrite" and mine == C):
            mood = "content"
    return mood != "provoked"


def fortress(length: int, own: Moves, other: Moves) -> float:
    """Whether the other has knocked, D as often as that, since it last spoilt it, and cooperated ever since."""
    knocked = 0
    for theirs in other:
        if knocked < length - 1:
            knocked = knocked + 1 if theirs == D else 0
        elif theirs == D:
            knocked = 0
    return knocked == length - 1


def all_or_none(steps: int, own: Moves, other: Moves) -> float:
    return own[-steps:] == other[-steps:]


def delayed_all_or_none(own: Moves, other: Moves) -> float:
    """The two-step histories after which it cooperates, as the paper lists them, own and other's moves."""
    histories = {"CC CC", "CD CD", "CD DD", "DC DC", "DD CD", "DD DD"}
    written = ["".join("CD"[move] for move in ([C, C, *moves])[-2:]) for moves in (own, other)]
    return " ".join(written) in histories


def mem_2(own: Moves, other: Moves) -> float:
    plays, defecting = "TFT", 0
    for end in range(2, len(own) + 1, 2):
        pair = {(own[end - 2], other[end - 2]), (own[end - 1], other[end - 1])}
        if defecting < 2:
            if pair == {(C, C)}:
                plays = "TFT"
            elif pair == {(C, D), (D, C)}:
                plays = "TFTT"
            else:
                plays, defecting = "ALLD", defecting + 1
    if plays == "ALLD":
        return False
    return other[-1:] != [D] if plays == "TFT" else other[-2:] != [D, D]


def by_last(first: float, later: Callable[[int, int], float], own: Moves, other: Moves) -> float:
    return later(own[-1], other[-1]) if own else first


def pavlov(parts: int, own: Moves, other: Moves) -> float:
    payoffs = {(C, C): 1, (C, D): -2, (D, C): 2, (D, D): -1}
    probability = parts
    for mine, theirs in zip(own, other, strict=True):
        reinforced = payoffs[mine, theirs] * (1 if mine == C else -1)
        probability = min(max(probability + reinforced, 0), parts)
    return probability / parts


DEFINITIONS: dict[str, Callable[[Moves, Moves], float]] = {
    "tit-for-two-tats": tit_for_two_tats,
    "two-tits-for-tat": two_tits_for_tat,
    "gradual": gradual,
    "soft-majority": soft_majority,
    "hard-majority": hard_majority,
    "contrite-tit-for-tat": contrite_tit_for_tat,
    "fortress-3": partial(fortress, 3),
    "fortress-4": partial(fortress, 4),
    "all-or-none-2": partial(all_or_none, 2),
    "all-or-none-3": partial(all_or_none, 3),
    "delayed-all-or-none": delayed_all_or_none,
    "mem-2": mem_2,
    "suspicious-tit-for-tat": partial(by_last, 0, lambda own, other: other == C),
    "suspicious-win-stay-lose-shift": partial(by_last, 0, lambda own, other: own == other),
    "random": lambda own, other: 0.5,
    "tit-for-tat": partial(by_last, 1, lambda own, other: other == C),
    "win-stay-lose-shift": partial(by_last, 1, lambda own, other: own == other),
    "always-cooperate": lambda own, other: 1,
    "always-defect": lambda own, other: 0,
    # As a memory-one strategy: where its own action was flipped, it may come back to cooperation.
    "grim": partial(by_last, 1, lambda own, other: own == other == C),
    "generous-tit-for-tat": partial(by_last, 1, lambda own, other: 1 if other == C else 0.5),
    # Eq. 18 in the paper's game by hand: phi is 1/7 and 1/21, and CC and DC come to the same.
    "extortion-3": partial(by_last, 1, lambda own, other: 0 if other == D else 5 / 7),
    "extortion-10": partial(by_last, 1, lambda own, other: 0 if other == D else 4 / 7),
    "reactive-1-0.3": lambda own, other: 0.3 if other[-1:] == [D] else 1,
    "reactive-1-0.75-0.5-0": lambda own, other: ((1, 0.75), (0.5, 0))[([C, C, *other])[-2]][([C, *other])[-1]],
    "pavlov-10": partial(pavlov, 10),
    "pavlov-1": partial(by_last, 1, lambda own, other: own == other),
}
