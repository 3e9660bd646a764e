"""What an exhibit of a paper is: what it trains, what it claims, and what it draws."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from coalactl.papers.trains import Trains
from coalactl.report.claims import Claim
from coalactl.report.exhibits import Printed
from coalactl.report.figures import Figure
from coalactl.report.roles import Case, Role


class Exhibit(NamedTuple):
    """A figure of a paper, or a section that has numbers and no figure.

    Each stands in a file of its own as ``EXHIBIT``; what it shows, in words, is in the row of its paper (``table.py``).
    """

    number: str
    """As the paper has it: ``5A``, ``H.3``."""
    trains: Trains
    claims: tuple[Claim, ...]
    """Written down before the runs that they judge; a figure is drawn from the first one's case."""
    draw: Callable[[Case], Figure | None]
    """The figure of a case, or None where it has no runs for it."""
    curves: tuple[str, ...] = ()
    """The kinds of opponents against which it shows rewards over training."""
    pool: str = ""
    """Against whom the trained agents are evaluated; empty where it is of training alone."""
    episodes: int | None = None
    """How many meta-episodes each agent plays there, if not the default."""
    by_step: bool = False
    """Whether such an evaluation is told step by step."""
    paper: str = ""
    """Whose it is; filled in by the table, as the following."""
    name: str = ""
    """What a user calls it: ``fig5a``, and with the paper's name, ``toy/fig5a``, of papers after the first."""

    @property
    def id(self) -> str:
        """``coala-pg/5A``."""
        return f"{self.paper}/{self.number}"

    @property
    def label(self) -> str:
        """What reports call it: the number, or the whole id where that could be mistaken."""
        return self.id if "/" in self.name else self.number


class Results(NamedTuple):
    """What a report gets to know of a paper."""

    prefix: str
    """What names of its figures' files begin with."""
    exhibits: tuple[Exhibit, ...]
    roles: tuple[Role, ...]
    printed: Printed
