"""``coalactl reproduce``: papers' figures from nothing: trains, evaluates, reports."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from coalactl import completion
from coalactl.errors import ExitCode
from coalactl.papers.table import groups, names
from coalactl.papers.trains import Scale
from coalactl.sweep.request import Executor


def reproduce(
    figures: Annotated[
        list[str],
        typer.Argument(
            metavar="FIGURE...",
            help=f"{', '.join(names())}; {' or '.join(groups())}; ls lists what each takes.",
            autocompletion=completion.figures,
        ),
    ],
    scale: Annotated[Scale, typer.Option(help="Minutes on two cores, or the paper's size.")] = Scale.QUICK,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where runs and report go.", show_default="runs/reproduce-SCALE"),
    ] = None,
    executor: Annotated[Executor | None, typer.Option(help="Who trains, as for sweep.", show_default="packed")] = None,
    jobs: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=1, max=1000, help="Worker processes, or Ray tasks.", show_default="as many as cores"
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the verdicts as one JSON object.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no verdicts.")] = False,
) -> None:
    """Make figures of the paper: train what is missing, evaluate, report; the same command goes on after a stop."""
    from coalactl.reproduction.request import ReproduceRequest, checked

    request = checked(
        ReproduceRequest(
            names=tuple(figures), scale=scale, out=out, executor=executor, jobs=jobs, json=as_json, quiet=quiet
        )
    )
    from coalactl.environment import load_jax

    load_jax()
    from coalactl.reproduction.launch import reproduce as launch

    code = launch(request)
    if code is not ExitCode.OK:
        raise typer.Exit(code)
