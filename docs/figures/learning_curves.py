"""Draws learning curves from run directories: ``python learning_curves.py OUT.png COLUMN LABEL=PACK ...``.

Each label is one colour; thin lines are seeds (means over agents and ten iterations), the thick one is their mean.
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
import pandas as pd

COLOURS = {
    "coala-pg, batch critic": "#000000",
    "coala-pg": "#0072B2",
    "m-fos": "#D55E00",
    "batch-unaware": "#009E73",
    "coala-pg, no naive": "#CC79A7",
}
WORDS = {"reward_vs_naive": "reward per step against naive learners", "reward_vs_meta": "reward per step, meta agents"}


def curves(pack: Path, column: str) -> pd.DataFrame:
    """One column for each seed, smoothed, by iteration."""
    by_seed = {
        run.name: pd.read_parquet(run / "metrics").groupby("iteration")[column].mean()
        for run in sorted(pack.glob("seed-*"))
    }
    return pd.DataFrame(by_seed).rolling(10, min_periods=1).mean()


def draw(out: Path, column: str, packs: dict[str, Path]) -> None:
    """The figure of one measure."""
    figure, axes = plt.subplots(figsize=(6, 3.4), dpi=150)
    for label, pack in packs.items():
        table = curves(pack, column)
        colour = COLOURS.get(label, "black")
        axes.plot(table.index, table, color=colour, alpha=0.35, linewidth=0.8)
        axes.plot(table.index, table.mean(axis=1), color=colour, linewidth=2, label=f"{label} ({table.shape[1]} seeds)")
    axes.axhline(1, color="grey", linewidth=0.6, linestyle=":")
    axes.set(xlabel="training iteration", ylabel=WORDS.get(column, column))
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize="small", loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    figure.tight_layout()
    figure.savefig(out)


if __name__ == "__main__":
    named = [argument.split("=", 1) for argument in sys.argv[3:]]
    draw(Path(sys.argv[1]), sys.argv[2], {label: Path(pack) for label, pack in named})
