"""``coalactl runs``: what has been trained and how it went; labels for it, and away with it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from coalactl import completion
from coalactl.commands import examples
from coalactl.errors import UserError
from coalactl.output import emit, emit_json, note, results
from coalactl.paths import escaped, typed, usable

app = typer.Typer()

_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_Run = Annotated[Path, typer.Argument(metavar="RUN", help="A run directory or a pack.", autocompletion=completion.runs)]
_Places = Annotated[
    list[Path], typer.Argument(metavar="RUN", help="Runs, packs or sweeps.", autocompletion=completion.runs)
]
_Label = typer.Option(metavar="LABEL", help="May be repeated.", show_default=False)


_All = Annotated[bool, typer.Option("--all", help="Also each run of packs and sweeps, below its row.")]
_Limit = Annotated[
    int | None,
    typer.Option(metavar="N", min=1, help="The newest N alone; a pack or a sweep is one.", show_default="all"),
]
_Status = Annotated[
    str | None, typer.Option(metavar="WORD", help="finished, running, stopped, failed or another status.")
]
_Setting = Annotated[
    str | None, typer.Option(metavar="TEXT", help="Runs whose setting (preset, method, seed) has this in it.")
]
_Tag = Annotated[str | None, typer.Option(metavar="LABEL", help="What has this label (runs tag).")]


@app.callback(invoke_without_command=True)
def runs(
    context: typer.Context,
    unfold: _All = False,
    limit: _Limit = None,
    status: _Status = None,
    setting: _Setting = None,
    tag: _Tag = None,
    as_json: _Json = False,
) -> None:
    """What has been trained and how it went. Without a command: lists the runs below ./runs."""
    wanted = {"unfold": unfold, "limit": limit, "status": status, "setting": setting, "tag": tag, "as_json": as_json}
    if context.invoked_subcommand is None:
        ls(**wanted)  # type: ignore[arg-type]
    elif any(wanted.values()):
        raise UserError(f"options of a list stand before {context.invoked_subcommand}; put them behind it")


@app.command("ls", epilog=examples("runs ls --limit 5 --all", "runs ls out --status failed --json"))
def ls(
    root: Annotated[Path, typer.Argument(metavar="[DIR]", help="Where to look.")] = Path("runs"),
    unfold: _All = False,
    limit: _Limit = None,
    status: _Status = None,
    setting: _Setting = None,
    tag: _Tag = None,
    as_json: _Json = False,
) -> None:
    """List runs, packs and sweeps: status, setting, progress, last reward.

    Newest last on a terminal, right above the prompt; newest first in a file, a pipe and JSON. A pack or a sweep is one
    row and fits if one of its runs does; where DIR is one, it unfolds by itself; down to a label sought, too.
    """
    from coalactl.listing import Filters, is_group, lines_below, unfolded, wanted_lines

    usable(root)
    if not root.exists() and root != Path("runs"):
        raise UserError(f"{root}: no such directory")
    if root.exists() and not root.is_dir():
        raise UserError(f"{root}: not a directory")
    all_lines = lines_below(root, lambda link: note(f"{link}: a symbolic link to what is not there"))
    lines = list(wanted_lines(all_lines, Filters(status, setting, tag)))[:limit]
    if not as_json and results().isatty():
        lines.reverse()
    rows = list(unfolded(lines, -1 if unfold else int(is_group(root)), tag))
    if as_json:
        emit_json(rows)
    elif not rows and all_lines:
        emit(f"no such runs below {root}")
    elif not rows:
        emit(f"no runs below {root}; train one with: coalactl train")
    else:
        from coalactl.run_table import print_runs

        print_runs(rows)


@app.command(epilog=examples("runs show runs/first", "runs show runs/my-sweep --json"))
def show(
    path: _Run,
    as_json: _Json = False,
) -> None:
    """Show what a run or a pack came to so far; of a sweep its trials."""
    from coalactl.listing import run_row
    from coalactl.run_table import state_of
    from coalactl.runs.directory import is_pack
    from coalactl.runs.finding import kind_at
    from coalactl.runs.pack import runs_at

    usable(path / "config.toml")
    if kind_at(path) == "sweep":
        ls(path, as_json=as_json)
        return
    runs = runs_at(path)
    from coalactl.summary import note_missing, summarize

    summaries = [summarize(run) for run in runs]
    note_missing(runs, summaries)
    rows = [run_row(run.path) for run in runs]
    if as_json:
        objects = [{**row, **summary.as_json()} for row, summary in zip(rows, summaries, strict=True)]
        emit_json({"runs": objects} if is_pack(path) else objects[0])
        return
    for row in rows:
        emit(escaped(f"{row['run_dir']}: {state_of(row)}, {row['setting']}, {row['progress']} iterations"))
    if not any(summary.iterations for summary in summaries):
        emit(f"no metrics yet; go on with: coalactl train --resume {typed(path)}")
        return
    from coalactl.training.outcome import show as show_tables

    show_tables(runs, path, summaries)


@app.command(epilog=examples("runs compare runs/first runs/second", "runs compare runs/a runs/b --json"))
def compare(first: _Run, second: _Run, as_json: _Json = False) -> None:
    """Show in what two runs or packs differ: values of the configuration, and what was measured."""
    for path in (first, second):
        usable(path / "config.toml")
    from coalactl.comparing import compare as print_comparison

    print_comparison(first, second, json=as_json)


@app.command(epilog=examples("runs tag runs/first --add paper", "runs tag runs/first runs/second --remove paper"))
def tag(
    paths: _Places,
    add: Annotated[list[str] | None, _Label] = None,
    remove: Annotated[list[str] | None, _Label] = None,
    as_json: _Json = False,
) -> None:
    """Give labels to runs, packs and sweeps, or take them away; without --add and --remove list them."""
    from coalactl.labelling import label

    label(paths, add=add or [], remove=remove or [], json=as_json)


@app.command(epilog=examples("runs rm runs/first runs/second --dry-run", "runs rm runs/my-sweep"))
def rm(
    paths: _Places,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell what would go, and remove nothing.")] = False,
    as_json: _Json = False,
) -> None:
    """Remove runs, packs and sweeps, each as a whole, without asking.

    What is in use is refused, and what is no run: then nothing at all is removed.
    """
    from coalactl.removing import remove

    remove(paths, dry_run=dry_run, json=as_json)
