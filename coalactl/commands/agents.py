"""``coalactl agents``: trained agents as files to hand on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from coalactl import completion
from coalactl.commands import examples
from coalactl.output import emit
from coalactl.paths import usable

app = typer.Typer()

_Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@app.callback(invoke_without_command=True)
def agents(context: typer.Context) -> None:
    """Trained agents as files to hand on."""
    if context.invoked_subcommand is None:
        emit(context.get_help())


@app.command(epilog=examples("agents pack runs/first", "agents pack runs/two/seed-0 --step 20 --out mine.agent"))
def pack(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run directory.", autocompletion=completion.runs)],
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The new file.", show_default="NAME.agent of RUN, here")
    ] = None,
    step: Annotated[
        int | None, typer.Option(metavar="K", min=0, help="The checkpoint.", show_default="the newest")
    ] = None,
    as_json: _Json = False,
) -> None:
    """Write all agents of a run into one file, with its configuration, provenance, evaluations and a card.

    eval, league, watch, train --init-from, population.naive_from and, in Python, load take the file as they take a run.
    """
    for path in (run / "config.toml", out):
        usable(path)
    from coalactl.environment import load_jax

    load_jax()
    from coalactl.agent_files.pack import pack as write

    write(run, out, step, json=as_json)


@app.command(epilog=examples("agents show first.agent", "agents show first.agent --json"))
def show(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An agent file.", autocompletion=completion.agent_files)],
    as_json: _Json = False,
) -> None:
    """Check an agent file and show what is in it."""
    usable(file)
    from coalactl.agent_files.show import show as print_card

    print_card(file, json=as_json)
