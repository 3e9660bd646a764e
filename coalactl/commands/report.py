"""``coalactl report``: tables, figures and verdicts on papers' claims from run directories."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from coalactl import completion
from coalactl.errors import ExitCode, UserError
from coalactl.output import emit, emit_json, note
from coalactl.paths import usable
from coalactl.report.widths import inches

if TYPE_CHECKING:
    from coalactl.report.figures import Figure

DEFAULT_RUNS = Path("runs")
DEFAULT_OUT = Path("report")
_MOST_FIGURES = 12
"""That are listed on the terminal."""
_IMAGES = ("pdf", "png", "svg")


class Wanted(NamedTuple):
    """How a report is written."""

    formats: Sequence[str]
    labels: Mapping[str, Path]
    width: float | None
    """Inches of its figures; None: as many as its panels take."""


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
    width: Annotated[
        str | None,
        typer.Option(
            "--width",
            metavar="INCHES|NAME",
            help="How wide figures are: inches, or iclr, neurips (5.5), column (3.3) or page (6.9).",
            show_default="3.35 for one panel, else 6.9",
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
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no verdicts.")] = False,
) -> None:
    """Write tables, figures and verdicts on the paper's claims, from the files of runs alone."""
    chosen = _checked_formats(formats)
    if runs is not None and check is None:
        raise UserError("--runs: it goes with --check; name runs to report on without an option")
    wide = None if width is None else inches(width)
    labelled = _checked_labels(labels)
    with _without_collections():
        if check is None:
            _write(paths, out, Wanted(chosen, labelled, wide), as_json=as_json, quiet=quiet)
        else:
            _check(check, runs, as_json=as_json, quiet=quiet)


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


def _check(folder: Path, runs: Path | None, *, as_json: bool, quiet: bool) -> None:
    usable(folder)
    usable(runs)
    if not folder.is_dir():
        raise UserError(f"{folder}: there is no such report")
    from coalactl.papers.table import results
    from coalactl.report.checking import check
    from coalactl.working import working

    with working("reading the runs and comparing", quiet=quiet):
        checked = check(folder, results(), runs)
    if as_json:
        emit_json(checked._asdict())
    elif not quiet:
        for line in (*checked.differences, *checked.added):
            emit(line)
    if checked.differences:
        raise UserError(f"{folder}: {len(checked.differences)} differences from what its runs give", ExitCode.FAILED)
    if not (as_json or quiet):
        emit(f"{folder}: all {checked.numbers} numbers are those that its runs give")


def _write(paths: list[Path] | None, out: Path, wanted: Wanted, *, as_json: bool, quiet: bool) -> None:
    if not paths:
        if not DEFAULT_RUNS.is_dir():
            raise UserError(
                "there is no folder ./runs to report on; name runs, packs or sweeps, or train one with: coalactl train"
            )
        if not quiet:
            note(f"reporting on everything below {DEFAULT_RUNS}")
        paths = [DEFAULT_RUNS]
    usable(out)
    from coalactl.papers.table import results
    from coalactl.report import building, verdicts, writing
    from coalactl.working import working

    writing.check_target(out)
    with working("reading the runs", quiet=quiet) as tell:
        made = building.build(paths, results(), wanted.labels)
        tell(f"drawing and writing what {len(made.material.runs)} runs came to")
        content = writing.write_report(made, paths, out, wanted.formats, wanted.width).description
    if as_json:
        emit_json({"out": str(out), **content})
    if as_json or quiet:
        return
    lines = (*_listed(made.figures, out, wanted.formats), *verdicts.in_lines(made.judgements))
    for line in lines:
        emit(line)
    runs, left = len(content["runs"]), len(content["problems"])
    note(f"{runs} run{'' if runs == 1 else 's'}; {left} left out or missing")
    for problem in content["problems"]:
        note(f"{problem['name']}: {problem['what']}")
    emit(str(out))


def _listed(figures: Sequence[Figure], out: Path, formats: Sequence[str]) -> Iterator[str]:
    """Each figure's file and title."""
    kind = next((image for image in _IMAGES if image in formats), "csv")
    for figure in figures[:_MOST_FIGURES]:
        yield f"{out / 'figures' / figure.name}.{kind}  {figure.title}"
    if len(figures) > _MOST_FIGURES:
        yield f"{len(figures) - _MOST_FIGURES} figures more in {out / 'figures'}"


def _checked_formats(formats: list[str] | None) -> list[str]:
    known = ("csv", "md", "tex", "svg", "png", "pdf")
    for name in formats or ():
        if name not in known:
            raise UserError(f"--format: there is no {name!r}; use {', '.join(known)}")
    return list(dict.fromkeys(formats or known))


def _checked_labels(options: list[str] | None) -> dict[str, Path]:
    labels: dict[str, Path] = {}
    for label in options or ():
        name, sign, path = label.partition("=")
        if not sign or not path or not name.strip().isprintable() or not name.strip():
            raise UserError(f"--label {label!r}: it takes NAME=PATH, as in --label ours=runs/coala")
        if name.strip() in labels:
            raise UserError(f"--label: {name.strip()!r} is given twice")
        usable(Path(path))
        labels[name.strip()] = Path(path)
    return labels
