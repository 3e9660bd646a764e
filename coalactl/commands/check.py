"""``coalactl check``: whether the parts that an experiment names, one's own game for instance, fit the engine."""

from __future__ import annotations

from typing import Annotated

import typer

from coalactl.errors import ExitCode
from coalactl.output import emit, emit_json


def check(
    preset: Annotated[
        str | None, typer.Argument(metavar="[PRESET|FILE]", help="A preset's name or a TOML file.", show_default=False)
    ] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="Set a value, for instance environment.name=mine:Game; repeat."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check an experiment's environment, network and fixed strategies by ten steps; train nothing, write nothing."""
    from coalactl.overrides import parse_overrides
    from coalactl.presets import DEFAULT_PRESET, find_preset, read_preset

    overrides = {key: (value, "--set") for key, value in parse_overrides(assignments or []).items()}
    file = find_preset(preset or DEFAULT_PRESET)
    from coalactl.configuration import resolve
    from coalactl.environment import prepare_jax

    experiment = resolve(read_preset(file), file.label, overrides).experiment
    prepare_jax()
    from coalactl.checking import check as check_parts

    checks = check_parts(experiment)
    if as_json:
        emit_json([each._asdict() for each in checks])
    else:
        for each in checks:
            emit(f"{'ok  ' if each.passed else 'FAIL'}  {each.name}: {each.detail}")
    if not all(each.passed for each in checks):
        raise typer.Exit(ExitCode.FAILED)
