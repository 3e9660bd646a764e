"""``coalactl sweep``: trains a grid of configurations, chooses one for each method, and trains that on fresh seeds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from coalactl import completion
from coalactl.errors import ExitCode
from coalactl.sweep.request import Executor

_Name = Annotated[
    str | None,
    typer.Argument(
        metavar="[SWEEP|FILE]",
        help="A sweep's name or a TOML file.",
        show_default=False,
        autocompletion=completion.sweeps,
    ),
]
_Assignments = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Set a value of all trials, or of the sweep: axes.KEY=[...], selection.seeds=[...]; repeat.",
        autocompletion=completion.keys,
    ),
]
_Out = Annotated[
    Path | None, typer.Option(metavar="DIR", help="The new sweep folder.", show_default="runs/sweep-SWEEP-UTC")
]
_Resume = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR", help="Go on with the sweep in DIR, beside others that do.", autocompletion=completion.runs
    ),
]
_Executor = Annotated[
    Executor | None,
    typer.Option(
        help="packed: this process; process: several on this machine; ray: tasks of a Ray cluster.",
        show_default="packed",
    ),
]
_Jobs = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=1,
        max=1000,
        help="Worker processes, Ray tasks, or array tasks.",
        show_default="as many as cores, or as the cluster has GPUs, else CPUs",
    ),
]
_Slurm = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Make the folder, and a script for sbatch whose array tasks work on it."),
]
_Track = Annotated[
    list[str] | None,
    typer.Option(
        "--track",
        metavar="NAME",
        help="Also tell a tracker of each run: tensorboard, wandb, mlflow; repeat. Kept for --resume; none ends it.",
        autocompletion=completion.trackers,
    ),
]
_DryRun = Annotated[bool, typer.Option("--dry-run", help="List the trials and what they take; train nothing.")]


# As in train: as many arguments as options.
def sweep(  # noqa: PLR0913, PLR0917
    name: _Name = None,
    assignments: _Assignments = None,
    out: _Out = None,
    resume: _Resume = None,
    executor: _Executor = None,
    jobs: _Jobs = None,
    emit_slurm: _Slurm = None,
    track: _Track = None,
    dry_run: _DryRun = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as one JSON object.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no table.")] = False,
) -> None:
    """Sweep methods over a grid, choose, and run the choice on fresh seeds; without arguments ipd-shaping-quick."""
    from coalactl.overrides import parse_overrides
    from coalactl.sweep.request import SweepRequest, checked
    from coalactl.tracking.choice import chosen

    request = checked(
        SweepRequest(
            sweep=name,
            overrides=parse_overrides(assignments or []),
            out=out,
            resume=resume,
            executor=executor,
            jobs=jobs,
            emit_slurm=emit_slurm,
            dry_run=dry_run,
            json=as_json,
            quiet=quiet,
            track=chosen(track),
        )
    )
    from coalactl.environment import load_jax

    load_jax()
    from coalactl.sweep.launch import sweep as launch

    code = launch(request)
    if code is not ExitCode.OK:
        raise typer.Exit(code)
