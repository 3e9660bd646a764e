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
from coalactl.report.all_figures import all_figures
from coalactl.report.choices import choice_tables
from coalactl.report.evaluated import evaluation_tables
from coalactl.report.exhibits import Results
from coalactl.report.figures import Figure, numbers_of
from coalactl.report.finished import Run
from coalactl.report.judging import Judgement, judge_all
from coalactl.report.labels import Labels, legend, legend_table, named
from coalactl.report.latex import to_latex
from coalactl.report.league_tables import league_figure, league_tables
from coalactl.report.measures import measure_tables
from coalactl.report.reading import Material, Only, find
from coalactl.report.settings import Setting, group_runs
from coalactl.report.tables import Table, to_csv, to_markdown

FORMAT = 3
TABLES = {"csv": to_csv, "md": to_markdown, "tex": to_latex}
FIGURES = ("svg", "png", "pdf")
FORMATS = (*TABLES, *FIGURES)


class Report(NamedTuple):
    """What was found, and what it came to."""

    material: Material
    labels: Labels
    settings: tuple[Setting, ...]
    judgements: tuple[Judgement, ...]
    tables: tuple[Table, ...]
    figures: tuple[Figure, ...]


def build(
    paths: Sequence[Path],
    papers: Sequence[Results],
    labels: Labels = MappingProxyType({}),
    root: Path | None = None,
    only: Only | None = None,
) -> Report:
    """The report on everything below the paths, and what it says of papers.

    ``only`` names the runs that count, and their evaluations.
    Raises :class:`UserError` where there is no finished run at all.
    """
    material = find(paths, root, only)
    if not material.runs and not material.leagues:
        why = f"; {material.problems[0].name}: {material.problems[0].what}" if material.problems else ""
        where = ", ".join(map(str, paths))
        raise UserError(f"{where}: no finished runs to report on{why}; train one with: coalactl train")
    settings = named(group_runs(material.runs), labels)
    judgements = tuple(judge_all([exhibit for paper in papers for exhibit in paper.exhibits], settings))
    tables = (
        *([legend_table(settings)] if legend(settings) else []),
        *measure_tables(settings),
        *evaluation_tables(settings),
        *(table for league in material.leagues for table in league_tables(league)),
        *choice_tables(settings, material.sweeps, papers),
    )
    figures = (*map(league_figure, material.leagues), *all_figures(papers, judgements, settings))
    return Report(material, labels, settings, judgements, tables, figures)


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
    root = report.material.root

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
        "runs": [run.name for run in report.material.runs],
        "leagues": [league.name for league in report.material.leagues],
        "evaluations": {run.name: sorted(run.evaluations) for run in report.material.runs if run.evaluations},
        "problems": [problem._asdict() for problem in report.material.problems],
        "verdicts": verdicts.counts(report.judgements),
        "files": list(files),
    }


def run_provenance(run: Run) -> dict[str, Any]:
    """What made a run, as the page shows it."""
    provenance = run.provenance
    packages = provenance.get("packages", {})
    return {
        "command": " ".join(map(str, provenance.get("command", []))),
        "started": provenance.get("started", ""),
        "versions": ", ".join(f"{name} {packages[name]}" for name in ("coalactl", "jax", "jaxlib") if name in packages),
        "python": provenance.get("python", ""),
        "source": _source(provenance.get("source")),
        "devices": ", ".join(map(str, provenance.get("devices", []))),
        "seconds": run.status.seconds,
        "iterations": run.status.iterations,
        "steps": run.ends.steps,
        "attempts": len(provenance.get("attempts", [])),
    }


def _source(source: object) -> str:
    if not isinstance(source, dict) or not source.get("revision"):
        return ""
    return f"{str(source['revision'])[:12]}{', modified' if source.get('modified') else ''}"


def as_json(content: dict[str, Any]) -> str:
    """As ``report.json`` holds it."""
    return json.dumps(content, indent=1, allow_nan=False) + "\n"
