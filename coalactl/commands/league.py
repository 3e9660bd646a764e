"""``coalactl league``: trained agents, learners and strategies, everybody against everybody."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from coalactl import completion
from coalactl.errors import ExitCode
from coalactl.sweep.request import Executor

_Entrants = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[ENTRANT...|FILE]",
        help="Runs, packs, sweeps, agent files, zoo:NAME; learners (a2c); strategies (tit-for-tat). "
        "Or one league: ipd, coin, a TOML file.",
        show_default="ipd",
        autocompletion=completion.entrants,
    ),
]
_Out = Annotated[Path | None, typer.Option(metavar="DIR", help="The league's folder.", show_default="runs/league-NAME")]
_Episodes = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=1,
        max=100_000,
        help="Meta-episodes of each pair of seeds, in each order.",
        show_default="4, or the file's",
    ),
]
_Budget = Annotated[
    int | None,
    typer.Option(
        "--exploit",
        metavar="N",
        min=0,
        max=1_000_000,
        help="Train best responses for so many meta-episodes; 0: none.",
        show_default="0, or the file's",
    ),
]
_SeedOption = Annotated[
    int | None,
    typer.Option(metavar="S", min=0, max=2**31 - 1, help="The random seed.", show_default="0, or the file's"),
]


def league(
    entrants: _Entrants = None,
    out: _Out = None,
    episodes: _Episodes = None,
    budget: _Budget = None,
    seed: _SeedOption = None,
    executor: Annotated[
        Executor | None, typer.Option(help="Who trains what is missing, as for sweep.", show_default="packed")
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, max=1000, help="Worker processes.", show_default="as many as cores"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as one JSON object.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no table.")] = False,
) -> None:
    """Play everybody against everybody, train what is missing first; the same command goes on after a stop."""
    from coalactl.league.request import LeagueRequest, checked

    request = checked(
        LeagueRequest(
            words=tuple(entrants or ()),
            out=out,
            episodes=episodes,
            budget=budget,
            seed=seed,
            executor=executor,
            jobs=jobs,
            json=as_json,
            quiet=quiet,
        )
    )
    from coalactl.environment import load_jax

    load_jax()
    from coalactl.league.launch import league as launch

    code = launch(request)
    if code is not ExitCode.OK:
        raise typer.Exit(code)
