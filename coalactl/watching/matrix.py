"""A matrix game: a strip of both players' actions, a row an inner episode, with what each earned at its end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from rich.text import Text

from coalactl.watching.drawing import BLUE, ORANGE, images
from coalactl.watching.scenes import PLAYERS, Scenes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from PIL.Image import Image

# Of the actions: cooperate, defect.
SYMBOLS = ("o", "#")
_COLOURS = (BLUE, ORANGE)
_MARKERS = ("o", "s")


def blocks(scenes: Scenes, episode: int) -> list[Text]:
    """One block: all inner episodes up to this one."""
    length = scenes.record.actions.shape[1]
    left, right = (f"{letter}  {name}" for letter, name in zip(PLAYERS, scenes.names, strict=True))
    width = max(2 * length, len(left) + 2, len(right) + 2)
    text = Text(f"inner episode   {left:<{width}} {right:<{width}} earned: A       B\n", no_wrap=True)
    for number in range(episode + 1):
        text.append(f"{number:>13}   ")
        for player in range(len(PLAYERS)):
            for action in scenes.record.actions[number, :, player]:
                text.append(SYMBOLS[action], f"bold {_COLOURS[action]}")
                text.append(" ")
            text.append(" " * (width - 2 * length + 1))
        first, second = _earned(scenes, number)
        text.append(f"{first:>9g} {second:>7g}\n")
    return [text.append("o cooperates, # defects; a column a step\n")]


def frames(scenes: Scenes, episode: int) -> list[Image]:
    """The strip as it grows: a picture for each inner episode up to this one."""
    length = scenes.record.actions.shape[1]
    size = (min(max(0.26 * length + 2.2, 4.5), 14.0), min(0.14 * (episode + 1) + 1.3, 9.0))

    def draw(axes: Axes, last: int) -> None:
        _draw(axes, scenes, last, episode)

    return images(range(episode + 1), draw, size)


def _earned(scenes: Scenes, number: int) -> Sequence[float]:
    """By each player in an inner episode, rounded to what a strip has room for."""
    return [round(float(total), 3) for total in np.sum(scenes.record.rewards[number], 0, dtype=float)]


def _draw(axes: Axes, scenes: Scenes, last: int, episode: int) -> None:
    actions = scenes.record.actions[: last + 1]
    length = actions.shape[1]
    starts = np.asarray([0, length + 1])
    at_row, at_step, player = np.indices(actions.shape)
    for action, (colour, marker) in enumerate(zip(_COLOURS, _MARKERS, strict=True)):
        chosen = actions == action
        x, y = (at_step + starts[player])[chosen], at_row[chosen]
        axes.scatter(x, y, s=16, marker=marker, facecolors=("none", colour)[action], edgecolors=colour)
    end = 2 * length + 1.5
    for number in range(last + 1):
        first, second = _earned(scenes, number)
        axes.text(end, number, f"{first:>6g} {second:>6g}", fontsize=6, family="monospace", va="center")
    axes.text(end, -1.2, f"{'A':>6} {'B':>6}", fontsize=6, family="monospace", va="center")
    axes.set(xlim=(-1, end + 5), ylim=(episode + 0.7, -2.2), xticks=[])
    axes.set_yticks(range(0, episode + 1, max(1, (episode + 1) // 10)))
    axes.set_ylabel("inner episode", fontsize=7)
    axes.tick_params(labelsize=6)
    for start, letter, name in zip(starts, PLAYERS, scenes.names, strict=True):
        axes.text(start, -1.2, f"{letter}: {name}", fontsize=7, va="center")
    axes.set_title(f"inner episodes 0-{last}; right: what each earned", fontsize=8)
    axes.set_xlabel("circle: cooperates, square: defects; a column a step", fontsize=6.5)
    axes.spines[["top", "right", "bottom"]].set_visible(False)
