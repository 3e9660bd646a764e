"""What the user asked ``coalactl watch`` for; free of JAX and pydantic, so that slips are told at once."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from coalactl.errors import ExitCode, UserError
from coalactl.paths import usable

_GIF = (b"GIF87a", b"GIF89a")


class WatchRequest(NamedTuple):
    """The command line of ``watch``; ``against`` is "naive", "meta" or None; ``agent`` and ``episode`` count from 0."""

    run: Path | None
    agent: int
    episode: int | None
    gif: bool
    out: Path | None
    against: str | None
    seed: int
    step: int | None
    quiet: bool = False


def checked(request: WatchRequest) -> WatchRequest:
    """The request, if its options fit each other and a GIF can be where it shall be."""
    if request.run is not None:
        usable(request.run / "config.toml")
    if request.out is not None:
        if not request.gif:
            raise UserError("--out: it goes with --format gif")
        check_target(request.out)
    return request


def check_target(path: Path) -> None:
    """Raises :class:`UserError` unless a GIF can be written there: over nothing, or over a GIF."""
    usable(path)
    if path.is_dir():
        raise UserError(f"{path} is a folder; name a file for the GIF")
    if path.exists() and not _is_gif(path):
        raise UserError(f"{path} is not a GIF and is left as it is; choose another --out", ExitCode.RUN_CONFLICT)


def _is_gif(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(6) in _GIF
    except OSError:
        return False
