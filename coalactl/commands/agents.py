"""``coalactl agents``: trained agents as files to hand on, those that come with the package among them."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from coalactl import completion
from coalactl.commands import examples
from coalactl.output import emit
from coalactl.paths import usable

app = typer.Typer()

_Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
_File = Annotated[
    Path, typer.Argument(metavar="FILE", help="An agent file, or zoo:NAME.", autocompletion=completion.agent_files)
]


class Format(StrEnum):
    """What an agent is exported as."""

    STABLEHLO = "stablehlo"


@app.callback(invoke_without_command=True)
def agents(context: typer.Context) -> None:
    """Trained agents as files to hand on; the zoo, agents that come with the package."""
    if context.invoked_subcommand is None:
        emit(context.get_help())


@app.command("ls", epilog=examples("agents ls", "agents ls --json"))
def ls(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List the agents that come with the package, zoo:NAME, which play wherever a run does."""
    from coalactl.agent_files.zoo_list import list_zoo

    list_zoo(json=as_json)


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
    file: _File,
    as_json: _Json = False,
) -> None:
    """Check an agent file and show what is in it."""
    usable(file)
    from coalactl.agent_files.show import show as print_card

    print_card(file, json=as_json)


@app.command(epilog=examples("agents export first.agent", "agents export zoo:ipd/shaper --batch 1 --out shaper.zip"))
def export(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="An agent file, zoo:NAME, or a run.", autocompletion=completion.players),
    ],
    form: Annotated[Format, typer.Option("--format", help="What it is written as.")] = Format.STABLEHLO,
    agent: Annotated[int, typer.Option(metavar="A", help="Which of the agents, from 0.")] = 0,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The new archive.", show_default="NAME-A.zip of FILE, here")
    ] = None,
    batch: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, max=1_000_000, help="A fixed batch.", show_default="of any size"),
    ] = None,
    as_json: _Json = False,
) -> None:
    """Write an agent as programs that JAX calls without coalactl, its parameters in them, for CPU and CUDA."""
    del form  # There is one.
    for path in (file / "config.toml", out):
        usable(path)
    from coalactl.environment import load_jax

    load_jax()
    from coalactl.agent_files.export import export as write

    write(file, agent, out, batch, json=as_json)
