"""What the user asked ``coalactl league`` for; free of JAX and pydantic, so that slips are told at once."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import NamedTuple

from coalactl.errors import UserError
from coalactl.paths import typed, usable
from coalactl.presets import shipped_leagues
from coalactl.sweep.request import Executor, SweepRequest
from coalactl.sweep.request import checked as checked_sweep

DEFAULT_LEAGUE = "ipd"


class LeagueRequest(NamedTuple):
    """The command line of ``league``; what is None is as the definition has it."""

    words: tuple[str, ...]
    out: Path | None
    episodes: int | None
    budget: int | None
    seed: int | None
    executor: Executor | None
    jobs: int | None
    json: bool
    quiet: bool

    @property
    def entrants(self) -> tuple[str, ...]:
        """The words, or the league that is taken without any."""
        return self.words or (DEFAULT_LEAGUE,)

    @property
    def definition(self) -> str | None:
        """The shipped league or the file that is asked for; None where entrants are named."""
        return self.entrants[0] if len(self.entrants) == 1 and _is_definition(self.entrants[0]) else None

    @property
    def folder(self) -> Path:
        """Where the league goes: the same for the same words, so that it goes on there."""
        if self.out is not None:
            return self.out
        if self.definition is not None:
            return Path("runs") / f"league-{Path(self.definition).stem}"
        asked = [*self.entrants, *map(str, (self.episodes, self.budget, self.seed))]
        return Path("runs") / f"league-{hashlib.sha256(repr(asked).encode()).hexdigest()[:8]}"

    @property
    def command(self) -> str:
        """What goes on with it."""
        options = {
            "--episodes": self.episodes,
            "--exploit": self.budget,
            "--seed": self.seed,
            "--executor": self.executor,
            "--jobs": self.jobs,
        }
        words: list[str | Path] = ["coalactl", "league", *self.entrants, "--out", self.folder]
        words += [word for name, value in options.items() if value is not None for word in (name, str(value))]
        return " ".join(typed(word) for word in words)

    def as_sweep(self) -> SweepRequest:
        """Who is to train what is missing, as ``sweep`` has it."""
        return SweepRequest.of_parts(
            out=self.out, executor=self.executor, jobs=self.jobs, json=self.json, quiet=self.quiet
        )


def checked(request: LeagueRequest) -> LeagueRequest:
    """The request, if its words and options fit each other."""
    for word in request.entrants if len(request.entrants) > 1 else ():
        if word.endswith(".toml"):
            raise UserError(f"{word}: a league's file stands alone; name entrants, or put them into the file")
    for word in request.entrants:
        usable(Path(word) / "config.toml")
    usable(request.folder)
    if request.folder.exists() and not request.folder.is_dir():
        raise UserError(f"--out {request.folder}: it is a file; give a folder")
    checked_sweep(request.as_sweep())
    return request


def _is_definition(word: str) -> bool:
    """A TOML file, or a shipped league that is no folder here."""
    return word.endswith(".toml") or (word in {league.name for league in shipped_leagues()} and not Path(word).is_dir())
