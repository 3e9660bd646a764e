"""``coalactl bench``: how fast training is on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from coalactl.output import emit_json, note

_SECONDS = 1.0


def bench(
    sizes: Annotated[
        list[str] | None,
        typer.Option(
            "--size",
            metavar="NAME",
            help="ipd-16, ipd-32, ipd-128, ipd-512 or cleanup-4: setting and meta-batch; repeat for several.",
            show_default="ipd-16 and ipd-128",
        ),
    ] = None,
    repeats: Annotated[int, typer.Option(metavar="N", min=1, help="Repeats, of about five seconds at least.")] = 5,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the results as JSON to a new file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the results as JSON.")] = False,
) -> None:
    """Measure environment steps a second, parts of an iteration, compile time and memory, each size by itself."""
    from coalactl.bench.sizes import checked_sizes

    chosen = checked_sizes(sizes or [])
    from coalactl.environment import load_jax

    load_jax()
    from coalactl.bench import child, report

    if out is not None:
        report.check_target(out)
    results = []
    for size in chosen:

        def tell(text: str, size: str = size) -> None:
            note(f"{size}: {text}")

        results.append(child.measure_in_child(size, repeats=repeats, seconds=_SECONDS, tell=tell))
    if out is not None:
        report.write_results(out, results)
    if as_json:
        emit_json(results)
    else:
        report.show(results)
