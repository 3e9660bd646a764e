"""Draws the analytical figures of the paper from run directories: ``python analytical.py RUNS OUT``.

RUNS holds a run directory for each preset, named like it; what is missing is left out. Lines are medians over seeds and
bands the quartiles.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

BLUE, ORANGE, GREEN, PINK, GREY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#666666"
LEGEND = {"escapes": {"loc": "upper right", "bbox_to_anchor": (1, 0.95)}}
LOOK_AHEADS = {1: "#56B4E9", 2: BLUE, 3: GREEN, 10: "#E69F00", 20: ORANGE}


def metrics(run: Path, *columns: str) -> pd.DataFrame:
    """Means over agents by iteration and seed, of iterations that were evaluated."""
    rows = pd.read_parquet(run / "metrics", columns=["iteration", "seed", *columns])
    return rows.dropna().groupby(["iteration", "seed"]).mean().reset_index()


def band(axes: Axes, rows: pd.DataFrame, x: str, column: str, colour: str, label: str) -> None:
    """Median and quartiles over seeds."""
    quantiles = rows.groupby(x)[column].quantile([0.25, 0.5, 0.75]).unstack()
    axes.fill_between(quantiles.index, quantiles[0.25], quantiles[0.75], color=colour, alpha=0.2, linewidth=0)
    axes.plot(quantiles.index, quantiles[0.5], color=colour, label=label)


def learner_curve(run: Path, iteration: int, metric: str) -> pd.DataFrame:
    """A measure by the naive learner's steps at one iteration, means over agents."""
    rows = pd.read_parquet(run / "episodes")
    iteration = rows["iteration"].max() if iteration < 0 else iteration
    rows = rows[(rows["iteration"] == iteration) & (rows["metric"] == metric)]
    return rows.groupby(["inner_episode", "seed"])["value"].mean().reset_index()


def extortion(axes: Sequence[Axes], runs: Path) -> None:
    """3A: shaping against naive learners; 8: how close the policies are to extortion."""
    for place, (name, start) in enumerate(
        {"analytical-extortion": "random", "analytical-extortion-from-defection": "defection"}.items()
    ):
        rows = metrics(runs / name, "reward_vs_naive", "coplayer_reward_vs_naive")
        band(axes[0], rows, "iteration", "reward_vs_naive", (BLUE, GREEN)[place], f"agent, from {start}")
        band(axes[0], rows, "iteration", "coplayer_reward_vs_naive", (ORANGE, PINK)[place], "its naive learners")
    axes[0].set(xlabel="iteration", ylabel="reward per step", title="3A  shaping")
    fits = metrics(runs / "analytical-extortion", "zd_error", "random_zd_error")
    last = fits[fits["iteration"] == fits["iteration"].max()]
    axes[1].boxplot([last["zd_error"], last["random_zd_error"]], tick_labels=["found", "random"], showfliers=False)
    axes[1].set(ylabel="mean squared error", title="8  distance from extortion")


def pairs(axes: Sequence[Axes], runs: Path) -> None:
    """3B: two extortioners learn from each other; 3C: with and without naive learners in the pool."""
    band(
        axes[0],
        metrics(runs / "analytical-extortioners-meet", "reward_vs_meta"),
        "iteration",
        "reward_vs_meta",
        BLUE,
        "",
    )
    axes[0].set(xlabel="iteration", ylabel="reward per step, among meta agents", title="3B  extortioners meet")
    for name, colour, label in (
        ("analytical-mixed", BLUE, "with naive learners"),
        ("analytical-meta-only", GREY, "meta agents only"),
    ):
        band(axes[1], metrics(runs / name, "reward_vs_meta"), "iteration", "reward_vs_meta", colour, label)
    axes[1].set(xlabel="iteration", title="3C  mixed and pure")


def lola(axes: Sequence[Axes], runs: Path) -> None:
    """4A: look-aheads; 4B: the 20-look-ahead policy against a fresh naive learner; 4C: with the partial gradient."""
    for place, (prefix, title) in enumerate(
        {"lola": "4A  LOLA-DiCE", "lola-mixed": "4C  with the partial gradient"}.items()
    ):
        for count, colour in LOOK_AHEADS.items():
            run = runs / f"analytical-{prefix}-{count}"
            if run.exists():
                rows = metrics(run, "reward_vs_meta")
                band(axes[2 * place], rows, "iteration", "reward_vs_meta", colour, f"{count} look-aheads")
        axes[2 * place].set(xlabel="iteration", ylabel="reward per step, among meta agents", title=title)
    run = runs / "analytical-lola-extorts"
    band(axes[1], learner_curve(run, -1, "reward"), "inner_episode", "value", ORANGE, "20 look-aheads")
    band(axes[1], learner_curve(run, -1, "coplayer_reward"), "inner_episode", "value", GREY, "fresh naive learner")
    axes[1].set(xlabel="steps of the naive learner", title="4B  against a naive learner")


def escapes(axes: Sequence[Axes], runs: Path) -> None:
    """9 and 10: from defection and from tit-for-tat; 10C: whom a naive learner follows faster."""
    for place, (name, title) in enumerate(
        {
            "analytical-from-defection": "9  from defection",
            "analytical-from-tit-for-tat": "10  from tit-for-tat",
        }.items()
    ):
        states = ("start", "cc", "cd", "dc", "dd")
        rows = metrics(runs / name, "reward_vs_meta", *(f"cooperation_{state}" for state in states))
        band(axes[place], rows, "iteration", "reward_vs_meta", "black", "reward among meta agents")
        for state, colour in zip(states, (GREY, BLUE, GREEN, ORANGE, PINK), strict=True):
            band(axes[place], rows, "iteration", f"cooperation_{state}", colour, f"cooperation, {state}")
        axes[place].set(xlabel="iteration", title=title)
    run = runs / "analytical-from-tit-for-tat"
    for iteration, colour, label in ((0, GREY, "tit-for-tat"), (-1, BLUE, "policy found")):
        band(axes[2], learner_curve(run, iteration, "reward"), "inner_episode", "value", colour, label)
    axes[2].set(xlabel="steps of the naive learner", ylabel="agent's reward per step", title="10C  shaping speed")


FIGURES: dict[str, tuple[Callable[[Sequence[Axes], Path], None], int]] = {
    "extortion": (extortion, 2),
    "pairs": (pairs, 2),
    "lola": (lola, 3),
    "escapes": (escapes, 3),
}


def draw(runs: Path, out: Path) -> None:
    """All figures whose runs are there."""
    for name, (panel, count) in FIGURES.items():
        figure, axes = plt.subplots(1, count, figsize=(3.4 * count, 3), dpi=150)
        try:
            panel(np.atleast_1d(axes), runs)
        except FileNotFoundError as error:
            print(f"{name}: left out, {error}")
            continue
        for each in axes:
            each.spines[["top", "right"]].set_visible(False)
            if each.get_legend_handles_labels()[1]:
                each.legend(frameon=False, fontsize=6, **LEGEND.get(name, {}))
        figure.tight_layout()
        figure.savefig(out / f"analytical-{name}.png")


if __name__ == "__main__":
    draw(Path(sys.argv[1]), Path(sys.argv[2]))
