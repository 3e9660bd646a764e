"""A league on disk: what was asked for, who plays, and each meeting as a file of its own once it is played.

``definition.json`` is written first, and the league exists; ``league.json`` once all who play are there. Both are
compared before a league goes on: with other entrants it would be another league.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd

import coalactl
from coalactl.errors import ExitCode, UserError
from coalactl.league.definition import Definition
from coalactl.league.entrants import Assembled
from coalactl.output import json_safe
from coalactl.paths import nameable
from coalactl.report.league import (
    FORMAT,
    LEAGUE_FILE,
    RESPONSE_COLUMNS,
    meeting_file,
    read_about,
    read_rows,
    response_file,
)
from coalactl.runs.directory import check_free, make_folder, utc_now
from coalactl.runs.files import read_json, remove_temporary_files, replacing, write_failures, write_json
from coalactl.runs.layout import refuse_links
from coalactl.runs.locking import hold_lock

_PARTS = ("meetings", "responses", "tables", "figures", "training")


class LeagueFolder:
    """The path of a league and the names of what is in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.definition_file = path / "definition.json"
        self.league_file = path / LEAGUE_FILE

    @classmethod
    def take(cls, path: Path, definition: Definition) -> LeagueFolder:
        """The folder of a league, made where there is none; raises :class:`UserError` where it is another's."""
        folder = cls(path)
        nameable(path)
        wanted = _plain(definition.to_tables())
        refuse_links([folder.definition_file])
        if folder.definition_file.exists():
            there = read_json(folder.definition_file)
            before = {key: value for key, value in there.items() if key != "made"}
            if before != wanted:
                raise UserError(_differs(path, before, wanted), ExitCode.RUN_CONFLICT)
            return folder
        make_folder(path)
        check_free(path, known=("lock",))
        with write_failures(path):
            write_json(folder.definition_file, {**wanted, "made": utc_now()})
        return folder

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Be the one who plays in it; raises :class:`UserError` (conflict)."""
        with hold_lock(self.path / "lock"):
            yield

    def settle(self, definition: Definition, assembled: Assembled) -> None:
        """Writes who plays, or raises :class:`UserError` (conflict) where others have begun."""
        wanted = _plain(
            {
                "format": FORMAT,
                "game": assembled.game.about,
                "play": definition.play.model_dump(),
                "entrants": [
                    {"name": one.name, "kind": one.kind, "seeds": list(one.seeds), **one.about}
                    for one in assembled.entrants
                ],
            }
        )
        if self.league_file.exists():
            _check_same(self.path, read_about(self.path), wanted)
            return
        with write_failures(self.path):
            for part in ("meetings", "responses"):
                (self.path / part).mkdir(exist_ok=True)
            write_json(self.league_file, {**wanted, "coalactl": coalactl.__version__, "made": utc_now()})

    def missing(self, count: int) -> list[tuple[int, int]]:
        """The meetings of so many entrants that are not played yet."""
        for part in ("meetings", "responses"):
            remove_temporary_files(self.path / part)
        return [pair for pair in product(range(count), range(count)) if not meeting_file(self.path, *pair).exists()]

    def keep_meeting(self, first: int, second: int, rows: pd.DataFrame) -> None:
        """Writes what a meeting came to, in one step."""
        _write(meeting_file(self.path, first, second), rows)

    def has_responses(self, entrant: int, budget: int) -> bool:
        """Whether best responses to an entrant are trained, for so many meta-episodes."""
        path = response_file(self.path, entrant)
        return path.exists() and bool((read_rows(path, RESPONSE_COLUMNS)["meta_episodes"] == budget).all())

    def keep_responses(self, entrant: int, rows: pd.DataFrame) -> None:
        """Writes what best responses to an entrant came to, in one step."""
        _write(response_file(self.path, entrant), rows)


def _write(path: Path, rows: pd.DataFrame) -> None:
    with write_failures(path):
        path.parent.mkdir(exist_ok=True)
        with replacing(path) as temporary:
            rows.to_parquet(temporary, index=False)


def _plain(content: Mapping[str, Any]) -> dict[str, Any]:
    """As JSON gives it back."""
    plain: dict[str, Any] = json.loads(json.dumps(json_safe(content), default=str))
    return plain


def _differs(path: Path, there: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    def named(tables: Mapping[str, Any]) -> list[str]:
        entrants = tables.get("entrants")
        return [_called(one) for one in entrants] if isinstance(entrants, Sequence) else []

    ours, theirs = named(wanted), named(there)
    if ours != theirs:
        what = f"a league of {', '.join(theirs)}, not of {', '.join(ours)}"
    else:
        keys = [key for key in wanted if there.get(key) != wanted[key]]
        what = f"a league with another value of {', '.join(keys)}"
    return f"{path} holds {what}; go on with the one that is there, or choose another --out"


def _called(entrant: Any) -> str:
    if not isinstance(entrant, Mapping):
        return "?"
    runs = entrant.get("run")
    words = [*([entrant["name"]] if entrant.get("name") else runs if isinstance(runs, Sequence) else [])]
    return " ".join(map(str, words))


def _check_same(path: Path, there: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Raises :class:`UserError` where a run has gone on since, or another version or machine has other numbers."""
    before = {str(one.get("name")): one for one in there.get("entrants", ()) if isinstance(one, Mapping)}
    for entrant in wanted["entrants"]:
        known = before.get(entrant["name"])
        if known != entrant:
            runs = zip((known or {}).get("runs", ()), entrant.get("runs", ()), strict=False)
            moved = next(
                (f": {ours['run']} has gone on to step {ours['step']}" for old, ours in runs if old != ours), ""
            )
            raise UserError(
                f"{path} has begun with another {entrant['name']}{moved}; choose another --out", ExitCode.RUN_CONFLICT
            )
    if any(there.get(key) != wanted[key] for key in ("game", "play")) or len(before) != len(wanted["entrants"]):
        raise UserError(
            f"{path} has begun with another game, or other entrants; choose another --out", ExitCode.RUN_CONFLICT
        )
