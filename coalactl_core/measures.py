"""The grammar of columns that tell of measures: the one place that writes them and reads them.

``[coplayer_]NAME[_first|_last][_vs_KIND]``: a measure of the game, the agent's own or its co-player's, over the whole
meta-episode or in its first or last inner episode, against a kind of opponents. The metric files have all of it; in
rows that tell inner episode and opponents otherwise these parts are left out (``coplayer_reward``). No measure's name
begins with ``coplayer_``, ends with a place or has ``_vs_`` in it, which contracts of environments check
(:func:`is_name`).

Other columns are about a policy itself, ``cooperation_STATE`` and ``zd_VALUE`` or ``random_zd_VALUE`` of its
zero-determinant fit; those that are neither tell of learning. Engine and tool share this module; it imports no JAX.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal, NamedTuple

Whose = Literal["agent", "coplayer"]
Place = Literal["", "first", "last"]

# Kinds of opponents in training, in the order of tables and of their numbers (:mod:`coalactl_core.types`).
KINDS = ("naive", "meta", "fixed")
PLAYERS: tuple[Whose, ...] = ("agent", "coplayer")
ENDS: tuple[Place, ...] = ("first", "last")

_COPLAYER, _COOPERATION, _VS = "coplayer_", "cooperation_", "_vs_"
_EXTORTION, _RANDOM = "zd_", "random_"
_PLACES: Mapping[str | None, Place] = {None: "", **{place: place for place in ENDS}}
NAME_RULE = f"a name without {_COPLAYER} before it, {' or '.join(f'_{end}' for end in ENDS)} behind it and {_VS} in it"

_METRIC = rf"(?P<whose>{_COPLAYER})?(?P<name>.+?)(?:_(?P<place>{'|'.join(ENDS)}))?"
_READS_METRIC = re.compile(_METRIC)
_READS_COLUMN = re.compile(rf"{_METRIC}{_VS}(?P<kind>{'|'.join(KINDS)})")
_READS_POLICY = re.compile(f"{_COOPERATION}.+|({_RANDOM})?{_EXTORTION}.+")


class Measure(NamedTuple):
    """``coplayer_defection_first_vs_naive`` is (defection, coplayer, first, naive)."""

    name: str
    whose: Whose = "agent"
    place: Place = ""
    """Empty: over the whole meta-episode."""
    kind: str = ""
    """Of opponents; empty where rows tell it otherwise, and may be of kinds that only evaluations have."""

    @property
    def column(self) -> str:
        """How files name it; :func:`parse` and :func:`parse_metric` read it."""
        own = f"{self.name}_{self.place}" if self.place else self.name
        column = own if self.whose == "agent" else f"{_COPLAYER}{own}"
        return f"{column}{_VS}{self.kind}" if self.kind else column

    @property
    def of_coplayer(self) -> Measure:
        """The co-player's beside the agent's."""
        return self._replace(whose="coplayer")

    @property
    def has_ends(self) -> bool:
        """Whether it is told of the first and last inner episode too; a reward is told of the whole meta-episode."""
        return not self.name.endswith("reward")

    def at(self, place: Place) -> Measure:
        """The same measure in the first or the last inner episode."""
        return self._replace(place=place)

    def against(self, kind: str) -> Measure:
        """The same measure against a kind of opponents."""
        return self._replace(kind=kind)


def parse(column: str) -> Measure | None:
    """What a column of metric files measures; None if it is no measure against a kind of opponents."""
    match = _READS_COLUMN.fullmatch(column)
    return _measure(match, match["kind"]) if match else None


def parse_metric(metric: str) -> Measure:
    """What rows measure that have a column for the kind of opponents; of a policy there is :func:`is_of_policy`."""
    match = _READS_METRIC.fullmatch(metric)
    return _measure(match, "") if match else Measure(metric)


def is_name(name: str) -> bool:
    """Whether a measure may be called so: :data:`NAME_RULE`."""
    ends = tuple(f"_{end}" for end in ENDS)
    return not (name.startswith(_COPLAYER) or name.endswith(ends) or _VS in name)


def rewards_vs(kind: str) -> tuple[str, str]:
    """The columns of the agent's reward and its co-player's."""
    own = Measure("reward", kind=kind)
    return own.column, own.of_coplayer.column


def cooperation_in(state: str) -> str:
    """The column of a policy's probability of cooperating in a state: ``cooperation_dc``."""
    return f"{_COOPERATION}{state}"


def extortion_in(value: str, *, random: bool = False) -> str:
    """The column of a value of a policy's extortion fit, or of a random policy's beside it: ``zd_chi``."""
    return f"{_RANDOM if random else ''}{_EXTORTION}{value}"


def is_of_policy(column: str) -> bool:
    """Whether a column is about a policy itself."""
    return _READS_POLICY.fullmatch(column) is not None


def _measure(match: re.Match[str], kind: str) -> Measure:
    return Measure(match["name"], "coplayer" if match["whose"] else "agent", _PLACES[match["place"]], kind)
