"""``coalactl doctor``: what this installation and machine are, and whether they train correctly."""

from __future__ import annotations

from typing import Annotated

import typer

from coalactl.errors import ExitCode
from coalactl.output import emit, emit_json


def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Check the installation: versions, devices, memory, compile cache, a self-test of a minute; measure its pace."""
    from coalactl.environment import prepare_jax

    prepare_jax()
    from coalactl.doctor import facts, self_test
    from coalactl.working import working

    installation = facts()
    if not as_json:
        width = max(len(name) for name in installation)
        for name, value in installation.items():
            emit(f"{name:<{width}}  {value}")
    with working("beginning the self-test") as tell:
        checks = self_test(tell)
    if as_json:
        emit_json({**installation, "checks": [check._asdict() for check in checks]})
    else:
        for check in checks:
            emit(f"{'ok  ' if check.passed else 'FAIL'}  {check.name}: {check.detail}")
    if not all(check.passed for check in checks):
        raise typer.Exit(ExitCode.FAILED)
