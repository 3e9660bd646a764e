"""How an environment is shown: a table from its type to a viewer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from rich.text import Text

from coalactl.errors import UserError
from coalactl.watching import cleanup, matrix
from coalactl.watching.scenes import Scenes
from coalactl_core.config_environments import CleanUpLiteConfig, MatrixGameConfig
from coalactl_core.envs.cleanup_lite import CleanUpLite
from coalactl_core.envs.matrix_game import MatrixGame

if TYPE_CHECKING:
    from PIL.Image import Image


class Viewer(NamedTuple):
    """Both take the scenes and the inner episode: blocks of text, one after the other, and frames of an animation."""

    blocks: Callable[[Scenes, int], Sequence[Text]]
    frames: Callable[[Scenes, int], Sequence[Image]]


_VIEWERS: dict[type, Viewer] = {
    CleanUpLite: Viewer(blocks=cleanup.blocks, frames=cleanup.frames),
    MatrixGame: Viewer(blocks=matrix.blocks, frames=matrix.frames),
}


def check_shown(environment: object) -> None:
    """Raises :class:`UserError` unless there is a viewer for the environment of this ``[environment]`` table."""
    if not isinstance(environment, CleanUpLiteConfig | MatrixGameConfig):
        name = getattr(environment, "name", "?")
        raise UserError(f"there is no viewer for environment {name!r}; watch shows cleanup-lite and matrix games")


def viewer_of(scenes: Scenes) -> Viewer:
    """The viewer of an environment that :func:`check_shown` let pass."""
    return _VIEWERS[type(scenes.environment)]
