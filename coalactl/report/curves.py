"""The figures of sampled play (5, 12, H.3): mean and 95% t-interval over seeds, and every seed as a thin line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import pandas as pd

from coalactl.agents import NO_CRITIC
from coalactl.report.balance_claims import ESTIMATORS, column_of
from coalactl.report.evaluations import within
from coalactl.report.figures import LOOKS, OTHER_LOOK, Figure, Line, Look, Panel, thinned
from coalactl.report.roles import BALANCE_ROLES, Case
from coalactl.report.settings import Group, Setting
from coalactl.report.statistics import t_band

_SMOOTHING = 40
_DOTTED = {method: LOOKS[method, NO_CRITIC]._replace(dashes=":") for method in ("coala-pg", "m-fos")}
"""A method in another pool, beside the same in the figure's."""
BANDS = "Mean over seeds with its 95% t-interval; thin lines are seeds"
REWARD = "reward per step"


def learning_curves(case: Case) -> Figure | None:
    """5A: reward of agent and naive learner over training."""
    setting = case.settings.get("ipd-shaping")
    if setting is None:
        return None
    panels = (
        panel_of("agent", REWARD, curves_of(setting, "reward_vs_naive")),
        panel_of("its naive learners", REWARD, curves_of(setting, "coplayer_reward_vs_naive")),
    )
    return figure_of("5a", "Fig. 5A: shaping naive learners", smoothing_note(setting), panels, setting)


def within_episodes(case: Case) -> Figure | None:
    """5B: defection by inner episode of one meta-episode."""
    setting = case.settings.get("ipd-shaping")
    if setting is None:
        return None
    name = _common_evaluation(setting)
    panels = tuple(
        Panel(title, "inner episode", "defection rate", tuple(episodes_of(setting, metric, name)))
        for title, metric in (("agent", "defection"), ("its naive learners", "coplayer_defection"))
    )
    source = "mean over the last 10% of iterations" if name is None else f"of the trained agents (evaluation {name})"
    note = f"Within a meta-episode, {source}. {BANDS}."
    return figure_of("5b", "Fig. 5B: behaviour within a meta-episode", note, panels, setting)


def mixed_pool(case: Case) -> Figure | None:
    """5C: reward among meta agents and against naive learners, with and without naive agents in the pool."""
    setting, without = case.settings.get("ipd-mixed"), case.settings.get("ipd-meta-only")
    if setting is None:
        return None
    among = list(curves_of(setting, "reward_vs_meta"))
    control = without.group("coala-pg") if without else None
    if control is not None:
        among += _curve(control, "reward_vs_meta", "coala-pg, no naive agents", _DOTTED["coala-pg"])
    panels = (
        panel_of("among meta agents", REWARD, among),
        panel_of("against naive learners", REWARD, list(curves_of(setting, "reward_vs_naive"))),
    )
    return figure_of("5c", "Fig. 5C: the mixed pool", smoothing_note(setting), panels, setting)


def two_methods(case: Case) -> Figure | None:
    """H.3: COALA-PG and M-FOS agents of one pool, and M-FOS agents among themselves."""
    setting, alone = case.settings.get("ipd-coala-vs-mfos"), case.settings.get("ipd-mixed")
    if setting is None:
        return None
    among = list(curves_of(setting, "reward_vs_meta"))
    control = alone.group("m-fos") if alone else None
    if control is not None:
        among += _curve(control, "reward_vs_meta", "m-fos, alone in its pool", _DOTTED["m-fos"])
    panels = (
        panel_of("among meta agents", REWARD, among),
        panel_of("against naive learners", REWARD, list(curves_of(setting, "reward_vs_naive"))),
    )
    return figure_of("h3", "App. H.3: COALA-PG and M-FOS in one pool", smoothing_note(setting), panels, setting)


def gradient_balance(case: Case) -> Figure | None:
    """12: the ratio of each estimator over training, a panel for each size of the batch."""
    settings = [case.settings[role] for _, role in sorted(BALANCE_ROLES.items()) if role in case.settings]
    groups = [(setting, setting.group("coala-pg")) for setting in settings]
    panels = [
        Panel(
            f"B = {setting.config['rollout']['batch_size']}",
            "training iteration",
            "‖future part‖ / ‖current part‖",
            tuple(_ratios(group)),
            log_y=True,
        )
        for setting, group in groups
        if group is not None
    ]
    note = (
        "Of the policy gradients of three estimators on the same meta-episodes against naive learners, while COALA-PG "
        "agents train. Geometric mean over seeds with its 95% t-interval; thin lines are seeds."
    )
    figure = figure_of("12", "Fig. 12: gradient balance", note, panels, settings[0]) if settings else None
    return figure and figure._replace(one_scale=True)


def _ratios(group: Group) -> Iterator[Line]:
    for estimator in ESTIMATORS:
        curve = group.curve(column_of(estimator))
        if not curve.empty:
            line = _line(curve.apply(np.log), estimator, LOOKS[estimator, NO_CRITIC])
            seeds = None if line.seeds is None else np.exp(line.seeds)
            estimate, low, high = (np.exp(values) for values in (line.estimate, line.low, line.high))
            yield line._replace(estimate=estimate, low=low, high=high, seeds=seeds)


def figure_of(name: str, title: str, caption: str, panels: Iterable[Panel], setting: Setting) -> Figure | None:
    """The figure of a setting with the panels that have lines; none without any."""
    shown = tuple(panel for panel in panels if panel.lines)
    return Figure(f"fig-{name}-{setting.slug}", f"{title} ({setting.name})", caption, shown) if shown else None


def panel_of(title: str, y_label: str, lines: Iterable[Line]) -> Panel:
    """A panel over training."""
    return Panel(title, "training iteration", y_label, tuple(lines))


def smoothing_note(setting: Setting) -> str:
    """What bands and lines are."""
    window = _window(_iterations(setting))
    return f"{BANDS}{f', all smoothed by a running mean over {window} iterations' if window > 1 else ''}."


def _iterations(setting: Setting) -> int:
    return int(setting.config["run"]["iterations"])


def _window(iterations: int) -> int:
    return max(1, iterations // _SMOOTHING)


def groups_drawn(setting: Setting) -> Iterator[Group]:
    """Each method, with a critic of the batch and without, in the order of legends."""
    found = {(group.method, group.critic): group for group in setting.variants()}
    yield from (
        found[variant] for variant in (*filter(found.__contains__, LOOKS), *sorted(found.keys() - LOOKS.keys()))
    )


def look_of(group: Group) -> Look:
    """A colour and dashes for its method and critic."""
    return LOOKS.get((group.method, group.critic), OTHER_LOOK)


def curves_of(setting: Setting, column: str) -> Iterator[Line]:
    """A measure of every method over training."""
    for group in groups_drawn(setting):
        yield from _curve(group, column, group.label, look_of(group))


def _curve(group: Group, column: str, label: str, look: Look) -> Iterator[Line]:
    curve = group.curve(column)
    if not curve.empty:
        window = _window(int(curve.index.max()) + 1)
        steps = max(1, round(window / max(1, int(curve.index[1] - curve.index[0]) if len(curve) > 1 else 1)))
        yield _line(curve.interpolate().rolling(steps, center=True, min_periods=1).mean(), label, look)


def _common_evaluation(setting: Setting) -> str | None:
    """The first evaluation against naive learners that all runs have: a figure must not mix sources."""
    runs = [run for group in groups_drawn(setting) for run in group.runs]
    for name in sorted(runs[0].evaluations):
        found = [run.evaluations.get(name) for run in runs]
        if all(rows is not None and not within(rows, "defection", "naive").empty for rows in found):
            return name
    return None


def episodes_of(setting: Setting, metric: str, evaluation: str | None = None) -> Iterator[Line]:
    """A measure of every method by inner episode against naive learners: of training, or of an evaluation."""
    for group in groups_drawn(setting):
        rows = group.within(metric) if evaluation is None else group.evaluated(evaluation, metric)
        if not rows.empty:
            yield _line(rows.set_axis(rows.index + 1), group.label, look_of(group))


def _line(rows: pd.DataFrame, label: str, look: Look) -> Line:
    rows = thinned(rows)
    values = rows.to_numpy(float)
    band = t_band(values)
    return Line(label, look.colour, rows.index.to_numpy(float), band[:, 0], band[:, 1], band[:, 2], look.dashes, values)
