"""``report --check``: makes a report again from the metric files and compares every number of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from coalactl.errors import ExitCode, UserError
from coalactl.report.building import FORMAT, Report, build, texts
from coalactl.report.page import sections
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


def check(folder: Path, runs: Path | None = None) -> Checked:
    """Compare a report with its runs; raises :class:`UserError` where there is no report, or none of its runs."""
    if not (folder / DESCRIPTION).is_file():
        raise UserError(f"{folder} is not a report: it has no {DESCRIPTION}")
    told = _described(folder)
    root = (folder / told["root"] if runs is None else runs).resolve()
    names = set(told["runs"])
    labels = {name: root / path for name, path in told["labels"].items()}
    made = build([root / path for path in told["paths"]], labels, root, names)
    gone = [f"run {name}: {_why(made, name)}" for name in sorted(names - {run.name for run in made.found.runs})]
    numbers, differences = 0, gone
    for where, written, again in _pairs(folder, made, told["formats"]):
        count, found = compare(where, written, again)
        numbers += count
        differences += found
    return Checked(numbers, tuple(differences))


def compare(where: str, written: str, again: str) -> tuple[int, list[str]]:
    """How many numbers there are, and a line for each line of text that differs in a number or a word."""
    ours, theirs = written.splitlines(), again.splitlines()
    all_digits = where.endswith((".csv", ".json"))
    differences = [] if len(ours) == len(theirs) else [f"{where}: {len(ours)} lines, from the runs {len(theirs)}"]
    count = 0
    for number, (one, other) in enumerate(zip(ours, theirs, strict=False), start=1):
        found = _NUMBER.findall(one)
        count += len(found)
        if one == other:
            continue
        pairs = list(zip(found, _NUMBER.findall(other), strict=False))
        unequal = [f"{a}, from the runs {b}" for a, b in pairs if not _same(a, b, all_digits)]
        if _NUMBER.sub("#", one) != _NUMBER.sub("#", other):
            unequal = unequal or ["other words than the runs give"]
        differences += [f"{where}, line {number}: {what}" for what in unequal[:1]]
    return count, differences


def _same(one: str, other: str, all_digits: bool) -> bool:
    """Equal but for rounding: sums taken in another order may turn the last digit, and what it is rounded to."""
    first, second = (float(text.replace("−", "-")) for text in (one, other))
    decimals = _decimals(one)
    shown = 10.0**-decimals if decimals and decimals == _decimals(other) and not all_digits else 0.0
    return abs(first - second) <= max(1.001 * shown, _ROUNDING * abs(first))


def _decimals(text: str) -> int:
    return len(text.partition("e")[0].partition(".")[2])


def _pairs(folder: Path, made: Report, formats: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    for name, again in texts(made, formats).items():
        yield name, _read(folder / name), again
    written = _read(folder / "index.html")
    for name, again in sections(made, {figure.name: b"" for figure in made.figures}).items():
        if name not in _UNCHECKED:
            found = re.search(rf'<section id="{name}"><h2>[^<]*</h2>(.*?)</section>\n', written, re.DOTALL)
            yield f"index.html, {name}", _by_tag(found[1] if found else ""), _by_tag(again)


def _by_tag(html: str) -> str:
    """A line a cell, so that a difference is told once and where it is."""
    return html.replace("><", ">\n<")


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
    named = told.get("labels")
    labels = isinstance(named, Mapping) and all(isinstance(path, str) for path in named.values())
    if not isinstance(told.get("root"), str) or not lists or not labels:
        raise UserError(f"{folder / DESCRIPTION} is damaged: it names no runs", ExitCode.DAMAGED)
    return told


_LISTS = ("paths", "runs", "formats")


def _why(made: Report, name: str) -> str:
    return next((problem.what for problem in made.found.problems if problem.name == name), "it is not there any more")
