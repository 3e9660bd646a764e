"""A league as its folder holds it: who plays, and what each met; from files alone.

``league.json`` says who the entrants are, ``meetings/AA-BB.parquet`` what entrant AA in the first seat and BB in the
second came to, by their numbers, and ``responses/AA.parquet`` what best responses to AA did.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from coalactl.errors import ExitCode, UserError
from coalactl.report.settings import slug_of
from coalactl.runs.files import read_json, reason
from coalactl.runs.layout import refuse_links

LEAGUE_FILE = "league.json"
FORMAT = 1
KINDS = ("run", "learner", "strategy")
COLUMNS = ("first_seed", "second_seed", "measure", "first", "second", "episodes")
RESPONSE_COLUMNS = ("seed", "responder", "reward", "meta_episodes")

Numbers = NDArray[np.float64]


class Entrant(NamedTuple):
    """Who plays: its name, ``kind`` (one of :data:`KINDS`), and its training seeds."""

    name: str
    kind: str
    seeds: tuple[int, ...]


class League(NamedTuple):
    """A league that is played to its end: rewards a step, (players, first's seeds, second's seeds), by who met.

    ``responses`` have the columns of :data:`RESPONSE_COLUMNS`, by entrant; empty where none were trained.
    """

    name: str
    about: Mapping[str, Any]
    entrants: tuple[Entrant, ...]
    meetings: Mapping[tuple[int, int], Numbers]
    responses: Mapping[int, pd.DataFrame]

    @property
    def slug(self) -> str:
        """Of the names of its files."""
        return f"league-{slug_of(self.name).removeprefix('league-')}"

    def reward(self, own: int, other: int) -> Numbers:
        """What each seed of an entrant earned a step against each of another, (own seeds, other's), in both orders."""
        first, second = self.meetings[own, other][0], self.meetings[other, own][1]
        table: Numbers = (first + second.T) / 2
        return table


def is_league(path: Path) -> bool:
    """Whether the folder is a league's."""
    return (path / LEAGUE_FILE).is_file()


def meeting_file(folder: Path, first: int, second: int) -> Path:
    """Where a meeting is, by the numbers of who sits in the first seat and in the second."""
    return folder / "meetings" / f"{first:02}-{second:02}.parquet"


def response_file(folder: Path, entrant: int) -> Path:
    """Where best responses to an entrant are."""
    return folder / "responses" / f"{entrant:02}.parquet"


def read_about(folder: Path) -> dict[str, Any]:
    """``league.json``; raises :class:`UserError` where it is damaged or of another version."""
    refuse_links([folder / LEAGUE_FILE])
    about = read_json(folder / LEAGUE_FILE)
    if about.get("format") != FORMAT:
        version = about.get("coalactl", "another version")
        raise UserError(
            f"{folder} has league format {about.get('format')!r}, by coalactl {version}; this reads {FORMAT}",
            ExitCode.DAMAGED,
        )
    return about


def entrants_in(about: Mapping[str, Any], folder: Path) -> tuple[Entrant, ...]:
    """Who plays; raises :class:`UserError` (damaged) where that is not told."""
    try:
        entrants = [
            Entrant(str(one["name"]), str(one["kind"]), tuple(map(int, one["seeds"]))) for one in about["entrants"]
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{folder / LEAGUE_FILE} is damaged: it names no entrants", ExitCode.DAMAGED) from error
    return tuple(entrants)


def read_league(folder: Path, name: str) -> League:
    """A league that is done; raises :class:`UserError` where it is not, or a file of it is damaged."""
    about = read_about(folder)
    entrants = entrants_in(about, folder)
    pairs = list(product(range(len(entrants)), range(len(entrants))))
    missing = [pair for pair in pairs if not meeting_file(folder, *pair).exists()]
    if missing:
        raise UserError(f"{name}: unfinished league: {len(pairs) - len(missing)} of {len(pairs)} meetings are played")
    meetings = {pair: _rewards(meeting_file(folder, *pair), *(entrants[each] for each in pair)) for pair in pairs}
    return League(name, about, entrants, meetings, dict(_responses(folder, len(entrants))))


def read_rows(path: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    """The rows of a file of a league; raises :class:`UserError` (damaged) that names it."""
    refuse_links([path])
    try:
        return pd.read_parquet(path, columns=list(columns))
    except (OSError, ValueError, pa.ArrowException) as error:
        raise UserError(f"{path} is damaged: {reason(error)}", ExitCode.DAMAGED) from error


def _rewards(path: Path, first: Entrant, second: Entrant) -> Numbers:
    rows = read_rows(path, COLUMNS)
    rows = rows[rows["measure"] == "reward"].set_index(["first_seed", "second_seed"])[["first", "second"]]
    wanted = pd.MultiIndex.from_product([first.seeds, second.seeds])
    if not rows.index.is_unique or not wanted.isin(rows.index).all():
        raise UserError(f"{path} is damaged: it lacks pairs of seeds", ExitCode.DAMAGED)
    values: Numbers = rows.loc[wanted].to_numpy(float)
    return np.moveaxis(values.reshape(len(first.seeds), len(second.seeds), 2), -1, 0)


def _responses(folder: Path, count: int) -> Iterator[tuple[int, pd.DataFrame]]:
    for entrant in range(count):
        path = response_file(folder, entrant)
        if path.exists():
            yield entrant, read_rows(path, RESPONSE_COLUMNS)
