"""What the exhibits of CleanUp-lite (Figs. 6, 7, 13 and 14) have in common.

The paper says "higher", "less" and "more" of COALA-PG beside the other methods: a paired difference on its side of 0.
Only zaps that hit are recorded, so that an agent is zapped exactly as often as its co-player zaps. Cleaning discrepancy
by itself misleads, it is 0 where nobody cleans; claims on it stand beside reward and what each player cleans.

Rates are a step; levels are patches of dirt and apples that lie around. Zaps are those that hit, told by who took them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from coalactl.report.checks import Source, difference, final
from coalactl.report.claims import Check
from coalactl.report.curves import curves_of, figure_of, panel_of, smoothing_note
from coalactl.report.figures import Figure, Panel
from coalactl.report.roles import Case
from coalactl.report.settings import Setting

SHAPING = {method: Source("cleanup-shaping", method) for method in ("coala-pg", "m-fos", "batch-unaware")}
MIXED = {method: Source("cleanup-mixed", method) for method in SHAPING}

CLEANING, ZAPS = "dirt removed per step", "zaps taken per step"
DISCREPANCY, DIRT, APPLES = "cleaning discrepancy", "patches of dirt", "apples"


def beside_others(sources: Mapping[str, Source], column: str, words: str, *, more: bool) -> Iterator[Check]:
    """COALA-PG has more, or less, of a measure than each of the others."""
    bound = {"above": 0.0} if more else {"below": 0.0}
    for method in ("m-fos", "batch-unaware"):
        yield difference(sources["coala-pg"], sources[method], final(column), words, **bound)


def over_training(setting: Setting, *shown: tuple[str, str, str]) -> tuple[Panel, ...]:
    """Panels of (title, what its axis shows, column)."""
    return tuple(panel_of(title, y_label, curves_of(setting, column)) for title, y_label, column in shown)


def further_measures(case: Case, role: str, number: str, words: str, *shown: tuple[str, str, str]) -> Figure | None:
    """A figure of measures over training, given as for :func:`over_training`."""
    setting = case.settings.get(role)
    if setting is None:
        return None
    panels = over_training(setting, *shown)
    title = f"Fig. {number}: {words} in CleanUp-lite, further measures"
    return figure_of(number, title, smoothing_note(setting, panels), panels, setting)
