"""Verdicts in words: ``claims.md`` and ``claims.json``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from coalactl.report.judging import Judgement, Outcome, as_json
from coalactl.report.tables import number, span

VERDICTS = ("reproduced", "partly", "not reproduced", "not tested")
_RULE = (
    "A check is reproduced where its estimate lies beyond the bound and its interval excludes the bound, partly where "
    "only the estimate does. A claim is reproduced where all its checks are, not reproduced where no check is even "
    "partly, partly in between; intervals are over training seeds."
)


def to_json(judgements: Sequence[Judgement]) -> str:
    """All digits, every seed's value, and the runs behind each number."""
    return json.dumps({"claims": [as_json(judgement) for judgement in judgements]}, indent=1, allow_nan=False) + "\n"


def counts(judgements: Sequence[Judgement]) -> dict[str, int]:
    """How many claims came to each verdict."""
    verdicts: list[str] = [judgement.verdict for judgement in judgements]
    return {verdict: verdicts.count(verdict) for verdict in VERDICTS}


def tested(judgements: Sequence[Judgement]) -> list[Judgement]:
    """Those that the runs say something of."""
    return [one for one in judgements if one.verdict != "not tested"]


def untested(judgements: Sequence[Judgement]) -> list[Judgement]:
    """The others."""
    return [one for one in judgements if one.verdict == "not tested"]


def checks_met(judgement: Judgement) -> str:
    """``1 of 3 checks reproduced, 1 not tested`` of a claim that partly is; empty for other verdicts, about all."""
    if judgement.verdict != "partly":
        return ""
    verdicts = [outcome.verdict for outcome in judgement.outcomes]
    left = verdicts.count("not tested")
    met = f"{verdicts.count('reproduced')} of {len(verdicts)} check{'s' if len(verdicts) > 1 else ''} reproduced"
    return f"{met}, {left} not tested" if left else met


def in_one_line(judgement: Judgement) -> str:
    """Figure, verdict, setting and, where it could be mistaken, which runs were judged."""
    where = judgement.case.name or "-"
    judged_on = f"; {judgement.judged_on}" if judgement.judged_on else ""
    met = checks_met(judgement)
    verdict = f"{judgement.verdict} ({met})" if met else judgement.verdict
    return f"{judgement.exhibit.label:<4} {verdict:<22} {where}{judged_on}"


def in_lines(judgements: Sequence[Judgement]) -> Iterator[str]:
    """A line for each claim that was tested, and one for all others."""
    yield from map(in_one_line, tested(judgements))
    if left := untested(judgements):
        figures = ", ".join(dict.fromkeys(_figures(left, tested(judgements))))
        yield f"not tested: {len(left)} claim{'s' if len(left) > 1 else ''} (Fig. {figures}); claims.md tells what for"


def _figures(left: Sequence[Judgement], judged: Sequence[Judgement]) -> Iterator[str]:
    """What claims are called; those of a later paper by its name alone, where none of it was tested."""
    begun = {_paper_in(one) for one in judged}
    for one in left:
        paper = _paper_in(one)
        yield f"all of {paper}" if paper and paper not in begun else one.exhibit.label


def _paper_in(judgement: Judgement) -> str:
    """The name before a figure's; empty of the first paper."""
    return judgement.exhibit.label.rpartition("/")[0]


def to_markdown(judgements: Sequence[Judgement]) -> str:
    """An overview of what was tested, each of these claims with its checks, and in short what was not."""
    lines = ["# Published claims", ""]
    judged = tested(judgements)
    if judged:
        lines += [_RULE, "", "| figure | verdict | setting | claim |", "| --- | --- | --- | --- |"]
    else:
        lines += ["These runs test none of them."]
    lines += [f"| {one.exhibit.label} | {_verdict(one)} | {one.case.name or '–'} | {one.line} |" for one in judged]
    for judgement in judged:
        lines += ["", *_section(judgement)]
    if left := untested(judgements):
        lines += ["", "## Not tested", "", "| figure | to test it | what is missing |", "| --- | --- | --- |"]
        rows = (f"| {one.exhibit.label} | {_code(command(one))} | {missing(one)} |" for one in left)
        lines += dict.fromkeys(rows)
    return "\n".join(lines) + "\n"


def missing(judgement: Judgement) -> str:
    """The first thing that a claim was not tested for."""
    reasons = (outcome.missing for outcome in judgement.outcomes if outcome.missing)
    return next(reasons, "the runs have no such number")


def _verdict(judgement: Judgement) -> str:
    met = checks_met(judgement)
    return f"**{judgement.verdict}**{f', {met}' if met else ''}"


def _code(text: str) -> str:
    return f"`{text}`" if text else "–"


def _section(judgement: Judgement) -> Iterator[str]:
    where = f" ({judgement.case.name})" if judgement.case.name else ""
    met = checks_met(judgement)
    yield f"## {judgement.exhibit.label}: {judgement.verdict}{f', {met}' if met else ''}{where}"
    yield ""
    yield f"{judgement.line}."
    yield ""
    yield "| criterion | estimate | seeds | verdict |"
    yield "| --- | --- | --- | --- |"
    for outcome in judgement.outcomes:
        estimate, seeds = numbers(outcome)
        yield f"| {outcome.check.criterion} | {estimate} | {seeds} | {outcome.verdict} |"
    for criterion, outcome in beside(judgement):
        estimate, seeds = numbers(outcome)
        yield f"| {criterion} | {estimate} | {seeds} | ({outcome.verdict}) |"
    if remedy := command(judgement):
        yield ""
        yield f"To test what is missing: `{remedy}`."


def beside(judgement: Judgement) -> Iterator[tuple[str, Outcome]]:
    """What is told beside a verdict and is no part of it, with its criterion."""
    for agents, outcome in judgement.beside:
        yield f"no part of the verdict, {agents.name}: {outcome.check.criterion}", outcome


def numbers(outcome: Outcome) -> tuple[str, str]:
    """``0.55 [0.31, 0.79]`` and the number of seeds, or what is missing."""
    if outcome.quantity is None:
        return outcome.missing, "–"
    interval = outcome.quantity.interval
    return f"{number(interval.estimate)} {span(interval.low, interval.high)}".strip(), str(interval.seeds)


def command(judgement: Judgement) -> str:
    """What would make the runs that are missing; empty where none are."""
    missing = any(outcome.quantity is None for outcome in judgement.outcomes)
    return f"coalactl reproduce {judgement.exhibit.name}" if missing else ""
