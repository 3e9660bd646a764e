"""The figures of CleanUp-lite (6, 7, 13, 14): rewards, fairness and zaps, and what lies around, of every method.

Rates are a step; levels are patches of dirt and apples that lie around. Zaps are those that hit, told by who took them.
"""

from __future__ import annotations

from collections.abc import Iterator

from coalactl.report.curves import REWARD, curves_of, episodes_of, figure_of, panel_of, smoothing_note
from coalactl.report.figures import Figure, Panel
from coalactl.report.roles import Case
from coalactl.report.settings import Setting

_CLEANING, _ZAPS = "dirt removed per step", "zaps taken per step"
_DISCREPANCY, _DIRT, _APPLES = "cleaning discrepancy", "patches of dirt", "apples"


def shaping(case: Case) -> Figure | None:
    """6: rewards over training and within a meta-episode, fairness of cleaning, zaps."""
    setting = case.settings.get("cleanup-shaping")
    if setting is None:
        return None
    panels = (
        *_over_training(
            setting,
            ("reward of the agent", REWARD, "reward_vs_naive"),
            ("reward of its naive learners", REWARD, "coplayer_reward_vs_naive"),
            ("fairness of cleaning", _DISCREPANCY, "cleaning_discrepancy_vs_naive"),
            ("zaps by naive learners", _ZAPS, "zapped_vs_naive"),
        ),
        Panel("agent, within a meta-episode", "inner episode", REWARD, tuple(episodes_of(setting, "reward"))),
        Panel("its naive learners, within", "inner episode", REWARD, tuple(episodes_of(setting, "coplayer_reward"))),
    )
    note = (
        f"{smoothing_note(setting)} Within a meta-episode: of the last 10% of iterations. Where nobody cleans there is "
        "no discrepancy either: Fig. 13 has what each player cleans."
    )
    return figure_of("6", "Fig. 6: shaping naive learners in CleanUp-lite", note, panels, setting)


def shaping_measures(case: Case) -> Figure | None:
    """13: what lies around, and what each player does."""
    setting = case.settings.get("cleanup-shaping")
    if setting is None:
        return None
    panels = _over_training(
        setting,
        ("pollution", _DIRT, "pollution_level_vs_naive"),
        ("apples", _APPLES, "apple_level_vs_naive"),
        ("zaps by the agent", _ZAPS, "coplayer_zapped_vs_naive"),
        ("cleaning by the agent", _CLEANING, "cleaning_vs_naive"),
        ("cleaning by its naive learners", _CLEANING, "coplayer_cleaning_vs_naive"),
    )
    title = "Fig. 13: shaping naive learners in CleanUp-lite, further measures"
    return figure_of("13", title, smoothing_note(setting), panels, setting)


def mixed(case: Case) -> Figure | None:
    """7: rewards, fairness and zaps among meta agents, and against naive ones."""
    setting = case.settings.get("cleanup-mixed")
    if setting is None:
        return None
    panels = _over_training(
        setting,
        ("reward among meta agents", REWARD, "reward_vs_meta"),
        ("fairness among meta agents", _DISCREPANCY, "cleaning_discrepancy_vs_meta"),
        ("zaps among meta agents", _ZAPS, "zapped_vs_meta"),
        ("reward against naive learners", REWARD, "reward_vs_naive"),
        ("reward of naive learners", REWARD, "coplayer_reward_vs_naive"),
        ("zaps by naive learners", _ZAPS, "zapped_vs_naive"),
    )
    note = f"{smoothing_note(setting)} Where nobody cleans there is no discrepancy either: see Fig. 14."
    return figure_of("7", "Fig. 7: a mixed pool in CleanUp-lite", note, panels, setting)


def mixed_measures(case: Case) -> Figure | None:
    """14: what lies around and what is cleaned among meta agents, and who cleans against naive ones."""
    setting = case.settings.get("cleanup-mixed")
    if setting is None:
        return None
    panels = _over_training(
        setting,
        ("pollution among meta agents", _DIRT, "pollution_level_vs_meta"),
        ("apples among meta agents", _APPLES, "apple_level_vs_meta"),
        ("cleaning among meta agents", _CLEANING, "cleaning_vs_meta"),
        ("cleaning against naive learners", _CLEANING, "cleaning_vs_naive"),
        ("cleaning by naive learners", _CLEANING, "coplayer_cleaning_vs_naive"),
    )
    title = "Fig. 14: a mixed pool in CleanUp-lite, further measures"
    return figure_of("14", title, smoothing_note(setting), panels, setting)


def _over_training(setting: Setting, *shown: tuple[str, str, str]) -> Iterator[Panel]:
    """Panels of (title, what its axis shows, column)."""
    for title, y_label, column in shown:
        yield panel_of(title, y_label, curves_of(setting, column))
