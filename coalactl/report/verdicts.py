"""Verdicts in words: ``claims.md`` and ``claims.json``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from coalactl.report.claims import Judgement, Outcome, as_json
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
    found: list[str] = [judgement.verdict for judgement in judgements]
    return {verdict: found.count(verdict) for verdict in VERDICTS}


def in_one_line(judgement: Judgement) -> str:
    """Figure, verdict, setting and, where it could be mistaken, which runs were judged."""
    where = judgement.case.name or "-"
    told = f"; {judgement.judged_on}" if judgement.judged_on else ""
    return f"{judgement.claim.figure:<4} {judgement.verdict:<15} {where}{told}"


def to_markdown(judgements: Sequence[Judgement]) -> str:
    """An overview, then each claim with its checks."""
    lines = [
        "# The paper's claims",
        "",
        _RULE,
        "",
        "| figure | verdict | setting | claim |",
        "| --- | --- | --- | --- |",
    ]
    lines += [f"| {one.claim.figure} | **{one.verdict}** | {one.case.name or '–'} | {one.line} |" for one in judgements]
    for judgement in judgements:
        lines += ["", *_section(judgement)]
    return "\n".join(lines) + "\n"


def _section(judgement: Judgement) -> Iterator[str]:
    where = f" ({judgement.case.name})" if judgement.case.name else ""
    yield f"## {judgement.claim.figure}: {judgement.verdict}{where}"
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
    name = judgement.claim.figure.lower().replace(".", "")
    missing = any(outcome.quantity is None for outcome in judgement.outcomes)
    return f"coalactl reproduce {'fig' if name[0].isdigit() else ''}{name}" if missing else ""
