"""The coin game, a frame a step: what the players saw, what each then did, and which coins it had taken by then.

Everything that a colour tells, a letter or a shape tells as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from rich.text import Text

from coalactl.watching.drawing import AMBER, BLACK, SKY, board, images
from coalactl.watching.scenes import PLAYERS, Scenes
from coalactl_core.envs.coin_game import SIDE
from coalactl_core.games import COIN_GAME, GAMES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from PIL.Image import Image

LEGEND = "A and B players, a and b coins of their colours; the grid has no border"
_PICTURE_LEGEND = "circle: A's coin, diamond: B's coin"
_COLOURS = (SKY, AMBER)
_MARKERS = ("o", "D")


class CoinFrame(NamedTuple):
    """One step. Rows and columns of the players, and of the coins that lie there, by colour."""

    title: str
    players: list[tuple[int, int]]
    coins: dict[int, tuple[int, int]]
    lines: list[str]


def blocks(scenes: Scenes, episode: int) -> list[Text]:
    """A block of text a step."""
    return [_block(frame) for frame in _steps(scenes, episode)]


def frames(scenes: Scenes, episode: int) -> list[Image]:
    """A picture a step."""
    return images(_steps(scenes, episode), _draw, (4.4, 0.7 * SIDE + 1.1))


def _steps(scenes: Scenes, episode: int) -> list[CoinFrame]:
    record = scenes.of_episode(episode)
    state: Any = record.state
    return [
        CoinFrame(
            title=f"inner episode {episode} of 0-{scenes.inner_episodes - 1}, step {step + 1} of {len(record.actions)}",
            players=[_position(cell) for cell in state.players[step]],
            coins={colour: _position(cell) for colour, cell in enumerate(state.coins[step]) if cell >= 0},
            lines=lines,
        )
        for step, lines in enumerate(_lines(scenes, record))
    ]


def _lines(scenes: Scenes, record: Any) -> list[list[str]]:
    """A line for each player a step."""
    sums = [np.cumsum(leaf, 0, dtype=float) for leaf in (record.rewards, record.events.own, record.events.other)]
    return [
        [
            f"{letter}  {scenes.names[player]:<16} {GAMES[COIN_GAME].actions[record.actions[step, player]]:<6} "
            "earned {:<4g} own coins {:<3g} other's {:g}".format(*(total[step, player] for total in sums))
            for player, letter in enumerate(PLAYERS)
        ]
        for step in range(len(record.actions))
    ]


def _position(cell: int) -> tuple[int, int]:
    row, column = divmod(int(cell), SIDE)
    return row, column


def _block(frame: CoinFrame) -> Text:
    """The board in a frame; each cell shows which coins lie there, then who stands there."""
    border = f"+{'-' * (6 * SIDE + 1)}+\n"
    text = Text(f"{frame.title}\n{border}", no_wrap=True)
    for row in range(SIDE):
        text.append("|")
        for column in range(SIDE):
            text.append(" ")
            text.append_text(_cell(frame, (row, column)))
            text.append(" ")
        text.append(" |\n")
    text.append(f"{border}{frame.lines[0]}\n{frame.lines[1]}\n{LEGEND}\n")
    return text


def _cell(frame: CoinFrame, position: tuple[int, int]) -> Text:
    """Four characters: both coins and both players, or spaces; a dim point where no coin lies."""
    text = Text()
    if position not in frame.coins.values():
        text.append(". ", "dim")
    else:
        for colour, letter in enumerate(PLAYERS):
            here = frame.coins.get(colour) == position
            text.append(letter.lower() if here else " ", f"bold {_COLOURS[colour]}" if here else "")
    for player, letter in enumerate(PLAYERS):
        here = frame.players[player] == position
        text.append(letter if here else " ", f"bold {_COLOURS[player]}" if here else "")
    return text


def _draw(axes: Axes, frame: CoinFrame) -> None:
    board(axes, frame.title, (SIDE, SIDE), (*frame.lines, _PICTURE_LEGEND))
    for colour, (row, column) in frame.coins.items():
        x = column + (-0.2, 0.2)[colour]
        axes.scatter(x, row - 0.25, s=80, marker=_MARKERS[colour], color=_COLOURS[colour], ec=BLACK)
    for player, (row, column) in enumerate(frame.players):
        box = {"boxstyle": "round,pad=0.25", "facecolor": _COLOURS[player], "edgecolor": BLACK}
        at = column + (-0.2, 0.2)[player], row + 0.2
        axes.text(*at, PLAYERS[player], ha="center", va="center", fontsize=11, weight="bold", color=BLACK, bbox=box)
