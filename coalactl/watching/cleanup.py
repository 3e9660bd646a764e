"""CleanUp-lite, a frame a step: what the players saw, what each then did, and what it had earned and cleaned by then.

Everything that a colour tells, a letter, a shape or a word tells as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from rich.text import Text

from coalactl.watching.drawing import AMBER, BLACK, GREEN, PINK, SKY, board, images
from coalactl.watching.scenes import PLAYERS, Scenes
from coalactl_core.games import CLEANUP_LITE, GAMES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from PIL.Image import Image

LEGEND = "o apple, # dirt; A and B players, a and b while zapped"
_PICTURE_LEGEND = "circle: apple, cross: dirt, dashed: zapped"
_APPLE, _DIRT, _EMPTY = "o", "#", "."
_COLOURS = {_APPLE: GREEN, _DIRT: PINK, "a": SKY, "b": AMBER}
_MARKERS = {_APPLE: "o", _DIRT: "X"}


class CleanUpFrame(NamedTuple):
    """One step. ``objects``: a symbol by row and column; ``players``: row, column and letter, small while zapped."""

    title: str
    objects: list[list[str]]
    players: list[tuple[int, int, str]]
    lines: list[str]


def blocks(scenes: Scenes, episode: int) -> list[Text]:
    """A block of text a step."""
    return [_block(frame) for frame in _steps(scenes, episode)]


def frames(scenes: Scenes, episode: int) -> list[Image]:
    """A picture a step."""
    environment: Any = scenes.environment
    size = (max(4.4, 0.7 * environment.columns), 0.7 * environment.rows + 1.1)
    return images(_steps(scenes, episode), _draw, size)


def _steps(scenes: Scenes, episode: int) -> list[CleanUpFrame]:
    record, environment = scenes.of_episode(episode), scenes.environment
    events: Any = record.events
    earned, cleaned, zaps = (
        np.cumsum(leaf, 0, dtype=float) for leaf in (record.rewards, events.cleaned, events.zapped)
    )
    episode_frames = []
    for step in range(len(record.actions)):
        lines = [
            f"{letter}  {scenes.names[player]:<16} {_act(record, step, player):<14} "
            f"earned {earned[step, player]:<4g} cleaned {cleaned[step, player]:<4g} hits {zaps[step, player]:g}"
            for player, letter in enumerate(PLAYERS)
        ]
        title = f"inner episode {episode} of 0-{scenes.inner_episodes - 1}, step {step + 1} of {len(record.actions)}"
        objects, players = _board(record.state, step, environment)
        episode_frames.append(CleanUpFrame(title=title, objects=objects, players=players, lines=lines))
    return episode_frames


def _board(state: Any, step: int, environment: Any) -> tuple[list[list[str]], list[tuple[int, int, str]]]:
    """What lies in each cell, and where the players stand."""
    objects = [[_EMPTY] * environment.columns for _ in range(environment.rows)]
    for column, cells, symbol in ((0, state.apples, _APPLE), (environment.columns - 1, state.dirt, _DIRT)):
        for row in range(environment.rows):
            if int(cells[step]) >> row & 1:
                objects[row][column] = symbol
    players = [
        (
            int(state.rows[step, player]),
            int(state.columns[step, player]),
            letter.lower() if state.frozen[step, player] > 0 else letter,
        )
        for player, letter in enumerate(PLAYERS)
    ]
    return objects, players


def _act(record: Any, step: int, player: int) -> str:
    """What the player did in the step; a frozen one did nothing, whatever its policy drew."""
    if record.state.frozen[step, player] > 0:
        return "is zapped"
    word = GAMES[CLEANUP_LITE].actions[record.actions[step, player]]
    if word != "zap":
        return word
    return "zap: hit" if record.events.zapped[step, player] else "zap: missed"


def _block(frame: CleanUpFrame) -> Text:
    """The board in a frame; each cell shows what lies there, then who stands there."""
    border = f"+{'-' * (5 * len(frame.objects[0]) + 1)}+\n"
    text = Text(f"{frame.title}\n{border}", no_wrap=True)
    for row, symbols in enumerate(frame.objects):
        text.append("|")
        for column, symbol in enumerate(symbols):
            text.append(" ")
            text.append(symbol, _style(symbol))
            for at_row, at_column, letter in frame.players:
                here = (at_row, at_column) == (row, column)
                text.append(letter if here else " ", _style(letter) if here else "")
            text.append(" ")
        text.append(" |\n")
    text.append(f"{border}{frame.lines[0]}\n{frame.lines[1]}\n{LEGEND}\n")
    return text


def _style(symbol: str) -> str:
    """Bold and coloured; a zapped player reversed, an empty cell dim."""
    if symbol == _EMPTY:
        return "dim"
    return f"{'reverse' if symbol in 'ab' else 'bold'} {_COLOURS[symbol.lower()]}"


def _draw(axes: Axes, frame: CleanUpFrame) -> None:
    board(axes, frame.title, (len(frame.objects), len(frame.objects[0])), (*frame.lines, _PICTURE_LEGEND))
    for row, symbols in enumerate(frame.objects):
        for column, symbol in enumerate(symbols):
            if symbol in _MARKERS:
                axes.scatter(column, row - 0.28, s=110, marker=_MARKERS[symbol], color=_COLOURS[symbol], ec=BLACK)
    for player, (row, column, letter) in enumerate(frame.players):
        _draw_player(axes, column + (-0.2, 0.2)[player], row + 0.18, letter)


def _draw_player(axes: Axes, x: float, y: float, letter: str) -> None:
    zapped = letter.islower()
    colour = _COLOURS[letter.lower()]
    box = {
        "boxstyle": "round,pad=0.25",
        "facecolor": "white" if zapped else colour,
        "edgecolor": colour if zapped else BLACK,
        "linestyle": "--" if zapped else "-",
    }
    axes.text(x, y, letter, ha="center", va="center", fontsize=11, weight="bold", color=BLACK, bbox=box)
