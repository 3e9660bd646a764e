"""Curves of sampled play: mean and 95% t-interval over seeds, and every seed as a thin line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import pandas as pd

from coalactl.agents import NO_CRITIC, colour_of, learner_named_in, naive_groups
from coalactl.report.captions import over_seeds
from coalactl.report.evaluations import within
from coalactl.report.figures import LOOKS, OTHER_LOOK, Figure, Line, Look, Panel, thinned
from coalactl.report.finished import Run
from coalactl.report.settings import Group, Setting
from coalactl.report.statistics import t_band

_SMOOTHING = 40
REWARD = "reward per step"


class Beside(NamedTuple):
    """A method in another pool, drawn dotted beside those of a figure."""

    setting: Setting | None
    method: str
    label: str


def of_a_pool(setting: Setting | None, name: str, title: str, beside: Beside) -> Figure | None:
    """Rewards among meta agents and against naive learners over training, of each method in a pool."""
    if setting is None:
        return None
    among = list(curves_of(setting, "reward_vs_meta"))
    control = beside.setting.group(beside.method) if beside.setting else None
    if control is not None:
        look = LOOKS[beside.method, NO_CRITIC]._replace(dashes=":")
        among += curve_of(control, "reward_vs_meta", beside.label, look)
    panels = (
        panel_of("among meta agents", REWARD, among),
        panel_of("against naive learners", REWARD, list(curves_of(setting, "reward_vs_naive"))),
    )
    return figure_of(name, title, smoothing_note(setting, panels), panels, setting)


def figure_of(name: str, title: str, caption: str, panels: Iterable[Panel], setting: Setting) -> Figure | None:
    """The figure of a setting with the panels that have lines; none without any."""
    shown = tuple(panel for panel in panels if panel.lines)
    return Figure(f"{name}-{setting.slug}", f"{title} ({setting.name})", caption, shown) if shown else None


def panel_of(title: str, y_label: str, lines: Iterable[Line]) -> Panel:
    """A panel over training."""
    return Panel(title, "training iteration", y_label, tuple(lines))


def smoothing_note(setting: Setting, panels: Sequence[Panel]) -> str:
    """What bands and lines are."""
    window = _window(_iterations(setting))
    return f"{over_seeds(panels)}{f', smoothed by a running mean over {window} iterations' if window > 1 else ''}."


def _iterations(setting: Setting) -> int:
    return int(setting.config["run"]["iterations"])


def _window(iterations: int) -> int:
    return max(1, iterations // _SMOOTHING)


def groups_drawn(setting: Setting) -> Iterator[Group]:
    """Each method, with a critic of the batch and without, in the order of legends."""
    groups = {(group.method, group.critic): group for group in setting.variants()}
    yield from (
        groups[variant] for variant in (*filter(groups.__contains__, LOOKS), *sorted(groups.keys() - LOOKS.keys()))
    )


def look_of(group: Group) -> Look:
    """A colour and dashes for its method and critic."""
    look, colour = LOOKS.get((group.method, group.critic)), colour_of(group.method)
    return look or (OTHER_LOOK if colour is None else OTHER_LOOK._replace(colour=colour))


def curves_of(setting: Setting, column: str) -> Iterator[Line]:
    """A measure of every method over training."""
    for group in groups_drawn(setting):
        yield from curve_of(group, column, group.label, look_of(group))


def curve_of(group: Group, column: str, label: str, look: Look) -> Iterator[Line]:
    """A measure of one method over training, by a name and a look of one's own."""
    curve = group.curve(column)
    if not curve.empty:
        window = _window(int(curve.index.max()) + 1)
        steps = max(1, round(window / max(1, int(curve.index[1] - curve.index[0]) if len(curve) > 1 else 1)))
        yield line_of(curve.interpolate().rolling(steps, center=True, min_periods=1).mean(), label, look)


def common_evaluation(setting: Setting) -> str | None:
    """The first evaluation against naive learners that all runs have: a figure must not mix sources."""
    runs = [run for group in groups_drawn(setting) for run in group.runs]
    for name in sorted(runs[0].evaluations):
        if all(_plays_its_own(run, run.evaluations.get(name)) for run in runs):
            return name
    return None


def _plays_its_own(run: Run, rows: pd.DataFrame | None) -> bool:
    """Whether naive learners are met, and all learn as in the run's training and not as a pool's file says."""
    if rows is None or within(rows, "defection", "naive").empty:
        return False
    own = {"", *(str(group.get("algorithm")) for group in naive_groups(run.config))}
    met = rows.loc[(rows["opponent_kind"] == "naive") & (rows["metric"] == "defection"), "opponent"]
    return set(met.astype(str).map(learner_named_in)) <= own


def episodes_of(setting: Setting, metric: str, evaluation: str | None = None) -> Iterator[Line]:
    """A measure of every method by inner episode against naive learners: of training, or of an evaluation."""
    for group in groups_drawn(setting):
        rows = group.within(metric) if evaluation is None else group.evaluated(evaluation, metric)
        if not rows.empty:
            yield line_of(rows.set_axis(rows.index + 1), group.label, look_of(group))


def steps_of(group: Group, evaluation: str, metric: str, opponent: str, label: str, look: Look) -> Iterator[Line]:
    """A measure by step within an inner episode, from 1 on, in an evaluation that was made step by step."""
    rows = group.by_step(evaluation, metric, opponent)
    if not rows.empty:
        yield line_of(rows.set_axis(rows.index + 1), label, look)


def line_of(rows: pd.DataFrame, label: str, look: Look) -> Line:
    """Mean and interval over the seeds, its columns, at each row."""
    rows = thinned(rows)
    values = rows.to_numpy(float)
    band = t_band(values)
    return Line(label, look.colour, rows.index.to_numpy(float), band[:, 0], band[:, 1], band[:, 2], look.dashes, values)
