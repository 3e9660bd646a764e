"""The figures of exact play (3, 4, 8, 9, 10): medians over seeds, bands are quartiles, as in the paper."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from coalactl.report.figures import (
    AMBER,
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PINK,
    SKY,
    Dashes,
    Figure,
    Line,
    Panel,
    thinned,
)
from coalactl.report.roles import LOOK_AHEADS, Case
from coalactl.report.settings import Group

BANDS = "Median over {seeds} seeds; bands are quartiles."
_LOOK_AHEAD_LOOKS = dict(
    zip(LOOK_AHEADS, ((SKY, "-"), (BLUE, "--"), (GREEN, "-."), (AMBER, "-"), (ORANGE, "--")), strict=True)
)
_STATES = {
    "cc": (BLUE, "-"),
    "cd": (GREEN, "--"),
    "dc": (ORANGE, "-"),
    "dd": (PINK, "-."),
    "start": (GREY, ":"),  # Over the others, with which it may coincide.
}
_REWARD = "reward per step"
_ITERATION = "training iteration"


def extortion(case: Case) -> Figure | None:
    """3A: shaping against naive learners, from two starts."""
    panels = []
    for role, title in (
        ("analytical-extortion", "random start"),
        ("analytical-extortion-from-defection", "from defection"),
    ):
        lines = [
            *_curve(case, role, "reward_vs_naive", "agent", BLUE),
            *_curve(case, role, "coplayer_reward_vs_naive", "its naive learners", GREY, "--"),
        ]
        panels.append(Panel(title, _ITERATION, _REWARD, tuple(lines)))
    return _figure(case, "3a", "Fig. 3A: shaping naive learners", panels, "Rewards are means over the learner's steps.")


def fits(case: Case) -> Figure | None:
    """8: how far policies are from zero-determinant extortion, as distributions over seeds."""
    lines = []
    for column, label, colour, dashes in (
        ("zd_error", "policies found", BLUE, "-"),
        ("random_zd_error", "random policies", GREY, "--"),
    ):
        group = _group(case, "analytical-extortion")
        values = np.sort(list(group.newest(column).values())) if group else np.array([])
        if len(values):
            share = np.arange(1, len(values) + 1) / len(values)
            nothing = np.full_like(share, np.nan)
            lines.append(Line(label, colour, values, share, nothing, nothing, dashes))
    panel = Panel("", "mean squared distance from extortion", "share of seeds up to it", tuple(lines), log_x=True)
    return _figure(case, "8", "Fig. 8: closeness to zero-determinant extortion", [panel], "", bands=False)


def extortioners(case: Case) -> Figure | None:
    """3B: extortioners who then learn from each other."""
    lines = _curve(case, "analytical-extortioners-meet", "reward_vs_meta", "median", BLUE)
    panel = Panel("among meta agents", _ITERATION, _REWARD, tuple(lines))
    return _figure(
        case,
        "3b",
        "Fig. 3B: extortioners meet",
        [panel],
        "First each learns from naive learners, then both from each other.",
    )


def pools(case: Case) -> Figure | None:
    """3C: meta agents with and without naive learners in the pool."""
    lines = [
        *_curve(case, "analytical-mixed", "reward_vs_meta", "with naive learners", BLUE),
        *_curve(case, "analytical-meta-only", "reward_vs_meta", "meta agents only", GREY, "--"),
    ]
    panel = Panel("among meta agents", _ITERATION, _REWARD, tuple(lines))
    return _figure(case, "3c", "Fig. 3C: mixed and pure pools", [panel])


def look_aheads(case: Case) -> Figure | None:
    """4A: LOLA-DiCE by its number of look-aheads."""
    return _by_look_aheads(case, "analytical-lola-", "4a", "Fig. 4A: LOLA-DiCE")


def look_aheads_mixed(case: Case) -> Figure | None:
    """4C: the same mixed with the partial gradient."""
    return _by_look_aheads(case, "analytical-lola-mixed-", "4c", "Fig. 4C: LOLA-DiCE with the partial gradient")


def lola_extorts(case: Case) -> Figure | None:
    """4B: the 20-look-ahead policy against a fresh naive learner, by the learner's steps."""
    role = "analytical-lola-extorts"
    lines = [
        *_learner(case, role, "reward", "20 look-aheads", ORANGE),
        *_learner(case, role, "coplayer_reward", "fresh naive learner", GREY, "--"),
    ]
    panel = Panel("", "steps of the naive learner", _REWARD, tuple(lines))
    return _figure(case, "4b", "Fig. 4B: LOLA-DiCE meets a naive learner", [panel])


def escape(case: Case) -> Figure | None:
    """9: from defection."""
    return _figure(case, "9", "Fig. 9: from mutual defection", _path(case, "analytical-from-defection"))


def leave(case: Case) -> Figure | None:
    """10: from tit-for-tat, and how fast a naive learner is shaped before and after."""
    role = "analytical-from-tit-for-tat"
    lines = [
        *_learner(case, role, "reward", "policy found", BLUE),
        *_learner(case, role, "reward", "tit-for-tat", AMBER, "--", untrained=True),
    ]
    panel = Panel("against a naive learner", "steps of the naive learner", "agent's reward per step", tuple(lines))
    return _figure(case, "10", "Fig. 10: from tit-for-tat", [*_path(case, role), panel])


def _path(case: Case, role: str) -> list[Panel]:
    rewards = [
        *_curve(case, role, "reward_vs_meta", "among meta agents", BLACK),
        *_curve(case, role, "reward_vs_naive", "against naive learners", SKY, "--"),
    ]
    states: list[Line] = []
    for state, (colour, dashes) in _STATES.items():
        states += _curve(
            case,
            role,
            f"cooperation_{state}",
            "start" if state == "start" else state.upper(),
            colour,
            dashes,
        )
    return [
        Panel("rewards", _ITERATION, _REWARD, tuple(rewards)),
        Panel("policy", _ITERATION, "cooperation after", tuple(states)),
    ]


def _by_look_aheads(case: Case, prefix: str, name: str, title: str) -> Figure | None:
    lines: list[Line] = []
    for count, (colour, dashes) in _LOOK_AHEAD_LOOKS.items():
        words = "1 look-ahead" if count == 1 else f"{count} look-aheads"
        lines += _curve(case, f"{prefix}{count}", "reward_vs_meta", words, colour, dashes)
    return _figure(case, name, title, [Panel("among meta agents", _ITERATION, _REWARD, tuple(lines))])


def _figure(
    case: Case, name: str, title: str, panels: Sequence[Panel], note: str = "", *, bands: bool = True
) -> Figure | None:
    shown = tuple(panel for panel in panels if panel.lines)
    if not shown:
        return None
    seeds = {len(group.seeds) for setting in case.settings.values() for group in setting.groups.values()}
    told = BANDS.format(seeds=" or ".join(map(str, sorted(seeds)))) if bands else ""
    return Figure(f"fig-{name}", title, f"{told} {note}".strip(), shown)


def _group(case: Case, role: str) -> Group | None:
    setting = case.settings.get(role)
    return next(iter(setting.groups.values())) if setting else None


def _curve(case: Case, role: str, column: str, label: str, colour: str, dashes: str = "-") -> Iterator[Line]:
    group = _group(case, role)
    curve = pd.DataFrame() if group is None else group.curve(column)
    if not curve.empty:
        yield median_line(curve, label, colour, dashes)


def _learner(
    case: Case, role: str, metric: str, label: str, colour: str, dashes: str = "-", *, untrained: bool = False
) -> Iterator[Line]:
    """By the naive learner's steps."""
    group = _group(case, role)
    rows = pd.DataFrame() if group is None else group.within(metric, untrained=untrained)
    if not rows.empty:
        yield median_line(rows, label, colour, dashes)


def median_line(rows: pd.DataFrame, label: str, colour: str, dashes: Dashes) -> Line:
    """The median over seeds, and the quartiles."""
    rows = thinned(rows)
    low, middle, high = np.nanquantile(rows.to_numpy(float), [0.25, 0.5, 0.75], axis=1)
    return Line(label, colour, rows.index.to_numpy(float), middle, low, high, dashes)
