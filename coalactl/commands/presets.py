"""``coalactl presets``: the experiments that come with the package."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from coalactl import completion
from coalactl.commands import examples
from coalactl.output import emit, emit_json, note
from coalactl.paths import typed

app = typer.Typer()


@app.callback(invoke_without_command=True)
def presets(context: typer.Context) -> None:
    """The experiments that come with the package. Without a command: lists them."""
    if context.invoked_subcommand is None:
        ls()


@app.command("ls", epilog=examples("presets ls", "presets ls --json"))
def ls(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List the presets."""
    from coalactl.presets import shipped_presets

    shipped = shipped_presets()
    if as_json:
        rows = [{"name": each.name, "description": each.description, "path": str(each.path)} for each in shipped]
        emit_json(rows)
        return
    width = max((len(preset.name) for preset in shipped), default=0)
    for preset in shipped:
        emit(f"{preset.name:<{width}}  {preset.description}")


@app.command(epilog=examples("presets show ipd-shaping-quick", "presets show ipd-mixed"))
def show(name: Annotated[str, typer.Argument(help="A preset's name.", autocompletion=completion.shipped)]) -> None:
    """Print a preset."""
    from coalactl.presets import find_preset, read_text

    sys.stdout.write(read_text(find_preset(name)))


@app.command(epilog=examples("presets cp ipd-shaping-quick my-own.toml", "presets cp ipd-mixed-quick"))
def cp(
    name: Annotated[str, typer.Argument(help="A preset's name.", autocompletion=completion.shipped)],
    destination: Annotated[Path, typer.Argument(metavar="[DEST]", help="A file or directory.")] = Path("."),
) -> None:
    """Copy a preset to edit it; train it by its path."""
    from coalactl.presets import copy_preset, find_preset

    target = copy_preset(find_preset(name), destination)
    emit(f"{target}")
    argument = target if target.is_absolute() or target.suffix == ".toml" else f"./{target}"
    note(f"train it with: coalactl train {typed(argument)}")


@app.command()
def schema() -> None:
    """Print the JSON schema of an experiment."""
    from coalactl.configuration import schema as experiment_schema

    emit_json(experiment_schema())
