"""``report --check``: makes a report again from the metric files and compares every number of it.

It is made from the runs and evaluations that the report names. What has come since is told and is no difference.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from html import escape
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple

from coalactl.errors import ExitCode, UserError
from coalactl.report import hover
from coalactl.report.building import FORMAT, Report, build, texts
from coalactl.report.exhibits import Results
from coalactl.report.figures import POINT_KEYS
from coalactl.report.page import caption, sections
from coalactl.report.reading import Only, Other
from coalactl.report.writing import DESCRIPTION
from coalactl.runs.files import read_json, reason

_NUMBER = re.compile(r"[-−]?\d+(?:\.\d+)?(?:e[-+]?\d+)?")
# Which runs were not finished may have changed since.
_UNCHECKED = ("problems",)
_OF_FIGURES = re.compile(r"<(title|figcaption)>(.*?)</\1>", re.DOTALL)
_ROUNDING = 1e-9


class Checked(NamedTuple):
    """What a check found."""

    numbers: int
    differences: tuple[str, ...]
    added: tuple[str, ...]
    """What there is now and was not when the report was made: it makes none of its numbers wrong."""


def check(folder: Path, papers: Sequence[Results], runs: Path | None = None) -> Checked:
    """Compare a report with its runs; raises :class:`UserError` where there is no report, or none of its runs."""
    if not (folder / DESCRIPTION).is_file():
        raise UserError(f"{folder} is not a report: it has no {DESCRIPTION}")
    description = _described(folder)
    root = (folder / description["root"] if runs is None else runs).resolve()
    named = (*description["runs"], *description.get("leagues", ()))
    only = {name: description["evaluations"].get(name, ()) for name in named}
    labels = {name: root / path for name, path in description["labels"].items()}
    made = build([root / path for path in description["paths"]], papers, labels, root, only)
    numbers, differences, added = 0, list(_gone(made, only)), list(_since(made, description))
    for where, written, again, key in _pairs(folder, made, description):
        numbers += len(_NUMBER.findall(written or ""))
        if written is None:
            added.append(f"since then: {where}")
        elif written != again:
            compared = compare(where, written, again, key)
            differences += compared.differences
            added += [f"since then: {len(compared.added)} lines more in {where}"] if compared.added else []
    return Checked(numbers, tuple(differences), tuple(added))


def _gone(made: Report, only: Only) -> Iterator[str]:
    there: dict[str, Collection[str]] = {run.name: run.evaluations for run in made.material.runs}
    there.update({league.name: () for league in made.material.leagues})
    for name in sorted(only):
        if name not in there:
            yield f"run {name}: {_why(made, Other(name), 'it')}"
            continue
        for evaluation in sorted(set(only[name]) - set(there[name])):
            yield f"run {name}: {_why(made, Other(name, evaluation), f'evaluation {evaluation}')}"


def _since(made: Report, description: Mapping[str, Any]) -> Iterator[str]:
    """The runs and evaluations that are no part of the report, but for those that it told to be left out."""
    known = {problem.get("name") for problem in description["problems"]}
    others = [other for other in made.material.others if other.path not in known]
    for what in dict.fromkeys(other.evaluation for other in others):
        runs = [other.run for other in others if other.evaluation == what]
        many = runs[0] if len(runs) == 1 else f"{len(runs)} runs, {runs[0]} among them"
        yield f"since then: evaluation {what} of {many}" if what else f"since then: {many}"


class Compared(NamedTuple):
    """A line for each line that differs in a number or a word, and the lines that are new."""

    differences: list[str]
    added: list[str]


Key = Callable[[str], object]


def in_words(line: str) -> object:
    """What tells a line of text from others: all but its numbers."""
    return _NUMBER.sub("#", line)


def compare(where: str, written: str, again: str, key: Key = in_words) -> Compared:
    """Line by line, each with the one of the same key: a line that is new moves others, and changes none."""
    ours, theirs = written.splitlines(), again.splitlines()
    all_digits = where.endswith((".csv", ".json"))
    compared = Compared([], [])
    if not ours:
        return Compared([f"{where}: it is gone, or empty"], [])
    matching = SequenceMatcher(None, list(map(key, ours)), list(map(key, theirs)), autojunk=False)
    for _, start, end, first, last in matching.get_opcodes():
        for index, other in zip_longest(range(start, end), theirs[first:last]):
            if index is None:
                compared.added.append(str(other))
            elif difference := _difference(ours[index], other, all_digits):
                compared.differences.append(f"{where}, line {index + 1}: {difference}")
    return compared


def _difference(one: str, other: str | None, all_digits: bool) -> str:
    """In which number, or that in words; empty where there is none."""
    if other is None:
        return "the runs give no such line"
    if one == other:
        return ""
    pairs = zip(_NUMBER.findall(one), _NUMBER.findall(other), strict=False)
    unequal = [f"{a}, from the runs {b}" for a, b in pairs if not _same(a, b, all_digits)]
    words = ["other words than the runs give"] if in_words(one) != in_words(other) else []
    return next(iter((*unequal, *words)), "")


def _same(one: str, other: str, all_digits: bool) -> bool:
    """Equal but for rounding: sums taken in another order may turn the last digit, and what it is rounded to."""
    first, second = (float(text.replace("−", "-")) for text in (one, other))
    decimals = _decimals(one)
    shown = 10.0**-decimals if decimals and decimals == _decimals(other) and not all_digits else 0.0
    return abs(first - second) <= max(1.001 * shown, _ROUNDING * abs(first))


def _decimals(text: str) -> int:
    return len(text.partition("e")[0].partition(".")[2])


def _pairs(folder: Path, made: Report, description: Mapping[str, Any]) -> Iterator[tuple[str, str | None, str, Key]]:
    """Every file as it is, and from the runs; None where it was none of the report's."""
    keys = {f"tables/{table.name}.csv": table.keys for table in made.tables}
    files = texts(made, description["formats"])
    before = [
        name for name in description["files"] if name.endswith((".csv", ".md", ".tex", ".json")) and name != DESCRIPTION
    ]
    for name in dict.fromkeys((*before, *files)):
        key = _cells(keys.get(name, POINT_KEYS)) if name.endswith(".csv") else in_words
        yield name, _read(folder / name) if name in before else None, files.get(name, ""), key
    written = _read(folder / "index.html")
    for name, again in sections(made, {}).items():
        if name not in _UNCHECKED:
            match = re.search(rf'<section id="{name}"><h2>[^<]*</h2>(.*?)</section>\n', written, re.DOTALL)
            there = match[1] if match else ""
            if name == "figures":
                shown = [figure[2] for figure in _OF_FIGURES.finditer(there)]
                yield f"index.html, {name}", _by_place(shown), _by_place(_of_figures(made)), _place
            else:
                yield f"index.html, {name}", _by_row(there), _by_row(again), in_words


def _by_place(shown: Iterable[str]) -> str:
    """A line for each place of a curve, with the values of all lines there."""
    return "\n".join(text.replace("\n", "; ") for text in shown)


def _place(line: str) -> object:
    return line.partition("; ")[0] if "; " in line and not line.startswith("<") else in_words(line)


def _of_figures(made: Report) -> Iterator[str]:
    """What the page tells of figures beside the pictures: values where the pointer is, and captions."""
    for figure in made.figures:
        yield from map(escape, hover.texts(figure))
        yield caption(figure)


def _cells(count: int) -> Key:
    """The first cells of a line of CSV."""
    return lambda line: tuple(next(csv.reader([line]))[:count])


def _by_row(html: str) -> str:
    """A line a row of a table, so that a difference is told once and where it is."""
    return html.replace("<tr>", "\n<tr>").replace("</tr>", "</tr>\n")


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read: {reason(error)}", ExitCode.DAMAGED) from error


def _described(folder: Path) -> Mapping[str, Any]:
    content = read_json(folder / DESCRIPTION)
    if content.get("format") != FORMAT:
        version = content.get("coalactl", "another version")
        raise UserError(
            f"{folder} has report format {content.get('format')!r}, by coalactl {version}; this reads {FORMAT}: "
            "make it again, or check it with that version"
        )
    lists = all(isinstance(content.get(key), list) and all(isinstance(x, str) for x in content[key]) for key in _LISTS)
    tables = all(isinstance(content.get(key), Mapping) for key in _TABLES)
    others = isinstance(content.get("root"), str) and isinstance(content.get("problems"), list)
    if not (lists and tables and others):
        raise UserError(f"{folder / DESCRIPTION} is damaged: it names no runs", ExitCode.DAMAGED)
    return content


_LISTS, _TABLES = ("paths", "runs", "formats", "files"), ("labels", "evaluations")


def _why(made: Report, gone: Other, words: str) -> str:
    reasons = (problem.what for problem in made.material.problems if problem.name == gone.path)
    return next(reasons, f"{words} is not there any more")
