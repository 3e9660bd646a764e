"""The table and the picture of a tournament (``axelrod_tournament.py``)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

from coalactl.report.statistics import t_interval

# Okabe & Ito (2008): told apart with any colour vision.
_COLOURS = {"a match is one inner episode": "#0072B2", "inner episodes as in training": "#D55E00"}
_LIBRARY, _COLUMNS, _ROW = "#8c8c8c", 3, 0.118
_STYLE = {"font.size": 6, "axes.linewidth": 0.5, "xtick.major.width": 0.5, "svg.hashsalt": "coalactl"}


def ranked(score: np.ndarray, cooperation: np.ndarray, names: Sequence[str], agents: int) -> pd.DataFrame:
    """A row for each player, the best first; the first so many are agents. Tables lead with (players, opponents)."""
    rows = []
    for place, name in enumerate(names):
        repetitions = np.nanmean(score[place], 0)
        # Numbers that differ in nothing but the order of a sum are one.
        interval = t_interval([float(value) for value in repetitions.round(9)])
        rows.append(
            {
                "name": name,
                "kind": "agent" if place < agents else "library",
                "score": interval.estimate,
                "low": interval.low,
                "high": interval.high,
                "cooperation": float(np.nanmean(cooperation[place])),
            }
        )
    table = pd.DataFrame(rows).sort_values("score", ascending=False, kind="stable", ignore_index=True)
    table.insert(0, "rank", table["score"].rank(ascending=False, method="min").astype(int))
    return table


def draw(table: pd.DataFrame, folder: Path) -> None:
    """``ranking.png`` and ``ranking.svg``: everybody's score a turn, the best on top of the first column."""
    columns = min(_COLUMNS, -(-len(table) // 30))
    rows = -(-len(table) // columns)
    span = table["low"].fillna(table["score"]).min(), table["high"].fillna(table["score"]).max()
    margin = 0.03 * (span[1] - span[0])
    with mpl.rc_context({**mpl.rcParamsDefault, **_STYLE}):
        canvas, drawn = plt.subplots(
            1, columns, figsize=(3.1 * columns, _ROW * rows + 0.9), sharex=True, squeeze=False, layout="constrained"
        )
        for column, axes in enumerate(drawn.flat):
            _column(axes, table.iloc[column * rows : (column + 1) * rows], rows)
            axes.set_xlim(span[0] - margin, span[1] + margin)
        handles = [_mark(colour, label) for label, colour in _COLOURS.items()]
        canvas.legend(
            handles=[*handles, _mark(_LIBRARY, "strategies of the Axelrod library")],
            loc="outside upper center",
            ncols=3 if columns > 1 else 1,
            frameon=False,
            fontsize=7,
        )
        gap = " " if columns > 1 else "\n"
        canvas.supxlabel(f"score a turn, mean over all opponents;{gap}95% interval over repetitions", fontsize=7)
        for suffix in ("png", "svg"):
            canvas.savefig(folder / f"ranking.{suffix}", dpi=200, metadata={"Date": None} if suffix == "svg" else None)
        plt.close(canvas)


def _column(axes: Any, part: pd.DataFrame, rows: int) -> None:
    places, colours = np.arange(len(part)), [_colour(row) for row in part.itertuples()]
    low, high = (part[end].fillna(part["score"]) for end in ("low", "high"))
    for colour in dict.fromkeys(colours):
        own = np.asarray([each == colour for each in colours])
        axes.hlines(places[own], low[own], high[own], color=colour, linewidth=1)
        axes.plot(part["score"][own], places[own], "o", color=colour, markersize=2.4 if colour == _LIBRARY else 4)
    labels = [f"{row.name}  {row.rank}" for row in part.itertuples(index=False)]
    axes.set_yticks(places, labels, fontsize=5.6)
    for label, colour in zip(axes.get_yticklabels(), colours, strict=True):
        if colour != _LIBRARY:
            label.set(color=colour, fontweight="bold", fontsize=6.4)
    axes.set_ylim(rows - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color="#e4e4e4", linewidth=0.5)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)


def _colour(row: Any) -> str:
    if row.kind != "agent":
        return _LIBRARY
    one, as_trained = _COLOURS.values()
    return as_trained if row.name.rpartition("/")[2].isdigit() and "/" in row.name else one


def _mark(colour: str, label: str) -> Line2D:
    return Line2D([], [], color=colour, marker="o", markersize=4, linewidth=1, label=label)
