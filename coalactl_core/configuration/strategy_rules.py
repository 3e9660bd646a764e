"""Rules of fixed strategies, as their definitions have them: a state, what is played in it, what comes after it.

:mod:`coalactl_core.configuration.strategies` has them by name, with their sources; where these leave something open,
what was chosen is said here. This module imports no JAX.
"""

from __future__ import annotations

from collections.abc import Callable

from coalactl_core.configuration.automata import COOPERATE, DEFECT, Rule

Outcome = tuple[int, int]


def runs_of_defection(patience: int) -> Rule:
    """Defects once the other has defected so many times in a row, until it cooperates."""
    return Rule(
        start=0,
        cooperates=lambda run: run < patience,
        after=lambda run, _, other: min(run + 1, patience) if other == DEFECT else 0,
    )


def punishing(lasting: int, provoked: Callable[[int, int], bool]) -> Rule:
    """Defects for so many steps after the last one that provoked it."""
    return Rule(
        start=0,
        cooperates=lambda left: left == 0,
        after=lambda left, own, other: lasting if provoked(own, other) else max(left - 1, 0),
    )


def of_outcomes(start: float, after_outcome: dict[Outcome, float]) -> Rule:
    """Memory-one: the state is the probability of cooperating, by the last joint outcome."""
    return Rule(
        start=start, cooperates=lambda probability: probability, after=lambda _, own, other: after_outcome[own, other]
    )


def gradual() -> Rule:
    """The n-th punishment has n defections and two calm steps behind it.

    The state: punishments so far, defections that are left of this one, calm steps that are left. The paper leaves open
    whether the other's defections in the meantime count; here they do not, but for the one at the last calm step.
    """

    def after(state: tuple[int, int, int], own: int, other: int) -> tuple[int, int, int]:
        del own
        punishments, defections, calm = state
        if defections:
            return punishments, defections - 1, 2
        if calm > 1:
            return punishments, 0, calm - 1
        return (punishments + 1, punishments + 1, 2) if other == DEFECT else (punishments, 0, 0)

    return Rule(start=(0, 0, 0), cooperates=lambda state: state[1] == 0, after=after)


def counting(cooperates: Callable[[int], bool]) -> Rule:
    """The state: how much more often the other has cooperated than defected."""
    return Rule(start=0, cooperates=cooperates, after=lambda more, _, other: more + (1 if other == COOPERATE else -1))


def contrite() -> Rule:
    """Content, contrite or provoked: a defection alone ends contentment, the cooperation that is due brings it back."""

    def after(state: str, own: int, other: int) -> str:
        if state == "contrite":
            return "contrite" if own == DEFECT else "content"
        if state == "provoked":
            return "provoked" if other == DEFECT else "content"
        return "content" if own == other else "contrite" if own == DEFECT else "provoked"

    return Rule(start="content", cooperates=lambda state: state != "provoked", after=after)


def fortress(length: int) -> Rule:
    """Cooperates once the other has defected one time less in a row than this, while the other then cooperates."""

    def after(run: int, own: int, other: int) -> int:
        del own
        if run == length - 1:
            return run if other == COOPERATE else 0
        return run + 1 if other == DEFECT else 0

    return Rule(start=0, cooperates=lambda run: run == length - 1, after=after)


def delayed_all_or_none() -> Rule:
    """After DD, and after CC where both had done the same the step before; it begins as after CC twice.

    Of three strategies that the paper calls so this is the one that cooperates most with itself.
    """

    def cooperates(state: tuple[Outcome, bool]) -> bool:
        (own, other), agreed_before = state
        return own == other and (own == DEFECT or agreed_before)

    def after(state: tuple[Outcome, bool], own: int, other: int) -> tuple[Outcome, bool]:
        return (own, other), state[0][0] == state[0][1]

    return Rule(start=((COOPERATE, COOPERATE), True), cooperates=cooperates, after=after)


def mem_2() -> Rule:
    """The state: what it plays as, how often it chose to defect, and the last two joint outcomes, of this pair or more.

    It begins as tit-for-tat and chooses anew after every two steps, until it has chosen always-defect twice.
    """

    def cooperates(state: tuple[str, int, int, tuple[Outcome, ...]]) -> bool:
        plays, _, _, past = state
        defections = [other == DEFECT for _, other in past]
        if plays == "tit-for-tat":
            return not any(defections[-1:])
        return plays == "tit-for-two-tats" and not (len(defections) == 2 and all(defections))

    def after(
        state: tuple[str, int, int, tuple[Outcome, ...]], own: int, other: int
    ) -> tuple[str, int, int, tuple[Outcome, ...]]:
        plays, defecting, steps, past = state
        if defecting == 2:
            return plays, defecting, 0, ()
        past = (*past, (own, other))[-2:]
        if steps == 0:
            return plays, defecting, 1, past
        if set(past) == {(COOPERATE, COOPERATE)}:
            return "tit-for-tat", defecting, 0, past
        if set(past) == {(COOPERATE, DEFECT), (DEFECT, COOPERATE)}:
            return "tit-for-two-tats", defecting, 0, past
        return "always-defect", defecting + 1, 0, past

    return Rule(start=("tit-for-tat", 0, 0, ()), cooperates=cooperates, after=after)


def pavlov(number: float) -> Rule:
    """The state: how many of so many parts its probability of cooperating has. Where it begins is open; here at all.

    Payoffs reward or punish the action by 1 where both do the same, by 2 where they do not.
    """
    steps = int(number)
    if not 1 <= steps <= 100:
        raise ValueError("its number is from 1 to 100")
    changes = {(0, 0): 1, (0, 1): -2, (1, 0): -2, (1, 1): 1}
    return Rule(
        start=steps,
        cooperates=lambda parts: parts / steps,
        after=lambda parts, own, other: min(max(parts + changes[own, other], 0), steps),
    )


def reactive(*probabilities: float) -> Rule:
    """By the other's last action (two numbers) or last two (four: CC, CD, DC, DD, the earlier first).

    It begins as if the other had cooperated before.
    """
    if not all(0 <= each <= 1 for each in probabilities):
        raise ValueError("its numbers are probabilities, from 0 to 1")
    remembered = 1 if len(probabilities) == 2 else 2
    return Rule(
        start=(COOPERATE,) * remembered,
        cooperates=lambda past: probabilities[int("".join(map(str, past)), 2)],
        after=lambda past, _, other: (*past, other)[-remembered:],
    )
