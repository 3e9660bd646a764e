"""Strategies of the Axelrod library as automata: ``strategy = "axelrod:TitForTat"``.

A strategy there is a program that is asked for its next action. Those that go by a few of the last moves, by a table or
by a machine of their own are finite: what such a one keeps itself, and the moves that it reads, are its state. All
states that can be reached are found by playing it on from each, its own action flipped or not, so that its code alone
says what it does. What was found is then held against the strategy itself along games at random.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache, partial
from typing import Any, NamedTuple

import numpy as np

from coalactl_core.configuration.automata import OUTCOMES, Automaton, Rule, automaton_of, merged
from coalactl_core.opponents.asked import AskedStrategy
from coalactl_core.opponents.axelrod_library import PREFIX, Match, action, fair_kind, fresh, kinds, note, other_player

# A joint action, own one first, is one of four: with five moves behind it a strategy is in one of 1,365 states.
MOST_REMEMBERED = 5

Moves = tuple[tuple[int, int], ...]

# Games that an automaton is held against, and how long they are at most.
_GAMES, _LONGEST = 50, 400
# A strategy that draws more often for one action has that many ways to come to it.
_MOST_WAYS = 64
# What every player has, and what is no memory of its own.
_COMMON = {"_history", "_random", "_seed", "classifier", "match_attributes", "init_kwargs"}


class Reads(NamedTuple):
    """What a player goes by beside what it keeps itself: the last joint actions, the other's first actions.

    ``period``: of one that repeats itself, after how many moves.
    """

    last: int
    first: int = 0
    period: int = 1


class NotFiniteError(ValueError):
    """A strategy of the library that is no automaton; it can be asked (:func:`asked_from_axelrod`)."""


def automaton_from_axelrod(name: str, moves: int) -> Automaton:
    """The automaton of the strategy that ``name`` with its prefix stands for, for games of so many moves.

    It is the smallest one that plays alike, and begins each inner episode with nothing played, as a match there does.

    Raises:
        NotFiniteError: the strategy is none that is finite.
        ValueError: the library is not installed or does not know the name, or the strategy does not play fair.
    """
    fair_kind(name)
    found = _compiled_once(name, moves)
    if isinstance(found, str):
        raise NotFiniteError(found)
    return found


def asked_from_axelrod(name: str, attributes: Mapping[str, Any] | None = None) -> AskedStrategy:
    """The strategy that ``name`` stands for, with its prefix or without, as one that is asked.

    ``attributes``: what it is told of the match, as the library does; by default nothing.

    Raises:
        ValueError: the library is not installed or does not know the name, or the strategy does not play fair.
    """
    return AskedStrategy(partial(Match, fair_kind(name), attributes=attributes))


def compiled(moves: int) -> dict[str, int]:
    """Names of all strategies of the library that play here, without prefix, and the states that each takes.

    Raises:
        ValueError: the library is not installed.
    """
    sizes = {}
    for name in sorted(kinds()):
        try:
            sizes[name] = len(automaton_from_axelrod(PREFIX + name, moves).cooperation)
        except ValueError:
            continue
    return sizes


@lru_cache(maxsize=512)  # A strategy is looked for when a configuration is checked, built and evaluated.
def _compiled_once(name: str, moves: int) -> Automaton | str:
    """Its automaton, or why it has none."""
    try:
        return _compiled(fair_kind(name), moves)
    except ValueError as error:
        return str(error)


def _compiled(kind: type[Any], moves: int) -> Automaton:
    """Raises ValueError for a strategy that is none of the finite ones."""
    reads = _reads(kind)
    rule = Rule(
        start=_asked(kind, (), reads),
        cooperates=lambda moment: moment.cooperation,
        after=lambda moment, own, other: _asked(kind, (*moment.played, (own, other)), reads),
    )
    automaton = merged(automaton_of(rule, moves))
    _hold_against(kind, automaton, reads, min(moves, _LONGEST))
    return automaton


def _reads(kind: type[Any]) -> Reads:
    """What a strategy goes by; raises ValueError where that is not a few moves."""
    import axelrod

    player = fresh(kind)
    if isinstance(player, axelrod.FSMPlayer) and kind.strategy is axelrod.FSMPlayer.strategy:
        return Reads(last=1)
    if isinstance(player, axelrod.Cycler):
        return Reads(last=0, period=len(player.cycle))
    last, first = axelrod.Classifiers["memory_depth"](player), 0
    if isinstance(player, axelrod.LookerUp):
        table = player._lookup
        last, first = max(table.player_depth, table.op_depth), table.op_openings_depth
    if last > MOST_REMEMBERED or first > MOST_REMEMBERED:
        much = "all of a match" if last == float("inf") else f"{last} moves"
        raise ValueError(f"it may go by {much}, and compiled are those that go by {MOST_REMEMBERED} moves or less")
    return Reads(last=int(last), first=first)


@dataclass(frozen=True)
class _Moment:
    """A player that is about to act: ``state`` tells it from others, ``played`` is one way to come to it."""

    state: tuple[object, ...]
    cooperation: float = field(compare=False)
    played: Moves = field(compare=False)


def _asked(kind: type[Any], played: Moves, reads: Reads) -> _Moment:
    """A player after what was played: its state, and with which probability it cooperates next.

    Raises:
        ValueError: it draws in a way that has no such probability, or keeps what it drew.
    """
    cooperation, ways, keeps = 0.0, 0, set()
    pending: list[tuple[bool, ...]] = [()]
    state: tuple[object, ...] = ()
    while pending:
        told, ways = pending.pop(), ways + 1
        player, other = _replayed(kind, played)
        first = tuple(move for _, move in played[: reads.first])
        last = played[-reads.last :] if reads.last else ()
        state = _kept(player), first, last, len(played) % reads.period
        player._random = draws = _Draws(told)
        cooperation += (action(player, other) == 0) * draws.probability
        keeps.add(_kept(player))
        # What it drew beyond what it was told could each have come out otherwise.
        pending += [(*draws.drawn[:number], not draws.drawn[number]) for number in range(len(told), len(draws.drawn))]
        if len(keeps) > 1 or ways > _MOST_WAYS:
            raise ValueError("it remembers what it drew")
    return _Moment(state, cooperation, played)


def _replayed(kind: type[Any], played: Iterable[tuple[int, int]]) -> tuple[Any, Any]:
    """A fresh player after these moves, and the other one; where it meant another action, its own was flipped."""
    player, other = fresh(kind), other_player()
    player._random = _Draws(())
    for own_move, others_move in played:
        action(player, other)
        note(player, other, own_move, others_move)
    return player, other


class _Draws:
    """In the place of a player's random generator: draws what it is told, then C, and notes how probable that was."""

    def __init__(self, told: Sequence[bool]) -> None:
        self.told, self.probability = told, 1.0
        self.drawn: list[bool] = []

    def random_choice(self, p: float = 0.5) -> Any:
        """C with this probability, else D; certain ones are no draw, as in the library."""
        from axelrod import Action

        if p in {0, 1}:
            return Action.C if p else Action.D
        number = len(self.drawn)
        cooperates = self.told[number] if number < len(self.told) else True
        self.drawn.append(cooperates)
        self.probability *= float(p if cooperates else 1 - p)
        return Action.C if cooperates else Action.D

    def random_flip(self, action: Any, threshold: float) -> Any:
        """The other action with this probability."""
        return action.flip() if self.random_choice(threshold).value == 0 else action

    def __getattr__(self, name: str) -> Any:
        raise ValueError(f"it draws by {name!r}, which leaves no probability of its action")


def _kept(player: Any) -> str:
    """What a player keeps itself, as text that tells players apart."""
    return _told({name: value for name, value in vars(player).items() if name not in _COMMON})


def _told(thing: Any) -> str:
    if isinstance(thing, dict):
        return f"{{{','.join(sorted(f'{_told(key)}:{_told(value)}' for key, value in thing.items()))}}}"
    if isinstance(thing, list | tuple | set | frozenset):
        return f"[{','.join(map(_told, sorted(thing, key=repr) if isinstance(thing, set | frozenset) else thing))}]"
    if thing is None or isinstance(thing, bool | int | float | str | Enum):
        return repr(thing)
    if type(thing).__module__.startswith("axelrod.") and hasattr(thing, "__dict__"):
        return type(thing).__name__ + _told(vars(thing))
    # Numbers of NumPy; of iterators and functions nothing can be told, and games at random show whether that matters.
    return repr(thing.tolist()) if hasattr(thing, "tolist") else ""


def _hold_against(kind: type[Any], automaton: Automaton, reads: Reads, longest: int) -> None:
    """Raises ValueError where the strategy does anything else than its automaton in games at random.

    Looked at are all moves that it makes without a draw, and its probability at the end of each game. The other player
    cooperates by chances of all sizes; the strategy plays as it does, with flips in some games.
    """
    draws = np.random.default_rng(0)
    for _ in range(_GAMES):
        state = 0
        played: list[tuple[int, int]] = []
        player, other = _replayed(kind, ())
        cooperates, flips = draws.random(), draws.choice((0.0, 0.05, 0.5))
        for own_draw, flip, others_draw in draws.random((draws.integers(longest), 3)):
            probability = automaton.cooperation[state]
            player._random = drawn = _Draws(())
            if action(player, other) != 1 - probability and not drawn.drawn:
                raise _contradicted(len(played))
            own = int(own_draw >= probability) ^ int(flip < flips)
            played.append((own, int(others_draw >= cooperates)))
            note(player, other, *played[-1])
            state = automaton.following[state][OUTCOMES.index(played[-1])]
        if abs(_asked(kind, tuple(played), reads).cooperation - automaton.cooperation[state]) > 1e-12:
            raise _contradicted(len(played))


def _contradicted(moves: int) -> ValueError:
    return ValueError(f"after {moves} moves of a game it goes by more than it says that it does")
