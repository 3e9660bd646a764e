"""A report on disk: ``report.json`` is written last, and only a folder that is empty or a report is written to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from coalactl.errors import UserError
from coalactl.report.building import FIGURES, FORMATS, Report, as_json, description, texts
from coalactl.report.figures import Figure, numbers_of, render
from coalactl.report.page import page
from coalactl.report.paper_figures import figures_of
from coalactl.runs.directory import make_folder
from coalactl.runs.files import write_failures, write_text

DESCRIPTION = "report.json"


class Written(NamedTuple):
    """Where a report is and how many files it has."""

    out: Path
    files: tuple[str, ...]


def check_target(out: Path) -> None:
    """Raise :class:`UserError` unless a report can be written there."""
    if out.exists() and not out.is_dir():
        raise UserError(f"{out}: a file is in the way; choose another --out")
    if out.exists() and any(out.iterdir()) and not (out / DESCRIPTION).is_file():
        raise UserError(f"{out} is not empty and holds no report; choose another --out")


def write_report(report: Report, paths: Sequence[Path], out: Path, formats: Sequence[str]) -> Written:
    """Write all files in the place of those of an earlier report."""
    figures = list(figures_of(report.judgements))
    drawings = {
        figure.name: render(figure, ("svg", *(kind for kind in FIGURES if kind in formats))) for figure in figures
    }
    inlined = {name: kinds["svg"] for name, kinds in drawings.items()}
    files = {**all_texts(report, figures, formats), "index.html": page(report, figures, inlined)}
    images = {
        f"figures/{name}.{kind}": content
        for name, kinds in drawings.items()
        for kind, content in kinds.items()
        if kind in formats
    }
    make_folder(out)
    with write_failures(out):
        _clear(out)
        for name, text in files.items():
            (out / name).parent.mkdir(exist_ok=True)
            write_text(out / name, text)
        for name, content in images.items():
            (out / name).write_bytes(content)
        write_text(out / DESCRIPTION, as_json(description(report, paths, out, formats)))
    return Written(out, (*files, *images, DESCRIPTION))


def _clear(out: Path) -> None:
    """Remove an earlier report's files: a figure of other runs must not stay beside this report's."""
    (out / DESCRIPTION).unlink(missing_ok=True)
    for folder in ("tables", "figures"):
        for path in (out / folder).glob("*.*"):
            if path.suffix.lstrip(".") in FORMATS and path.is_file():
                path.unlink()


def all_texts(report: Report, figures: Sequence[Figure], formats: Sequence[str]) -> dict[str, str]:
    """Everything that holds numbers, but the page: tables, claims, and what the figures show."""
    return {**texts(report, formats), **{f"figures/{figure.name}.csv": numbers_of(figure) for figure in figures}}
