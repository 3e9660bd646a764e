"""Exhibits with other runs than theirs: small ones, that end in a moment."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

import pytest

from coalactl.papers.table import PAPERS, entries
from coalactl.papers.trains import Scale, TrainingPart, Trains

Change = Callable[[TrainingPart], TrainingPart | None]


def part_named(name: str) -> TrainingPart:
    """The part of an exhibit, at either scale."""
    trains = [entry.load().trains for entry in entries()]
    return next(part for each in trains for scale in Scale for part in each.at(scale) if part.name == name)


def change_parts(patch: pytest.MonkeyPatch, *exhibits: str, change: Change) -> None:
    """At quick scale the exhibits train what a function makes of each part: another one, or nothing."""
    for entry in entries():
        if entry.name in exhibits:
            module = import_module(f"{PAPERS[entry.paper].package}.{entry.module}")
            changed = [change(part) for part in module.EXHIBIT.trains.quick]
            trains = Trains(tuple(part for part in changed if part), module.EXHIBIT.trains.paper)
            patch.setattr(module, "EXHIBIT", module.EXHIBIT._replace(trains=trains))
