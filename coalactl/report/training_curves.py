"""Learning curves of any setting, one figure for each kind of opponents: rewards, and what else its game measures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from coalactl.report.captions import medians
from coalactl.report.curves import REWARD, curves_of, groups_drawn, look_of, panel_of, smoothing_note
from coalactl.report.exact_curves import median_line
from coalactl.report.figures import Figure, Line, Panel
from coalactl.report.measures import in_heading, kinds_met
from coalactl.report.settings import Setting
from coalactl_core.measures import parse, rewards_vs

_OPPONENTS = {"naive": "naive learners", "meta": "meta agents", "fixed": "fixed strategies"}


def training_curves(setting: Setting) -> Iterator[Figure]:
    """A figure for each kind of opponents that the agents met."""
    for kind in kinds_met(setting):
        panels = tuple(
            panel_of(title, y_label, _lines(setting, column)) for column, title, y_label in _columns(setting, kind)
        )
        yield Figure(
            name=f"fig-curves-{kind}-{setting.slug}",
            title=f"Learning curves against {_OPPONENTS[kind]} ({setting.name})",
            caption=_note(setting, panels),
            panels=panels,
            opponents=kind,
        )


def _columns(setting: Setting, kind: str) -> Iterator[tuple[str, str, str]]:
    """Columns with titles and what their axes show: both players' rewards, and the agents' own further measures."""
    known = {
        str(column) for group in setting.groups.values() for column in group.final.dropna(axis=1, how="all").columns
    }
    rewards = rewards_vs(kind)
    for column in sorted(known, key=lambda column: (column not in rewards, column != rewards[0], column)):
        measure = parse(column)
        if measure is None or measure.kind != kind or measure.place:
            continue
        if column in rewards or measure.whose == "agent":
            yield column, in_heading(measure), REWARD if column in rewards else measure.name.replace("_", " ")


def _lines(setting: Setting, column: str) -> Iterator[Line]:
    if not setting.is_analytical:
        yield from curves_of(setting, column)
        return
    for group in groups_drawn(setting):
        curve = group.curve(column)
        if not curve.empty:
            yield median_line(curve, group.label, look_of(group))


def _note(setting: Setting, panels: Sequence[Panel]) -> str:
    if not setting.is_analytical:
        return smoothing_note(setting, panels)
    return medians([len(group.seeds) for group in setting.groups.values()])
