"""What an exhibit of a paper trains, in words: presets or sweeps with their methods and seeds, at two scales."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, NamedTuple


class Scale(StrEnum):
    """How large the runs are: minutes on a laptop, or as in the paper."""

    QUICK = "quick"
    PAPER = "paper"


# Those of App. B.4's final runs in the shipped sweeps; no setting was looked for on them.
FRESH_SEEDS = (100, 101, 102, 103, 104)
# What takes minutes has ten seeds; LOLA-DiCE, which varies little between them, and CleanUp-lite keep five.
QUICK_SEEDS = tuple(range(100, 110))


class TrainingPart(NamedTuple):
    """Runs that belong together: a shipped sweep as it is, or one preset with several methods and seeds."""

    name: str
    """Of their folder; exhibits that share runs share the part."""
    sweep: str = ""
    """A shipped sweep; empty where a preset is trained without a choice among values."""
    preset: str = ""
    methods: tuple[str, ...] = ()
    seeds: tuple[int, ...] = FRESH_SEEDS
    settings: Mapping[str, Any] = {}
    naive_from: TrainingPart | None = None
    """A part that is trained first: the meta agents of its run, or of that of the same seed, are the naive agents."""
    meta_from: TrainingPart | None = None
    """The same: its meta agents are what those of these runs begin as."""
    minutes: float | None = None
    """On two cores that do nothing else; None where nothing was measured."""

    @property
    def sources(self) -> Mapping[str, TrainingPart]:
        """The parts that its agents come from, by key of ``[population]``."""
        named = {"naive_from": self.naive_from, "meta_from": self.meta_from}
        return {key: source for key, source in named.items() if source is not None}


class Trains(NamedTuple):
    """The parts that an exhibit is made of."""

    quick: tuple[TrainingPart, ...]
    paper: tuple[TrainingPart, ...]

    def at(self, scale: Scale) -> tuple[TrainingPart, ...]:
        """Those of a scale."""
        return self.quick if scale is Scale.QUICK else self.paper

    @property
    def has_one_size(self) -> bool:
        """Whether both scales are the same, as in the exact game."""
        return self.quick == self.paper


def each_once(parts: Iterable[TrainingPart]) -> tuple[TrainingPart, ...]:
    """Each part once, after those that its agents come from."""
    return tuple({each.name: each for part in parts for each in _with_sources(part)}.values())


def _with_sources(part: TrainingPart) -> tuple[TrainingPart, ...]:
    return (*(each for source in part.sources.values() for each in _with_sources(source)), part)
