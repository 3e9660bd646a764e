"""``coalactl report``: tables, figures and verdicts on the paper's claims from run directories."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from coalactl import completion
from coalactl.errors import ExitCode, UserError
from coalactl.output import emit, emit_json, note
from coalactl.paths import usable

DEFAULT_RUNS = Path("runs")
DEFAULT_OUT = Path("report")


def report(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[PATH]...",
            help="Runs, packs, sweeps or folders of them.",
            show_default="./runs",
            autocompletion=completion.runs,
        ),
    ] = None,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where to write.")] = DEFAULT_OUT,
    formats: Annotated[
        list[str] | None,
        typer.Option(
            "--format", metavar="NAME", help="csv, md, tex, svg, png or pdf; repeat for several.", show_default="all"
        ),
    ] = None,
    labels: Annotated[
        list[str] | None,
        typer.Option(
            "--label",
            metavar="NAME=PATH",
            help="What the setting or method whose runs are at PATH is called; repeat for several.",
            show_default=False,
        ),
    ] = None,
    check: Annotated[
        Path | None,
        typer.Option(
            "--check", metavar="DIR", help="Recompute every number of the report in DIR; exits 1 if one differs."
        ),
    ] = None,
    runs: Annotated[
        Path | None, typer.Option("--runs", metavar="DIR", help="With --check: where the report's runs are now.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was written as JSON.")] = False,
) -> None:
    """Write tables, figures and verdicts on the paper's claims, from the files of runs alone."""
    chosen = _checked_formats(formats)
    if runs is not None and check is None:
        raise UserError("--runs: it goes with --check; name runs to report on without an option")
    given = _checked_labels(labels)
    with _without_collections():
        if check is None:
            _write(paths, out, chosen, given, as_json)
        else:
            _check(check, runs, as_json)


@contextmanager
def _without_collections() -> Iterator[None]:
    """All that is read is needed to the end: looking through it for garbage again and again takes time for nothing."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _check(folder: Path, runs: Path | None, as_json: bool) -> None:
    usable(folder)
    usable(runs)
    if not folder.is_dir():
        raise UserError(f"{folder}: there is no such report")
    from coalactl.report.checking import check

    found = check(folder, runs)
    if as_json:
        emit_json(found._asdict())
    else:
        for line in (*found.differences, *found.added):
            emit(line)
    if found.differences:
        raise UserError(f"{folder}: {len(found.differences)} differences from what its runs give", ExitCode.FAILED)
    if not as_json:
        emit(f"{folder}: all {found.numbers} numbers are those that its runs give")


def _write(paths: list[Path] | None, out: Path, formats: list[str], labels: dict[str, Path], as_json: bool) -> None:
    if not paths:
        if not DEFAULT_RUNS.is_dir():
            raise UserError(
                "there is no folder ./runs to report on; name runs, packs or sweeps, or train one with: coalactl train"
            )
        note(f"reporting on everything below {DEFAULT_RUNS}")
        paths = [DEFAULT_RUNS]
    usable(out)
    from coalactl.report import building, verdicts, writing

    writing.check_target(out)
    made = building.build(paths, labels)
    content = writing.write_report(made, paths, out, formats).description
    if as_json:
        emit_json({"out": str(out), **content})
        return
    for judgement in made.judgements:
        emit(verdicts.in_one_line(judgement))
    runs, left = len(content["runs"]), len(content["problems"])
    note(f"{runs} runs; {left} left out or missing")
    for problem in content["problems"]:
        note(f"{problem['name']}: {problem['what']}")
    emit(str(out))


def _checked_formats(given: list[str] | None) -> list[str]:
    known = ("csv", "md", "tex", "svg", "png", "pdf")
    for name in given or ():
        if name not in known:
            raise UserError(f"--format: there is no {name!r}; use {', '.join(known)}")
    return list(dict.fromkeys(given or known))


def _checked_labels(given: list[str] | None) -> dict[str, Path]:
    labels: dict[str, Path] = {}
    for label in given or ():
        name, sign, path = label.partition("=")
        if not sign or not path or not name.strip().isprintable() or not name.strip():
            raise UserError(f"--label {label!r}: it takes NAME=PATH, as in --label ours=runs/coala")
        if name.strip() in labels:
            raise UserError(f"--label: {name.strip()!r} is given twice")
        usable(Path(path))
        labels[name.strip()] = Path(path)
    return labels
