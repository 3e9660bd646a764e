"""``report --check``: makes a report again from the metric files and compares every number of it.

It is made from the runs and evaluations that the report names. What has come since is told and is no difference.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Mapping
from difflib import SequenceMatcher
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple

from coalactl.errors import ExitCode, UserError
from coalactl.report.building import FORMAT, Report, build, texts
from coalactl.report.figures import POINT_KEYS
from coalactl.report.page import sections
from coalactl.report.reading import Only, Other
from coalactl.report.writing import DESCRIPTION
from coalactl.runs.files import read_json, reason

_NUMBER = re.compile(r"[-−]?\d+(?:\.\d+)?(?:e[-+]?\d+)?")
# Figures are checked by the numbers beside them; which runs were not finished may have changed since.
_UNCHECKED = ("figures", "problems")
_ROUNDING = 1e-9


class Checked(NamedTuple):
    """What a check found."""

    numbers: int
    differences: tuple[str, ...]
    added: tuple[str, ...]
    """What there is now and was not when the report was made: it makes none of its numbers wrong."""


def check(folder: Path, runs: Path | None = None) -> Checked:
    """Compare a report with its runs; raises :class:`UserError` where there is no report, or none of its runs."""
    if not (folder / DESCRIPTION).is_file():
        raise UserError(f"{folder} is not a report: it has no {DESCRIPTION}")
    told = _described(folder)
    root = (folder / told["root"] if runs is None else runs).resolve()
    only = {name: told["evaluations"].get(name, ()) for name in told["runs"]}
    labels = {name: root / path for name, path in told["labels"].items()}
    made = build([root / path for path in told["paths"]], labels, root, only)
    numbers, differences, added = 0, list(_gone(made, only)), list(_since(made, told))
    for where, written, again, key in _pairs(folder, made, told):
        numbers += len(_NUMBER.findall(written or ""))
        if written is None:
            added.append(f"since then: {where}")
        elif written != again:
            found = compare(where, written, again, key)
            differences += found.differences
            added += [f"since then: {len(found.added)} lines more in {where}"] if found.added else []
    return Checked(numbers, tuple(differences), tuple(added))


def _gone(made: Report, only: Only) -> Iterator[str]:
    there = {run.name: run.evaluations for run in made.found.runs}
    for name in sorted(only):
        if name not in there:
            yield f"run {name}: {_why(made, Other(name), 'it')}"
            continue
        for evaluation in sorted(set(only[name]) - set(there[name])):
            yield f"run {name}: {_why(made, Other(name, evaluation), f'evaluation {evaluation}')}"


def _since(made: Report, told: Mapping[str, Any]) -> Iterator[str]:
    """The runs and evaluations that are no part of the report, but for those that it told to be left out."""
    known = {problem.get("name") for problem in told["problems"]}
    others = [other for other in made.found.others if other.path not in known]
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
    found = Compared([], [])
    if not ours:
        return Compared([f"{where}: it is gone, or empty"], [])
    matching = SequenceMatcher(None, list(map(key, ours)), list(map(key, theirs)), autojunk=False)
    for _, start, end, first, last in matching.get_opcodes():
        for place, other in zip_longest(range(start, end), theirs[first:last]):
            if place is None:
                found.added.append(str(other))
            elif told := _difference(ours[place], other, all_digits):
                found.differences.append(f"{where}, line {place + 1}: {told}")
    return found


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


def _pairs(folder: Path, made: Report, told: Mapping[str, Any]) -> Iterator[tuple[str, str | None, str, Key]]:
    """Every file as it is, and from the runs; None where it was none of the report's."""
    keys = {f"tables/{table.name}.csv": table.keys for table in made.tables}
    files = texts(made, told["formats"])
    before = [name for name in told["files"] if name.endswith((".csv", ".md", ".tex", ".json")) and name != DESCRIPTION]
    for name in dict.fromkeys((*before, *files)):
        key = _cells(keys.get(name, POINT_KEYS)) if name.endswith(".csv") else in_words
        yield name, _read(folder / name) if name in before else None, files.get(name, ""), key
    written = _read(folder / "index.html")
    for name, again in sections(made, {figure.name: b"" for figure in made.figures}).items():
        if name not in _UNCHECKED:
            found = re.search(rf'<section id="{name}"><h2>[^<]*</h2>(.*?)</section>\n', written, re.DOTALL)
            yield f"index.html, {name}", _by_row(found[1] if found else ""), _by_row(again), in_words


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
    told = read_json(folder / DESCRIPTION)
    if told.get("format") != FORMAT:
        version = told.get("coalactl", "another version")
        raise UserError(
            f"{folder} has report format {told.get('format')!r}, by coalactl {version}; this reads {FORMAT}"
        )
    lists = all(isinstance(told.get(key), list) and all(isinstance(x, str) for x in told[key]) for key in _LISTS)
    tables = all(isinstance(told.get(key), Mapping) for key in _TABLES)
    if not isinstance(told.get("root"), str) or not isinstance(told.get("problems"), list) or not lists or not tables:
        raise UserError(f"{folder / DESCRIPTION} is damaged: it names no runs", ExitCode.DAMAGED)
    return told


_LISTS, _TABLES = ("paths", "runs", "formats", "files"), ("labels", "evaluations")


def _why(made: Report, gone: Other, words: str) -> str:
    found = (problem.what for problem in made.found.problems if problem.name == gone.path)
    return next(found, f"{words} is not there any more")
