"""``coalactl runs``: what has been trained and how it went."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from coalactl import completion
from coalactl.errors import UserError
from coalactl.output import emit, emit_json, note
from coalactl.paths import escaped, typed, usable

if TYPE_CHECKING:
    from coalactl.runs.directory import RunDirectory

app = typer.Typer()

_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_Run = Annotated[Path, typer.Argument(metavar="RUN", help="A run directory or a pack.", autocompletion=completion.runs)]


@app.callback(invoke_without_command=True)
def runs(context: typer.Context) -> None:
    """What has been trained and how it went. Without a command: lists the runs below ./runs."""
    if context.invoked_subcommand is None:
        ls()


@app.command("ls")
def ls(
    root: Annotated[Path, typer.Argument(metavar="[DIR]", help="Where to look.")] = Path("runs"),
    limit: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="The newest N alone.", show_default="all")
    ] = None,
    status: Annotated[
        str | None, typer.Option(metavar="WORD", help="finished, running, stopped, failed or another status.")
    ] = None,
    setting: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Runs whose setting (preset, method, seed) has this in it.")
    ] = None,
    as_json: _Json = False,
) -> None:
    """List the runs, newest first: status, setting, progress and last reward."""
    from coalactl.runs.directory import find_runs

    usable(root)
    if not root.exists() and root != Path("runs"):
        raise UserError(f"{root}: no such directory")
    if root.exists() and not root.is_dir():
        raise UserError(f"{root}: not a directory")
    rows = [_row(run) for run in find_runs(root, lambda link: note(f"{link}: a symbolic link to what is not there"))]
    if status is not None:
        rows = [row for row in rows if row["status"].startswith(status)]
    if setting is not None:
        rows = [row for row in rows if setting in row["setting"]]
    rows = rows[:limit]
    if as_json:
        emit_json(rows)
        return
    if not rows and (status or setting):
        emit(f"no such runs below {root}")
        return
    if not rows:
        emit(f"no runs below {root}; train one with: coalactl train")
        return
    _print_table(rows)


@app.command()
def show(
    path: _Run,
    as_json: _Json = False,
) -> None:
    """Show what a run came to so far."""
    from coalactl.runs.directory import is_pack
    from coalactl.runs.pack import runs_at
    from coalactl.summary import note_missing, summarize

    usable(path / "config.toml")
    runs = runs_at(path)
    summaries = [summarize(run) for run in runs]
    note_missing(runs, summaries)
    rows = [_row(run) for run in runs]
    if as_json:
        objects = [{**row, **summary.as_json()} for row, summary in zip(rows, summaries, strict=True)]
        emit_json({"runs": objects} if is_pack(path) else objects[0])
        return
    for row in rows:
        emit(escaped(f"{row['run_dir']}: {_state(row)}, {row['setting']}, {row['progress']} iterations"))
    if not any(summary.iterations for summary in summaries):
        emit(f"no metrics yet; go on with: coalactl train --resume {typed(path)}")
        return
    from coalactl.training.outcome import show as show_tables

    show_tables(runs, path, summaries)


@app.command()
def compare(first: _Run, second: _Run, as_json: _Json = False) -> None:
    """Show in what two runs or packs differ: values of the configuration, and what was measured."""
    for path in (first, second):
        usable(path / "config.toml")
    from coalactl.comparing import compare as print_comparison

    print_comparison(first, second, json=as_json)


def _row(run: RunDirectory) -> dict[str, Any]:
    """One run in a list; a damaged status is a status too."""
    try:
        status = run.read_status()
    except UserError:
        return {"run_dir": str(run.path), "status": "damaged status", "setting": "", "progress": "", "last": {}}
    state: str = status.state
    if state == "running" and run.holder() is None:
        state = "stopped"  # Its process was killed: the state could not be told.
    return {
        "run_dir": str(run.path),
        "status": state,
        "reason": status.reason,
        "setting": f"{status.preset} {_method_told(run, status.method)} seed {status.seed}".strip(),
        "preset": status.preset,
        "method": status.method,
        "seed": status.seed,
        "progress": f"{status.iteration}/{status.iterations}",
        "iteration": status.iteration,
        "iterations": status.iterations,
        "seconds": status.seconds,
        "updated": status.updated,
        "last": dict(status.last),
    }


def _method_told(run: RunDirectory, method: str) -> str:
    """The method with its critic of the batch; as the status has it where the configuration is damaged."""
    from coalactl.agents import names_of

    try:
        return " + ".join(names_of(run.read_config()))
    except UserError:
        return method


def _print_table(rows: list[dict[str, Any]]) -> None:
    """Plain columns, never cut: names are there to be copied."""
    headings = ("run", "status", "setting", "progress", "last reward", "updated")
    cells = [
        (
            escaped(row["run_dir"]),
            _state(row),
            row["setting"],
            row["progress"],
            _rewards(row["last"]),
            row.get("updated", ""),
        )
        for row in rows
    ]
    widths = [max(len(line[column]) for line in [headings, *cells]) for column in range(len(headings))]
    for line in [headings, *cells]:
        emit("  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)).rstrip())


def _state(row: dict[str, Any]) -> str:
    """``failed: REASON`` where it is known."""
    return ": ".join(filter(None, (row["status"], row.get("reason", ""))))


def _rewards(last: dict[str, float | None]) -> str:
    own = {name: value for name, value in last.items() if name.startswith("reward_") and value is not None}
    return ", ".join(f"{value:.2f} {name.removeprefix('reward_').replace('_', ' ')}" for name, value in own.items())
