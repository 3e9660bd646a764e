"""``index.html``: the whole report in one file, without network or JavaScript; figures are inlined."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape

import coalactl
from coalactl.report.building import Report, run_provenance
from coalactl.report.drawing import Drawing
from coalactl.report.figures import Figure
from coalactl.report.hover import overlay
from coalactl.report.judging import Judgement, Outcome
from coalactl.report.tables import Table
from coalactl.report.verdicts import VERDICTS, beside, checks_met, command, counts, missing, numbers, tested, untested

_LONG = 24
_FOLDED = ("seeds", "hyperparameters")
"""Tables that are folded however short they are."""
_HALF = 4.0
"""Inches of a figure that stands beside another."""
_MARKS = dict(zip(VERDICTS, ("yes", "partly", "no", "open"), strict=True))
_STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, sans-serif; color: #1c1c1c; background: #fff; margin: 0 auto; max-width: 68rem;
  padding: 1.5rem; }
h1 { font-size: 1.7rem; margin: 0; } h2 { font-size: 1.3rem; margin: 2.5rem 0 .5rem; border-bottom: 1px solid #ccc; }
h3 { font-size: 1rem; margin: 1.4rem 0 .3rem; } p { margin: .4rem 0; } nav a { margin-right: 1rem; }
a { color: #0060a0; } code { font-size: .87em; background: #f3f3f3; padding: .05em .25em; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; font-size: .85rem; margin: .5rem 0; width: 100%; }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #e4e4e4; vertical-align: top; }
th { border-bottom: 1.5px solid #666; } td.number { font-variant-numeric: tabular-nums; }
figure { margin: 1rem 0; } .plot { position: relative; margin: 0 auto; } .plot img { display: block; width: 100%; }
.plot svg { position: absolute; inset: 0; width: 100%; height: 100%; } .plot path { fill: transparent; }
.plot path:hover { fill: #0060a01f; } figcaption { font-size: .87rem; color: #444; }
.figures { display: grid; grid-auto-flow: dense; grid-template-columns: repeat(6, 1fr); gap: .5rem 1.5rem;
  align-items: start; }
.figures figure { grid-column: span 3; } .figures figure.wide { grid-column: span 6; }
.verdict { display: inline-block; white-space: nowrap; font-weight: 600; font-size: .85rem; padding: 0 .5em;
  border-radius: .3em; border: 1.5px solid; }
.yes { color: #00563f; background: #e3f4ee; } .partly { color: #6b4c00; background: #fdf3d9; }
.no { color: #8c2f00; background: #fbe6dc; } .open { color: #555; background: #f3f3f3; }
.note { color: #444; font-size: .9rem; } summary { cursor: pointer; font-weight: 600; margin: .25rem 0; }
@media (max-width: 46rem) { .figures figure { grid-column: span 6; } }
@media print { body { max-width: none; } details { display: block; } }
"""

SECTIONS = {
    "figures": "Figures",
    "claims": "Published claims",
    "tables": "Tables",
    "differences": "What differs from the paper",
    "provenance": "Provenance",
    "problems": "Missing, failed and diverged runs",
    "untested": "Claims that are not tested",
}


def page(report: Report, drawings: Mapping[str, Drawing]) -> str:
    """The page; ``drawings`` are the figures, by name, as SVG at least."""
    parts = sections(report, drawings)
    runs, seeds = len(report.material.runs), sum(len(run.seeds) for run in report.material.runs)
    about = f"{runs} finished run{'s' if runs > 1 else ''}, {seeds} training seed{'s' if seeds > 1 else ''}"
    links = "".join(f'<a href="#{name}">{title}</a>' for name, title in SECTIONS.items() if name in parts)
    body = "".join(f'<section id="{name}"><h2>{SECTIONS[name]}</h2>{parts[name]}</section>\n' for name in parts)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"/>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"/>'
        f"<title>Report on {runs} run{'s' if runs > 1 else ''}</title><style>{_STYLE}</style></head><body>\n"
        f"<header><h1>Learning-aware policy gradients: report</h1><p>{about}.{_overview(report.judgements)}</p>"
        f"<nav>{links}</nav></header>\n{body}"
        f'<footer class="note"><p>Made by coalactl {escape(coalactl.__version__)} from the runs\' files alone; '
        f"<code>coalactl report --check</code> recomputes every number.</p></footer>\n</body></html>\n"
    )


def _overview(judgements: Sequence[Judgement]) -> str:
    by_verdict = counts(judgements)
    tally = " · ".join(f"{by_verdict[verdict]} {verdict}" for verdict in VERDICTS if verdict != "not tested")
    return f" Published claims that they test: {tally}." if tested(judgements) else ""


def sections(report: Report, drawings: Mapping[str, Drawing]) -> dict[str, str]:
    """Each section of the page that there is something in, in order; figures that were not drawn have no picture."""
    choices = ("differences", "open-choices")
    parts = {
        "figures": f'<div class="figures">{"".join(_figures(report.figures, drawings))}</div>'
        if report.figures
        else "",
        "claims": "".join(_claims(tested(report.judgements))),
        "tables": "".join(_table(table) for table in report.tables if table.name not in choices),
        "differences": "".join(_table(table) for table in report.tables if table.name in choices),
        "provenance": _provenance(report),
        "problems": _problems(report),
        "untested": _untested(untested(report.judgements)),
    }
    return {name: part for name, part in parts.items() if part}


def _claims(judgements: Sequence[Judgement]) -> Iterator[str]:
    if not judgements:
        return
    rows = [
        (_text(one.exhibit.label), _told(one), _text(f"{one.line}."), _text(one.case.name or "–")) for one in judgements
    ]
    yield _grid(("figure", "verdict", "claim", "setting"), rows)
    yield (
        '<p class="note">A check is reproduced where its estimate lies beyond the bound and its interval excludes the '
        "bound, partly where only the estimate does; a claim where all its checks are. Intervals are over training "
        "seeds.</p>"
    )
    for judgement in judgements:
        where = f" in {judgement.case.name}" if judgement.case.name else ""
        yield f"<details><summary>{_text(judgement.exhibit.label)}: criteria and numbers{_text(where)}</summary>"
        checks = [_check(outcome.check.criterion, outcome, _mark(outcome.verdict)) for outcome in judgement.outcomes]
        checks += [_check(words, outcome, f"({outcome.verdict})") for words, outcome in beside(judgement)]
        yield _grid(("criterion", "estimate", "seeds", "verdict", "every seed"), checks)
        if remedy := command(judgement):
            yield f"<p>To test what is missing: <code>{_text(remedy)}</code></p>"
        yield "</details>"


def _told(judgement: Judgement) -> str:
    met = checks_met(judgement)
    return f"{_mark(judgement.verdict)}{f'<br/>{met}' if met else ''}"


def _untested(judgements: Sequence[Judgement]) -> str:
    """Folded: who trains in one setting has not come for the others."""
    if not judgements:
        return ""
    rows = [
        (
            _text(one.exhibit.label),
            _text(f"{one.claim.text}."),
            _text(missing(one)),
            f"<code>{_text(command(one))}</code>",
        )
        for one in judgements
    ]
    grid = _grid(("figure", "claim", "what is missing", "to test it"), rows)
    return f"<details><summary>{len(rows)} published claims are not about these runs</summary>{grid}</details>"


def _check(criterion: str, outcome: Outcome, verdict: str) -> tuple[str, ...]:
    estimate, seeds = numbers(outcome)
    values = outcome.quantity.values if outcome.quantity else {}
    listed = (
        ", ".join(f"{seed}: {value:.3g}" for seed, value in values.items()) if len(values) <= _LONG else "claims.json"
    )
    return _text(criterion), _text(estimate), seeds, verdict, _text(listed)


def _figures(figures: Sequence[Figure], drawings: Mapping[str, Drawing]) -> Iterator[str]:
    for figure in figures:
        drawing = drawings.get(figure.name)
        wide = ' class="wide"' if drawing and drawing.width > _HALF else ""
        yield (
            f'<figure{wide} id="{figure.name}">{_plot(figure, drawing) if drawing else ""}'
            f"<figcaption>{caption(figure)}</figcaption></figure>"
        )


def caption(figure: Figure) -> str:
    """Below a figure."""
    return f"<b>{_text(figure.title)}.</b> {_text(figure.caption)} <code>figures/{figure.name}</code>"


def _plot(figure: Figure, drawing: Drawing) -> str:
    """The picture, half as large again as in a paper, and over it what is told where the pointer is."""
    data = base64.b64encode(drawing.images["svg"]).decode("ascii")
    image = f'<img alt="{_text(figure.title)}" src="data:image/svg+xml;base64,{data}"/>'
    return f'<div class="plot" style="max-width: {1.5 * drawing.width:g}in">{image}{overlay(figure, drawing)}</div>'


def _table(table: Table) -> str:
    rows = [tuple(map(_text, row)) for row in table.shown]
    grid = _grid(table.shown_columns, rows, words=table.words)
    note = f'<p class="note">{_text(table.note)}</p>' if table.note else ""
    if len(rows) > _LONG or table.name.endswith(_FOLDED):
        return f"<details><summary>{_text(table.title)}</summary>{note}{grid}</details>"
    return f"<h3>{_text(table.title)}</h3>{note}{grid}"


def _provenance(report: Report) -> str:
    rows = []
    for run in report.material.runs:
        shown = run_provenance(run)
        steps = "–" if shown["steps"] is None else f"{shown['steps']:,}"
        cells = (run.name, shown["command"], shown["started"], shown["versions"], shown["source"], shown["devices"])
        rows.append(
            (*map(_text, cells), f"{shown['seconds']:.0f}", f"{shown['iterations']:,}", steps, str(shown["attempts"]))
        )
    names = ("run", "command", "started", "versions", "source", "devices", "seconds", "iterations", "steps", "attempts")
    grid = _grid(names, rows, words=6)
    summary = f"<summary>{len(rows)} run{'s' if len(rows) > 1 else ''}</summary>"
    return f"<details{' open' if len(rows) <= _LONG else ''}>{summary}{grid}</details>"


def _problems(report: Report) -> str:
    rows = [(_text(problem.name), _text(problem.what)) for problem in report.material.problems]
    return "<p>None of these counts in any number above.</p>" + _grid(("run", "what"), rows) if rows else ""


def _grid(columns: Sequence[str], rows: Iterable[Sequence[str]], words: int | None = None) -> str:
    """A table of cells that are HTML already."""
    head = "".join(f"<th>{_text(column)}</th>" for column in columns)
    words = len(columns) if words is None else words

    def cell(index: int, text: str) -> str:
        return f'<td class="number">{text}</td>' if index >= words else f"<td>{text}</td>"

    body = "".join(f"<tr>{''.join(cell(*pair) for pair in enumerate(row))}</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _mark(verdict: str) -> str:
    return f'<span class="verdict {_MARKS[verdict]}">{verdict}</span>'


def _text(text: str) -> str:
    return escape(str(text), quote=True)
