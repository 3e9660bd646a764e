"""What is told of a league at the end: files in its folder, tables on the terminal, or one JSON object."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from coalactl.league.request import LeagueRequest
from coalactl.league.view import show
from coalactl.output import emit_json
from coalactl.paths import escaped
from coalactl.report.building import FIGURES
from coalactl.report.drawing import render
from coalactl.report.latex import to_latex
from coalactl.report.league import League, read_league
from coalactl.report.league_tables import (
    Exploited,
    Pair,
    Ranked,
    exploitability_of,
    league_figure,
    league_tables,
    pairs_of,
    ranking_of,
)
from coalactl.report.statistics import Interval
from coalactl.report.tables import to_csv, to_markdown
from coalactl.runs.files import write_failures, write_text
from coalactl.terminal import OurConsole

_KINDS = {"csv": to_csv, "md": to_markdown, "tex": to_latex}


def report(request: LeagueRequest) -> None:
    """Writes the tables and prints what the league came to."""
    league = read_league(request.folder, request.folder.name)
    files = _write(league, request.folder)
    pairs = pairs_of(league)
    ranking, exploited = ranking_of(league, pairs), list(exploitability_of(league))
    if request.json:
        emit_json(_object(request, league, pairs, ranking, exploited, files))
    elif not request.quiet:
        console = OurConsole(highlight=False)
        show(console, league, ranking, pairs, exploited)
        console.print(escaped(f"tables:      {request.folder / 'tables'}"), markup=False, soft_wrap=True)


def _write(league: League, folder: Path) -> list[str]:
    files: dict[str, str] = {
        f"tables/{table.name}.{kind}": write(table) for table in league_tables(league) for kind, write in _KINDS.items()
    }
    figure = league_figure(league)
    images = {f"figures/{figure.name}.{kind}": image for kind, image in render(figure, FIGURES).images.items()}
    with write_failures(folder):
        for name, text in files.items():
            (folder / name).parent.mkdir(exist_ok=True)
            write_text(folder / name, text)
        for name, image in images.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(image)
    return [*files, *images]


def _object(
    request: LeagueRequest,
    league: League,
    pairs: list[Pair],
    ranking: list[Ranked],
    exploited: list[Exploited],
    files: list[str],
) -> dict[str, Any]:
    """What ``--json`` prints."""
    names = [entrant.name for entrant in league.entrants]
    return {
        "league_dir": str(request.folder),
        "entrants": [{**entrant._asdict(), "seeds": list(entrant.seeds)} for entrant in league.entrants],
        "pairs": [
            {
                "entrant": names[pair.first],
                "other": names[pair.second],
                "exploits": None if pair.exploits is None else names[pair.exploits],
                **{key: _interval(getattr(pair, key)) for key in ("reward", "others", "welfare", "difference")},
            }
            for pair in pairs
        ],
        "ranking": [
            {
                "entrant": names[one.entrant],
                **{key: _interval(getattr(one, key)) for key in ("reward", "welfare", "among_its_like")},
                "self_play": one.self_play,
                "exploits": [names[other] for other in one.exploits],
                "exploited_by": [names[other] for other in one.exploited_by],
            }
            for one in ranking
        ],
        "exploitability": [
            {
                "entrant": names[one.entrant],
                "responder": one.responder,
                "meta_episodes": one.meta_episodes,
                **{key: _interval(getattr(one, key)) for key in ("reward", "more")},
            }
            for one in exploited
        ],
        "files": files,
    }


def _interval(interval: Interval) -> dict[str, float]:
    return {"mean": interval.estimate, "low": interval.low, "high": interval.high}
