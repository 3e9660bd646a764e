"""A report in memory: everything in it that is text, from the runs it is made from."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import coalactl
from coalactl.errors import UserError
from coalactl.report import verdicts
from coalactl.report.choices import choice_tables
from coalactl.report.claims import Judgement, judge_all
from coalactl.report.evaluated import evaluation_tables
from coalactl.report.figures import Figure, numbers_of
from coalactl.report.finished import Run
from coalactl.report.labels import Labels, legend, legend_table, named
from coalactl.report.latex import to_latex
from coalactl.report.measures import measure_tables
from coalactl.report.paper_claims import CLAIMS
from coalactl.report.paper_figures import all_figures
from coalactl.report.reading import Found, Only, find
from coalactl.report.settings import Setting, group_runs
from coalactl.report.tables import Table, to_csv, to_markdown

FORMAT = 2
TABLES = {"csv": to_csv, "md": to_markdown, "tex": to_latex}
FIGURES = ("svg", "png", "pdf")
FORMATS = (*TABLES, *FIGURES)


class Report(NamedTuple):
    """What was found, and what it came to."""

    found: Found
    labels: Labels
    settings: tuple[Setting, ...]
    judgements: tuple[Judgement, ...]
    tables: tuple[Table, ...]
    figures: tuple[Figure, ...]


def build(
    paths: Sequence[Path],
    labels: Labels = MappingProxyType({}),
    root: Path | None = None,
    only: Only | None = None,
) -> Report:
    """The report on everything below the paths; ``only`` names the runs that count, and their evaluations.

    Raises :class:`UserError` where there is no finished run at all.
    """
    found = find(paths, root, only)
    if not found.runs:
        told = f"; {found.problems[0].name}: {found.problems[0].what}" if found.problems else ""
        places = ", ".join(map(str, paths))
        raise UserError(f"{places}: no finished runs to report on{told}; train one with: coalactl train")
    settings = named(group_runs(found.runs), labels)
    judgements = tuple(judge_all(CLAIMS, settings))
    tables = (
        *([legend_table(settings)] if legend(settings) else []),
        *measure_tables(settings),
        *evaluation_tables(settings),
        *choice_tables(settings, found.sweeps),
    )
    return Report(found, labels, settings, judgements, tables, tuple(all_figures(judgements, settings)))


def texts(report: Report, formats: Collection[str]) -> dict[str, str]:
    """Everything that holds numbers, but the page, by its path: tables, claims, and what the figures show."""
    files = {"claims.md": verdicts.to_markdown(report.judgements), "claims.json": verdicts.to_json(report.judgements)}
    for table in report.tables:
        for kind, write in TABLES.items():
            if kind in formats:
                files[f"tables/{table.name}.{kind}"] = write(table)
    return {**files, **{f"figures/{figure.name}.csv": numbers_of(figure) for figure in report.figures}}


def description(
    report: Report, paths: Sequence[Path], out: Path, formats: Sequence[str], files: Sequence[str]
) -> dict[str, Any]:
    """``report.json``: what the report is made from, by relative paths, so that it can be made again, and its files."""
    root = report.found.root

    def from_root(path: Path) -> str:
        return Path(os.path.relpath(path.resolve(), root)).as_posix()

    return {
        "format": FORMAT,
        "coalactl": coalactl.__version__,
        "root": Path(os.path.relpath(root, out.resolve())).as_posix(),
        "paths": [from_root(path) for path in paths],
        "labels": {
            name: Path(os.path.relpath(path.resolve(), root)).as_posix() for name, path in report.labels.items()
        },
        "formats": list(formats),
        "runs": [run.name for run in report.found.runs],
        "evaluations": {run.name: sorted(run.evaluations) for run in report.found.runs if run.evaluations},
        "problems": [problem._asdict() for problem in report.found.problems],
        "verdicts": verdicts.counts(report.judgements),
        "files": list(files),
    }


def run_provenance(run: Run) -> dict[str, Any]:
    """What made a run, as the page shows it."""
    told = run.provenance
    packages = told.get("packages", {})
    return {
        "command": " ".join(map(str, told.get("command", []))),
        "started": told.get("started", ""),
        "versions": ", ".join(f"{name} {packages[name]}" for name in ("coalactl", "jax", "jaxlib") if name in packages),
        "python": told.get("python", ""),
        "source": _source(told.get("source")),
        "devices": ", ".join(map(str, told.get("devices", []))),
        "seconds": run.status.seconds,
        "iterations": run.status.iterations,
        "steps": run.ends.steps,
        "attempts": len(told.get("attempts", [])),
    }


def _source(source: object) -> str:
    if not isinstance(source, dict) or not source.get("revision"):
        return ""
    return f"{str(source['revision'])[:12]}{', modified' if source.get('modified') else ''}"


def as_json(content: dict[str, Any]) -> str:
    """As ``report.json`` holds it."""
    return json.dumps(content, indent=1, allow_nan=False) + "\n"
