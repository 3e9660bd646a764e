"""What is measured and drawn in all of the paper's exhibits: rewards a round and cooperation, in training and in games.

Rewards are a step: mutual cooperation gives 1, mutual defection 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from coalactl.report import curves
from coalactl.report.captions import over_seeds
from coalactl.report.checks import Measure, Source, final, within_game
from coalactl.report.figures import BLUE, GREEN, GREY, ORANGE, PINK, Figure, Line, Look, Panel
from coalactl.report.roles import Case
from coalactl.report.settings import Group, Setting

COOPERATION = "cooperation"
# Rounds of a game of 100, from 1 on. A2C has learnt when it ends, so that its last ten tell of that alone.
SETTLED = (50, 90)

_PANELS = (("reward", curves.REWARD, "reward"), (COOPERATION, COOPERATION, COOPERATION))
_LOOKS = {
    "meta": Look(BLUE),
    "naive": Look(ORANGE),
    "fixed": Look(GREY),
    "tabular": Look(GREY),
    "fixed tit-for-tat": Look(GREEN, "--"),
    "fixed always-cooperate": Look(PINK, ":"),
    "fixed always-defect": Look(ORANGE, "-."),
}


class Shown(NamedTuple):
    """A line: a measure against a kind of opponents, the learner's or theirs, in words."""

    label: str
    opponent: str
    whose: str = ""
    """``coplayer_`` where it is theirs."""


class Beside(NamedTuple):
    """Another experiment, drawn in the same axes."""

    experiment: str
    label: str
    look: Look


def cooperation(defection: Measure) -> Measure:
    """The share of rounds in which players cooperate, from that in which they defect."""
    return lambda group: {seed: 1 - value for seed, value in defection(group).items()}


def trained_cooperation(kind: str) -> Measure:
    """Over the last tenth of training."""
    return cooperation(final(f"defection_vs_{kind}"))


def settled(evaluation: str, opponent: str, metric: str = "reward") -> Measure:
    """Within a game, after it was found out who is met."""
    measure = within_game(evaluation, "defection" if metric == COOPERATION else metric, opponent, *SETTLED)
    return cooperation(measure) if metric == COOPERATION else measure


def over_training(
    case: Case,
    source: Source,
    number: str,
    title: str,
    shown: Sequence[Shown],
    beside: Sequence[tuple[Source, Beside]],
) -> Figure | None:
    """Rewards and cooperation over training, and of other runs beside them the first of these measures."""
    setting, group = _found(case, source)
    if setting is None or group is None:
        return None
    others = [(_found(case, runs)[1], each) for runs, each in beside]
    panels = tuple(
        curves.panel_of(
            name,
            axis,
            [
                *(line for each in shown for line in _trained(group, each, metric, each.label, _look(each))),
                *(
                    line
                    for other, each in others
                    if other is not None
                    for line in _trained(other, shown[0], metric, each.label, each.look)
                ),
            ],
        )
        for name, axis, metric in _PANELS
    )
    return curves.figure_of(number, title, curves.smoothing_note(setting, panels), panels, setting)


def within_games(
    case: Case, source: Source, number: str, title: str, evaluation: str, shown: Sequence[Shown]
) -> Figure | None:
    """The same by round of a game, of the trained agents."""
    setting, group = _found(case, source)
    if setting is None or group is None:
        return None
    panels = tuple(
        Panel(
            name,
            "round of the game",
            axis,
            tuple(line for each in shown for line in _played(group, evaluation, each, metric)),
        )
        for name, axis, metric in _PANELS
    )
    note = f"Of the trained agents (evaluation {evaluation}). {over_seeds(panels)}."
    return curves.figure_of(number, title, note, panels, setting)


def _found(case: Case, source: Source) -> tuple[Setting | None, Group | None]:
    setting = case.settings.get(source.role)
    return setting, setting.group(source.method) if setting else None


def _trained(group: Group, shown: Shown, metric: str, label: str, look: Look) -> Iterator[Line]:
    column = f"{shown.whose}{'defection' if metric == COOPERATION else metric}_vs_{shown.opponent}"
    for line in curves.curve_of(group, column, label, look):
        yield _turned(line) if metric == COOPERATION else line


def _played(group: Group, evaluation: str, shown: Shown, metric: str) -> Iterator[Line]:
    name = f"{shown.whose}{'defection' if metric == COOPERATION else metric}"
    for line in curves.steps_of(group, evaluation, name, shown.opponent, shown.label, _look(shown)):
        yield _turned(line) if metric == COOPERATION else line


def _look(shown: Shown) -> Look:
    look = _LOOKS[shown.opponent]
    return look._replace(dashes="--") if shown.whose else look


def _turned(line: Line) -> Line:
    """Cooperation where there was defection: the ends of intervals change places."""
    seeds = None if line.seeds is None else 1 - line.seeds
    return line._replace(estimate=1 - line.estimate, low=1 - line.high, high=1 - line.low, seeds=seeds)
