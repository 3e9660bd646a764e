"""Opponents that Python alone can ask: their memory is none that an automaton has, so that they play on the host.

They play in evaluations (:mod:`coalactl_core.play.asked_games`), where nobody learns from them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol


class AskedPlayer(Protocol):
    """One player in one match, which remembers what was played as it likes."""

    def action(self) -> int:
        """What it does next, having been asked once: 0 cooperates."""

    def saw(self, own: int, other: int) -> None:
        """What both did then; its own action may have been flipped."""


class AskedStrategy(NamedTuple):
    """A fixed opponent that is asked: ``begin`` makes a fresh player, whose draws the seed decides.

    ``carried``: whether one match goes on through all of the meta-episode; without it each inner episode is one.
    ``noise``: with which probability each action is the other one.
    """

    begin: Callable[[int], AskedPlayer]
    carried: bool = False
    noise: float = 0.0
