"""What a claim of a paper is: its words, and the criteria that it is held against, which papers write down."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from coalactl.agents import Agents
from coalactl.report.roles import Case, Role
from coalactl.report.statistics import Interval


class Quantity(NamedTuple):
    """A number that a check rests on, with its interval and the values of all seeds."""

    name: str
    interval: Interval
    values: Mapping[int, float]
    runs: tuple[str, ...]
    agents: tuple[Agents, ...]
    """Whose it is, each method with or without a critic of the batch once."""

    @property
    def methods(self) -> tuple[str, ...]:
        """Whose it is, in words."""
        return tuple(agents.name for agents in self.agents)


class Check(NamedTuple):
    """One criterion: the sign and bound that the interval of a quantity is held against."""

    criterion: str
    roles: tuple[str, ...]
    """Names of those among the claim's that it is about."""
    measure: Callable[[Case], Quantity | str]
    """The quantity, or what is missing for it."""
    above: float | None = None
    below: float | None = None


class Claim(NamedTuple):
    """What a paper says of its experiments."""

    name: str
    """One that no other claim of the exhibit has."""
    text: str
    roles: tuple[Role, ...]
    """Where the numbers come from, the first of all the setting that it is judged in."""
    checks: tuple[Check, ...]
