"""Pictures of an animation, and the GIF that they make."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from coalactl.report.figures import AMBER, BLACK, BLUE, GREEN, GREY, ORANGE, PINK, SKY, load_matplotlib
from coalactl.runs.files import replacing, write_failures

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from PIL.Image import Image

__all__ = ["AMBER", "BLACK", "BLUE", "GREEN", "ORANGE", "PINK", "SKY", "board", "images", "write_gif"]

FRAMES_PER_SECOND = 4
# How much longer the last frame stands than the others.
_PAUSE = 8
_DPI = 100

Shown = TypeVar("Shown")


def images(shown: Iterable[Shown], draw: Callable[[Axes, Shown], None], size: tuple[float, float]) -> list[Image]:
    """A picture of each, drawn on axes of their own; ``size`` in inches."""
    load_matplotlib()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from PIL import Image

    palette = Image.new("P", (1, 1))
    palette.putpalette(_palette())
    pictures: list[Image.Image] = []
    for each in shown:
        figure = Figure(figsize=size, dpi=_DPI, layout="constrained")
        canvas: Any = FigureCanvasAgg(figure)
        draw(figure.add_subplot(), each)
        canvas.draw()
        width, height = canvas.get_width_height()
        pixels = bytes(canvas.buffer_rgba())
        picture = Image.frombuffer("RGBA", (width, height), pixels).convert("RGB")
        pictures.append(picture.quantize(dither=Image.Dither.NONE, palette=palette))
    return pictures


def board(axes: Axes, title: str, size: tuple[int, int], lines: Iterable[str]) -> None:
    """An empty grid of rows and columns, whose cells have whole numbers as their middles; lines are told below."""
    rows, columns = size
    axes.set(xlim=(-0.5, columns - 0.5), ylim=(rows - 0.5, -0.5), aspect="equal", xticks=[], yticks=[])
    axes.set_title(title, fontsize=8)
    axes.set_xticks([column + 0.5 for column in range(columns - 1)], minor=True)
    axes.set_yticks([row + 0.5 for row in range(rows - 1)], minor=True)
    axes.grid(which="minor", color="#DDDDDD")
    axes.tick_params(which="both", length=0)
    axes.figure.supxlabel("\n".join(lines), x=0.02, ha="left", fontsize=6.5, family="monospace")


def _palette() -> list[int]:
    """Each colour, and what edges blend it to on white and on black.

    The same for all frames, so that no flat colour is approximated or flickers, whichever frame it first occurs in.
    """
    channels = []
    for colour in (BLACK, GREY, BLUE, ORANGE, GREEN, PINK, SKY, AMBER):
        full = bytes.fromhex(colour[1:])
        for ground, count in ((255, 16), (0, 8)):
            for part in range(count):
                share = part / (count - 1)
                channels += [round(ground + (channel - ground) * share) for channel in full]
    return channels


def write_gif(path: Path, pictures: Sequence[Image]) -> None:
    """Writes an endless animation in one step; raises :class:`UserError` when a write fails."""
    step = 1000 // FRAMES_PER_SECOND
    content = BytesIO()
    pictures[0].save(
        content,
        format="GIF",
        save_all=True,
        append_images=pictures[1:],
        duration=[step] * (len(pictures) - 1) + [step * _PAUSE],
        loop=0,
    )
    with write_failures(path), replacing(path) as temporary:
        temporary.write_bytes(content.getvalue())
