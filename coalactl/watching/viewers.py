"""How an environment is shown: a table from its name to a viewer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from rich.text import Text

from coalactl.errors import UserError
from coalactl.watching import cleanup, coins, matrix
from coalactl.watching.scenes import Scenes
from coalactl_core.games import CLEANUP_LITE, COIN_GAME, MATRIX_GAME

if TYPE_CHECKING:
    from PIL.Image import Image


class Viewer(NamedTuple):
    """Both take the scenes and the inner episode: blocks of text, one after the other, and frames of an animation."""

    blocks: Callable[[Scenes, int], Sequence[Text]]
    frames: Callable[[Scenes, int], Sequence[Image]]


_VIEWERS: dict[str, Viewer] = {
    CLEANUP_LITE: Viewer(blocks=cleanup.blocks, frames=cleanup.frames),
    COIN_GAME: Viewer(blocks=coins.blocks, frames=coins.frames),
    MATRIX_GAME: Viewer(blocks=matrix.blocks, frames=matrix.frames),
}


def viewer_of(environment: str) -> Viewer:
    """The viewer of an environment by its name; raises :class:`UserError` where there is none."""
    if environment not in _VIEWERS:
        raise UserError(f"there is no viewer for environment {environment!r}; watch shows {', '.join(_VIEWERS)}")
    return _VIEWERS[environment]
