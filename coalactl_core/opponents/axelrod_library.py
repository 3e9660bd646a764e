"""The Axelrod library's strategies by name: which there are, which of them play fair here, and how one is asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from difflib import get_close_matches
from functools import lru_cache
from typing import Any

from coalactl_core.errors import first_line

PREFIX = "axelrod:"
# Players that are teams of many others are asked no faster than those that the library calls slow.
_LARGEST_TEAM = 10


class Match:
    """One strategy of the library in one match against whoever is told to it (:class:`AskedPlayer`).

    ``attributes``: what the library tells players of a match, by default nothing.

    Raises:
        ValueError: its code fails, here or where it is asked.
    """

    def __init__(self, kind: type[Any], seed: int, attributes: Mapping[str, Any] | None = None) -> None:
        self.player, self.other = fresh(kind), other_player()
        if _draws(self.player):  # The others need none, as in the library's matches; a generator takes long to be made.
            self.player.set_seed(seed)
        if attributes is not None:
            with strategys_own_code():
                self.player.set_match_attributes(**attributes)

    def action(self) -> int:
        """What it does next: 0 cooperates."""
        return action(self.player, self.other)

    def saw(self, own: int, other: int) -> None:
        """What both did then."""
        note(self.player, self.other, own, other)


def kind_of(name: str) -> type[Any]:
    """The library's class of this name, which may have its prefix.

    Raises:
        ValueError: there is none, or the library is not installed.
    """
    known, own = kinds(), name.removeprefix(PREFIX)
    if own not in known:
        nearest = get_close_matches(own, known, n=1)
        hint = f"did you mean {PREFIX + nearest[0]!r}? " if nearest else ""
        raise ValueError(f"Axelrod knows no such strategy; {hint}axelrod.all_strategies lists its names")
    return known[own]


def kinds() -> dict[str, type[Any]]:
    """All strategies of the library by the names of their classes.

    Raises:
        ValueError: the library is not installed.
    """
    try:
        import axelrod
    except ImportError as error:
        raise ValueError(f'Axelrod cannot be imported ({error}); pip install "coalactl[axelrod]"') from error
    return {kind.__name__: kind for kind in axelrod.all_strategies}


def fair_kind(name: str) -> type[Any]:
    """The class of this name, which plays by what was played alone.

    Raises:
        ValueError: there is none, or it needs the length of the match, or the other player's code.
    """
    kind = kind_of(name)
    problem = _unfair(fresh(kind))
    if problem:
        raise ValueError(problem)
    return kind


@lru_cache(maxsize=1)  # All of them are made once to be asked what they are.
def tournament_names() -> tuple[str, ...]:
    """The names, without prefix, of those that the library calls honest and fast, and that play fair here.

    Raises:
        ValueError: the library is not installed.
    """
    known = kinds()
    import axelrod

    def is_slow(player: Any) -> bool:
        return axelrod.Classifiers["long_run_time"](player) or len(getattr(player, "team", ())) > _LARGEST_TEAM

    players = {name: fresh(kind) for name, kind in known.items()}
    return tuple(sorted(name for name, player in players.items() if not is_slow(player) and not _unfair(player)))


def fresh(kind: type[Any]) -> Any:
    """A player before its first move."""
    with strategys_own_code():
        return kind()


def other_player() -> Any:
    """The player that others play against: of it they know what it did."""
    import axelrod

    return axelrod.Player()


def action(player: Any, other: Any) -> int:
    """What the player does next, having been asked: 0 cooperates."""
    with strategys_own_code():
        return int(player.strategy(other).value)


def note(player: Any, other: Any, own_move: int, others_move: int) -> None:
    """Writes a joint action into both histories."""
    cooperate, defect = _actions()
    own, others = defect if own_move else cooperate, defect if others_move else cooperate
    player.update_history(own, others)
    other.update_history(others, own)


@contextmanager
def strategys_own_code() -> Iterator[None]:
    """Turns what a strategy's code raises into ValueError."""
    try:
        yield
    except ValueError:
        raise
    except Exception as error:  # Its code expects a match; how it fails where there is none is its own affair.
        raise ValueError(f"its code fails where it is asked ({first_line(error)})") from error


@lru_cache(maxsize=1)
def _actions() -> tuple[Any, Any]:
    from axelrod import Action

    return Action.C, Action.D


def _draws(player: Any) -> bool:
    import axelrod

    return bool(axelrod.Classifiers["stochastic"](player))


def _unfair(player: Any) -> str:
    """Why a player does not play by what was played alone, in words; nothing where it does."""
    import axelrod

    if "length" in axelrod.Classifiers["makes_use_of"](player):
        return "it needs the length of the match, which nobody is told here"
    if any(axelrod.Classifiers[each](player) for each in ("inspects_source", "manipulates_source")):
        return "it looks into the other player's code, and there is none here"
    if axelrod.Classifiers["manipulates_state"](player):
        return "it changes the other player's memory, and there is none here"
    return ""
