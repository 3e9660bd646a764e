"""The ``coalactl`` command: its subcommands, and how failures end: one line on stderr and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Annotated

import typer

from coalactl.commands import agents, examples, presets, runs
from coalactl.commands.bench import bench
from coalactl.commands.check import check
from coalactl.commands.doctor import doctor
from coalactl.commands.eval import evaluate
from coalactl.commands.league import league
from coalactl.commands.report import report
from coalactl.commands.reproduce import reproduce
from coalactl.commands.sweep import sweep
from coalactl.commands.train import train
from coalactl.commands.watch import watch
from coalactl.endings import ending
from coalactl.output import emit, open_streams, release_stdout, settle_streams
from coalactl.paths import check_words

app = typer.Typer(
    name="coalactl",
    help="Multi-agent reinforcement learning with agents that are aware of each other's learning.",
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


_COMMANDS: tuple[tuple[str, Callable[..., None], tuple[str, str]], ...] = (
    ("train", train, ("train --out runs/first", "train ipd-mixed-quick --seeds 5 --set meta.learning_rate=1e-3")),
    ("sweep", sweep, ("sweep ipd-shaping --dry-run", "sweep my-sweep.toml --out runs/my-sweep --executor process")),
    ("eval", evaluate, ("eval runs/first --pool naive", "eval runs/a runs/b --pool cross")),
    ("league", league, ("league ipd", "league runs/first runs/second a2c tit-for-tat --out runs/league")),
    ("watch", watch, ("watch runs/first", "watch runs/first --format gif")),
    ("report", report, ("report runs/first runs/second --out report", "report --check report")),
    ("reproduce", reproduce, ("reproduce ls", "reproduce fig5a fig5b --out runs/fig5")),
    ("check", check, ("check my-own.toml", "check ipd-mixed-quick --set environment.name=my_game:MyGame")),
    ("doctor", doctor, ("doctor", "doctor --json")),
    ("bench", bench, ("bench", "bench --size ipd-16 --json")),
)
for _name, _command, _lines in _COMMANDS:
    app.command(_name, epilog=examples(*_lines))(_command)
app.add_typer(presets.app, name="presets", epilog=examples("presets ls", "presets cp ipd-shaping-quick my-own.toml"))
app.add_typer(agents.app, name="agents", epilog=examples("agents pack runs/first", "agents show first.agent --json"))
app.add_typer(
    runs.app, name="runs", epilog=examples("runs ls --status failed --all", "runs rm runs/first runs/second --dry-run")
)


@app.callback(invoke_without_command=True)
def about(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Multi-agent reinforcement learning with agents that are aware of each other's learning."""
    if version:
        from coalactl import __version__

        emit(f"coalactl {__version__}")
    elif context.invoked_subcommand is None:
        emit(context.get_help())


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line and returns the exit code; every failure ends in one line."""
    open_streams()
    try:
        return _run(arguments)
    finally:
        release_stdout()
        settle_streams()


def _run(arguments: Sequence[str] | None) -> int:
    with suppress(OSError):  # Environments, networks and strategies may be named as module:Name from where the user is.
        sys.path.append(os.getcwd())
    words = list(sys.argv[1:] if arguments is None else arguments)
    return ending(lambda: _follow(words))


def _follow(words: list[str]) -> object:
    check_words(words)
    return app(args=words, prog_name="coalactl", standalone_mode=False)
