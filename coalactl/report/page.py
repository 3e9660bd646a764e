"""``index.html``: the whole report in one file, without network or JavaScript; figures are inlined."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape

import coalactl
from coalactl.report.building import Report, run_provenance
from coalactl.report.claims import Judgement, Outcome
from coalactl.report.figures import Figure
from coalactl.report.tables import Table
from coalactl.report.verdicts import VERDICTS, beside, command, counts, numbers

_LONG = 24
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
figure { margin: 1rem 0; } figure img { width: 100%; height: auto; } figcaption { font-size: .87rem; color: #444; }
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
    "claims": "The paper's claims",
    "figures": "Figures",
    "tables": "Tables",
    "differences": "What differs from the paper",
    "provenance": "Provenance",
    "problems": "Missing, failed and diverged runs",
}


def page(report: Report, drawings: Mapping[str, bytes]) -> str:
    """The page; ``drawings`` are the figures as SVG, by name."""
    parts = sections(report, drawings)
    found = counts(report.judgements)
    told = " · ".join(f"{found[verdict]} {verdict}" for verdict in VERDICTS)
    seeds = sum(len(run.seeds) for run in report.found.runs)
    links = "".join(f'<a href="#{name}">{title}</a>' for name, title in SECTIONS.items() if name in parts)
    body = "".join(f'<section id="{name}"><h2>{SECTIONS[name]}</h2>{parts[name]}</section>\n' for name in parts)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"/>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"/>'
        f"<title>Report on {len(report.found.runs)} runs</title><style>{_STYLE}</style></head><body>\n"
        f"<header><h1>Learning-aware policy gradients: report</h1><p>{len(report.found.runs)} finished runs, "
        f"{seeds} training seeds. Claims: {told}.</p><nav>{links}</nav></header>\n{body}"
        f'<footer class="note"><p>Made by coalactl {escape(coalactl.__version__)} from the runs\' files alone; '
        f"<code>coalactl report --check</code> recomputes every number.</p></footer>\n</body></html>\n"
    )


def sections(report: Report, drawings: Mapping[str, bytes]) -> dict[str, str]:
    """Each section of the page, in order."""
    choices = ("differences", "open-choices")
    return {
        "claims": "".join(_claims(report.judgements)),
        "figures": f'<div class="figures">{"".join(_figures(report.figures, drawings))}</div>',
        "tables": "".join(_table(table) for table in report.tables if table.name not in choices),
        "differences": "".join(_table(table) for table in report.tables if table.name in choices),
        "provenance": _provenance(report),
        "problems": _problems(report),
    }


def _claims(judgements: Sequence[Judgement]) -> Iterator[str]:
    rows = [
        (_text(one.claim.figure), _mark(one.verdict), _text(f"{one.line}."), _text(one.case.name or "–"))
        for one in judgements
    ]
    yield _grid(("figure", "verdict", "claim", "setting"), rows)
    yield (
        '<p class="note">A check is reproduced where its estimate lies beyond the bound and its interval excludes the '
        "bound, partly where only the estimate does; a claim where all its checks are. Intervals are over training "
        "seeds.</p>"
    )
    for judgement in judgements:
        where = f" in {judgement.case.name}" if judgement.case.name else ""
        yield f"<details><summary>{_text(judgement.claim.figure)}: criteria and numbers{_text(where)}</summary>"
        checks = [_check(outcome.check.criterion, outcome, _mark(outcome.verdict)) for outcome in judgement.outcomes]
        checks += [_check(words, outcome, f"({outcome.verdict})") for words, outcome in beside(judgement)]
        yield _grid(("criterion", "estimate", "seeds", "verdict", "every seed"), checks)
        if remedy := command(judgement):
            yield f"<p>To test what is missing: <code>{_text(remedy)}</code></p>"
        yield "</details>"


def _check(criterion: str, outcome: Outcome, verdict: str) -> tuple[str, ...]:
    estimate, seeds = numbers(outcome)
    values = outcome.quantity.values if outcome.quantity else {}
    told = (
        ", ".join(f"{seed}: {value:.3g}" for seed, value in values.items()) if len(values) <= _LONG else "claims.json"
    )
    return _text(criterion), _text(estimate), seeds, verdict, _text(told)


def _figures(figures: Sequence[Figure], drawings: Mapping[str, bytes]) -> Iterator[str]:
    for figure in figures:
        data = base64.b64encode(drawings[figure.name]).decode("ascii")
        wide = ' class="wide"' if len(figure.panels) > 1 else ""
        image = f'<img alt="{_text(figure.title)}" src="data:image/svg+xml;base64,{data}"/>'
        yield (
            f'<figure{wide} id="{figure.name}">{image}'
            f"<figcaption><b>{_text(figure.title)}.</b> {_text(figure.caption)}</figcaption></figure>"
        )


def _table(table: Table) -> str:
    rows = [tuple(map(_text, row)) for row in table.shown]
    grid = _grid(table.shown_columns, rows, words=table.words)
    note = f'<p class="note">{_text(table.note)}</p>' if table.note else ""
    if len(rows) > _LONG:
        return f"<details><summary>{_text(table.title)}</summary>{note}{grid}</details>"
    return f"<h3>{_text(table.title)}</h3>{note}{grid}"


def _provenance(report: Report) -> str:
    rows = []
    for run in report.found.runs:
        told = run_provenance(run)
        steps = "–" if told["steps"] is None else f"{told['steps']:,}"
        cells = (run.name, told["command"], told["started"], told["versions"], told["source"], told["devices"])
        rows.append(
            (*map(_text, cells), f"{told['seconds']:.0f}", f"{told['iterations']:,}", steps, str(told["attempts"]))
        )
    names = ("run", "command", "started", "versions", "source", "devices", "seconds", "iterations", "steps", "attempts")
    grid = _grid(names, rows, words=6)
    return (
        f"<details open><summary>{len(rows)} runs</summary>{grid}</details>"
        if len(rows) <= _LONG
        else (f"<details><summary>{len(rows)} runs</summary>{grid}</details>")
    )


def _problems(report: Report) -> str:
    untested = list(dict.fromkeys(filter(None, map(command, report.judgements))))
    parts = []
    if report.found.problems:
        rows = [(_text(problem.name), _text(problem.what)) for problem in report.found.problems]
        parts.append("<p>None of these counts in any number above.</p>" + _grid(("run", "what"), rows))
    else:
        parts.append("<p>None.</p>")
    if untested:
        listed = "".join(f"<li><code>{_text(remedy)}</code></li>" for remedy in untested)
        parts.append(f"<p>Experiments that claims bear on and that have no finished run:</p><ul>{listed}</ul>")
    return "".join(parts)


def _grid(columns: Sequence[str], rows: Iterable[Sequence[str]], words: int | None = None) -> str:
    """A table of cells that are HTML already."""
    head = "".join(f"<th>{_text(column)}</th>" for column in columns)
    words = len(columns) if words is None else words

    def cell(place: int, text: str) -> str:
        return f'<td class="number">{text}</td>' if place >= words else f"<td>{text}</td>"

    body = "".join(f"<tr>{''.join(cell(*pair) for pair in enumerate(row))}</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _mark(verdict: str) -> str:
    return f'<span class="verdict {_MARKS[verdict]}">{verdict}</span>'


def _text(text: str) -> str:
    return escape(str(text), quote=True)
