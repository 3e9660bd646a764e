"""Finite automata as data: fixed opponents with memory, and how one is made of a rule.

In each state an automaton cooperates (action 0) with some probability; the joint outcome of a step, own action first,
says which state follows. It moves by what was played, not by what it meant to play. A memory-one strategy is the
automaton of five states, the start and the last joint outcome. This module imports no JAX.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, NamedTuple

from coalactl_core.configuration.memory_one import STATES

COOPERATE, DEFECT = 0, 1
# Joint outcomes, own action first, in the order of an automaton's next states.
OUTCOMES = ((COOPERATE, COOPERATE), (COOPERATE, DEFECT), (DEFECT, COOPERATE), (DEFECT, DEFECT))
# Each opponent of a meta-batch has a copy of its automaton, four numbers a state.
MOST_STATES = 4096


class Automaton(NamedTuple):
    """A fixed opponent; it begins in state 0.

    ``cooperation``: the probability of cooperating in each state. ``following``: of each state the four that follow
    after CC, CD, DC and DD, own action first. ``carried``: whether its state goes on from one inner episode to the
    next, the last joint outcome included; if not, each begins in state 0.
    """

    cooperation: Sequence[float]
    following: Sequence[Sequence[int]]
    carried: bool = False


class Rule(NamedTuple):
    """A strategy as its definition has it, with any states that can be told apart.

    ``cooperates``: the probability of cooperating in a state. ``after``: the state after one's own and the other's
    action.
    """

    start: Hashable
    cooperates: Callable[[Any], float]
    after: Callable[[Any, int, int], Hashable]


def automaton_of(rule: Rule, moves: int) -> Automaton:
    """The automaton of the states that a rule can be in at one of so many moves.

    So a rule that counts is an automaton, too: within a game of bounded length it counts no further than that.

    Raises:
        ValueError: there are more than :data:`MOST_STATES`.
    """
    numbers: dict[Hashable, int] = {rule.start: 0}
    states, reached = [rule.start], [0]
    following: list[tuple[int, ...]] = []
    # The list grows while it is gone through: states in the order of the moves that it takes to reach them.
    for state, move in zip(states, reached, strict=False):
        if move + 1 >= moves:
            # The last move: nothing is played after it.
            following.append((0,) * len(OUTCOMES))
            continue
        successors = [rule.after(state, own, other) for own, other in OUTCOMES]
        for successor in successors:
            if successor not in numbers:
                numbers[successor] = len(states)
                states.append(successor)
                reached.append(move + 1)
        if len(states) > MOST_STATES:
            raise ValueError(f"more than {MOST_STATES} states in {moves} moves")
        following.append(tuple(numbers[successor] for successor in successors))
    return Automaton(tuple(float(rule.cooperates(state)) for state in states), tuple(following))


def merged(automaton: Automaton) -> Automaton:
    """The smallest automaton that plays alike: states that no game tells apart are one."""

    def numbered(of_states: Iterable[Hashable]) -> list[int]:
        numbers: dict[Hashable, int] = {}
        return [numbers.setdefault(each, len(numbers)) for each in of_states]

    # By what is played in a state; then, again and again, by where that leads to.
    parts, count = numbered(automaton.cooperation), 0
    while len({*parts}) > count:
        count = len({*parts})
        parts = numbered(
            (part, *(parts[state] for state in after)) for part, after in zip(parts, automaton.following, strict=True)
        )
    first = [parts.index(part) for part in range(count)]
    return automaton._replace(
        cooperation=tuple(automaton.cooperation[state] for state in first),
        following=tuple(tuple(parts[after] for after in automaton.following[state]) for state in first),
    )


def memory_one(probabilities: Sequence[float]) -> Automaton:
    """The automaton that cooperates with these at the start and after CC, CD, DC and DD."""
    return Automaton(tuple(float(each) for each in probabilities), MEMORY_ONE_STATES)


# Whatever the state, the next one is the joint outcome.
MEMORY_ONE_STATES = (tuple(range(1, len(STATES))),) * len(STATES)
