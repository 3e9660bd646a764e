"""What a report is told of papers: their exhibits and claims, the experiments these are about, and printed values.

A report knows no paper by itself. Whoever asks for one hands in what it needs (``coalactl/papers``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from coalactl.report.claims import Claim
from coalactl.report.figures import Figure
from coalactl.report.roles import Case, Role
from coalactl.report.settings import Group, Setting

Values = Mapping[str, Any]
"""Values by configuration key."""


class Exhibit(Protocol):
    """A figure of a paper, or a section with numbers."""

    @property
    def id(self) -> str:
        """The paper's name and the number in it."""

    @property
    def name(self) -> str:
        """What ``coalactl reproduce`` calls it."""

    @property
    def label(self) -> str:
        """What tables call it."""

    @property
    def claims(self) -> Sequence[Claim]:
        """What is judged."""

    @property
    def draw(self) -> Callable[[Case], Figure | None]:
        """The figure of a case; its name is without the paper's prefix."""

    @property
    def curves(self) -> Sequence[str]:
        """The kinds of opponents against which it shows rewards over training."""


class PrintedTable(NamedTuple):
    """Hyperparameters that a paper prints, and what stands beside them."""

    name: str
    """Of its file."""
    title: str
    note: str
    covers: Callable[[Setting], bool]
    """Whether the table is about a setting."""
    values: Callable[[Setting, Group], Values]
    """What it prints for a method in a setting that it covers; empty where it says nothing."""


class Printed(NamedTuple):
    """The values that a paper prints, and what it has not and we have."""

    tables: tuple[PrintedTable, ...] = ()
    """The first also takes settings of games that the paper does not have, with nothing beside them."""
    of_preset: Callable[[str, str], Values] = lambda *_: {}
    """What was selected for a method in the runs of a preset."""
    selection: str = ""
    """What that is called: a paper's selection, with the numbers of its tables."""
    ours: Values = MappingProxyType({})
    """Settings that the paper does not have: what comes to its algorithm."""
    why: Mapping[str, str] = MappingProxyType({})
    """Of these, why there is another value."""


class Results(Protocol):
    """All that a report gets to know of a paper."""

    @property
    def prefix(self) -> str:
        """What names of its figures' files begin with."""

    @property
    def exhibits(self) -> Sequence[Exhibit]:
        """In the paper's order."""

    @property
    def roles(self) -> Sequence[Role]:
        """Its experiments, those that are told first before others that they might be taken for."""

    @property
    def printed(self) -> Printed:
        """Its tables of values."""
