"""``coalactl train``: trains an experiment, or goes on with one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from coalactl import completion
from coalactl.errors import ExitCode
from coalactl_core.methods import method_names


def _method(method: str | None) -> str | None:
    """A method of the configuration, of either kind, here without loading it."""
    known = (*method_names(), "shaping")
    if method is not None and method not in known and ":" not in method:
        raise typer.BadParameter(f"{method!r} is not one of {', '.join(map(repr, known))}, nor module:Name.")
    return method


_Method = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        callback=_method,
        autocompletion=completion.methods,
        help=f"The method of all meta agents: {', '.join(method_names())}, or module:Name of another package; "
        "of analytical experiments shaping or lola-dice.",
    ),
]
_Preset = Annotated[
    str | None,
    typer.Argument(
        metavar="[PRESET|FILE]",
        help="A preset's name or a TOML file.",
        show_default=False,
        autocompletion=completion.presets,
    ),
]
_Assignments = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Set a value, for instance meta.learning_rate=1e-3; repeat.",
        autocompletion=completion.keys,
    ),
]
_Out = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="The new run directory.", show_default="runs/PRESET-METHOD-sSEED-UTC"),
]
_Devices = Annotated[
    str | None,
    typer.Option(
        metavar="N|all", help="Devices to spread the meta-batch over.", show_default="as many as share it evenly"
    ),
]
_Resume = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Go on with the run or pack in DIR.", autocompletion=completion.runs),
]
_InitFrom = Annotated[
    Path | None,
    typer.Option(
        metavar="RUN",
        help="Start at the trained parameters of another run, a pack (seed by seed), an agent file or zoo:NAME.",
        autocompletion=completion.players,
    ),
]
_Track = Annotated[
    list[str] | None,
    typer.Option(
        "--track",
        metavar="NAME",
        help="Also tell a tracker: tensorboard, wandb, mlflow; repeat. Kept for --resume; none ends it.",
        autocompletion=completion.trackers,
    ),
]
_Coordinator = Annotated[
    str | None,
    typer.Option(
        metavar="HOST:PORT|auto", help="Train in several processes: where process 0 is; auto: as Slurm or MPI says."
    ),
]
_Processes = Annotated[int | None, typer.Option(metavar="N", min=1, help="How many processes take part.")]
_ProcessId = Annotated[int | None, typer.Option(metavar="I", min=0, help="Which of them this is, from 0.")]


# A command's options are its arguments: there are as many as there are.
def train(  # noqa: PLR0913, PLR0917
    preset: _Preset = None,
    method: _Method = None,
    assignments: _Assignments = None,
    seed: Annotated[int | None, typer.Option(metavar="S", min=0, max=2**31 - 1, help="The random seed.")] = None,
    seeds: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, max=10_000, help="Train so many seeds in one program, from --seed on."),
    ] = None,
    iterations: Annotated[int | None, typer.Option(metavar="N", min=1, help="How many training iterations.")] = None,
    devices: _Devices = None,
    coordinator: _Coordinator = None,
    processes: _Processes = None,
    process_id: _ProcessId = None,
    out: _Out = None,
    resume: _Resume = None,
    init_from: _InitFrom = None,
    track: _Track = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the configuration, the source of each value, sizes; train nothing.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as one JSON object.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no table.")] = False,
) -> None:
    """Train meta agents; without arguments the preset ipd-shaping-quick."""
    from coalactl.presets import find_preset
    from coalactl.processes import checked_group, supervised
    from coalactl.tracking.choice import chosen
    from coalactl.training.request import TrainRequest, checked

    options = {"--method": method, "--seed": seed, "--iterations": iterations}
    overrides = _overrides(assignments or [], {**options, "--devices": _count_or_word(devices)})
    if preset is not None:
        find_preset(preset)
    request = checked(
        TrainRequest(
            preset=preset,
            overrides=overrides,
            seeds=seeds,
            out=out,
            resume=resume,
            init_from=init_from,
            group=checked_group(coordinator, processes, process_id),
            dry_run=dry_run,
            json=as_json,
            quiet=quiet,
            track=chosen(track),
        )
    )
    from coalactl.environment import load_jax

    load_jax()
    from coalactl.training.launch import train as launch

    code = launch(request) if request.group is None else supervised(lambda: launch(request))
    if code is not ExitCode.OK:
        raise typer.Exit(code)


def _count_or_word(text: str | None) -> int | str | None:
    return int(text) if text is not None and text.isdecimal() else text


def _overrides(assignments: list[str], options: dict[str, Any]) -> dict[str, tuple[Any, str]]:
    """Value and source by configuration key; an option of its own wins over ``--set``."""
    from coalactl.overrides import parse_overrides
    from coalactl.training.request import OPTION_KEYS

    assigned = {key: (value, "--set") for key, value in parse_overrides(assignments).items()}
    named = {OPTION_KEYS[option]: (value, option) for option, value in options.items() if value is not None}
    return {**assigned, **named}
