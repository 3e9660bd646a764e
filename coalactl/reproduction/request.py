"""What the user asked ``coalactl reproduce`` for; free of JAX and pydantic, so that slips are told at once."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from coalactl.errors import UserError
from coalactl.overrides import shortened
from coalactl.papers.table import entries, groups, is_named, named, short_name
from coalactl.papers.trains import Scale
from coalactl.paths import typed, usable
from coalactl.sweep.request import Executor, SweepRequest
from coalactl.sweep.request import checked as checked_sweep

if TYPE_CHECKING:
    from coalactl.papers.contract import Exhibit

LIST = "ls"


class ReproduceRequest(NamedTuple):
    """The command line of ``reproduce``."""

    names: tuple[str, ...]
    scale: Scale
    out: Path | None
    executor: Executor | None
    jobs: int | None
    json: bool
    quiet: bool

    @property
    def lists(self) -> bool:
        """Whether only the figures are to be told, ``ls``."""
        return self.names == (LIST,)

    @property
    def exhibits(self) -> tuple[Exhibit, ...]:
        """The exhibits asked for."""
        return named(self.names)

    @property
    def folder(self) -> Path:
        """Where runs and report go."""
        return self.out or Path("runs") / f"reproduce-{self.scale}"

    @property
    def command(self) -> str:
        """What goes on with it."""
        words: list[str | Path] = ["coalactl", "reproduce", *self.names, "--out", self.folder]
        words += ["--scale", self.scale] if self.scale is not Scale.QUICK else []
        words += ["--executor", self.executor] if self.executor is not None else []
        words += ["--jobs", str(self.jobs)] if self.jobs is not None else []
        return " ".join(typed(word) for word in words)

    def as_sweep(self) -> SweepRequest:
        """Who is to work on the parts, as ``sweep`` has it."""
        return SweepRequest.of_parts(
            out=self.out, executor=self.executor, jobs=self.jobs, json=self.json, quiet=self.quiet
        )


def checked(request: ReproduceRequest) -> ReproduceRequest:
    """The request, if there are such figures and its options fit each other."""
    if LIST in request.names and len(request.names) > 1:
        raise UserError(f"{LIST}: it stands alone; name figures without it to make them")
    for name in request.names:
        _check(name)
    usable(request.folder)
    checked_sweep(request.as_sweep())
    return request


def _check(name: str) -> None:
    """Raises :class:`UserError` where there is no such exhibit."""
    listed = entries()
    known = (*(entry.name for entry in listed), *groups(), LIST)
    if name in (*groups(), LIST) or any(is_named(entry, name) for entry in listed):
        return
    alike = [entry.name for entry in listed if short_name(entry.module) == name]
    if alike:
        raise UserError(f"there is no figure {name!r} in the first paper; use {' or '.join(alike)}")
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"use {', '.join(known)}"
    raise UserError(f"there is no figure {shortened(repr(name))} to reproduce; {hint}")
