"""What the user asked ``coalactl eval`` for; free of JAX and pydantic, so that slips are told at once."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from coalactl.errors import UserError
from coalactl.overrides import shortened
from coalactl.paths import usable

DEFAULT_EPISODES = 400
"""Of a pool whose opponents are not met once each by default, as those of the Axelrod library are."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class EvalRequest(NamedTuple):
    """The command line of ``eval``."""

    runs: tuple[Path, ...]
    pool: str | None
    episodes: int | None
    seed: int
    step: int | None
    p_naive: float | None
    name: str | None
    json: bool
    quiet: bool
    by_step: bool = False
    """Whether means of each step are written too."""
    progress: bool = False
    """Whether progress is told although the rest is not, as another command's part."""

    @property
    def tells_progress(self) -> bool:
        """Whether it says how far it is."""
        return self.progress or not self.quiet


def checked(request: EvalRequest) -> EvalRequest:
    """The request, if its options fit each other."""
    for path in request.runs:
        usable(path / "config.toml")
    if request.name is not None:
        check_name(request.name, "--out")
    if request.p_naive is not None and not 0 <= request.p_naive <= 1:
        raise UserError(f"--p-naive: {request.p_naive:g} given; use a probability, 0 to 1")
    return request


def check_name(name: str, source: str) -> None:
    """Raises :class:`UserError` unless RUN/eval/NAME.parquet can be a file of that name."""
    if not _NAME.fullmatch(name):
        raise UserError(
            f"{source}: {shortened(repr(name))} given; a name is up to 100 letters, digits, '.', '_' and '-': "
            "the result is RUN/eval/NAME.parquet"
        )
