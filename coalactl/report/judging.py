"""The verdicts on claims that the numbers give.

A check is met where its estimate lies beyond the bound and its interval excludes the bound; it is partly met where only
the estimate does. A claim is reproduced where all its checks are met, not reproduced where none is even partly met, not
tested where there are no runs for any, and partly reproduced in between.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple

from coalactl.agents import NO_CRITIC, Agents, full_label
from coalactl.report.claims import Check, Claim, Quantity
from coalactl.report.exhibits import Exhibit
from coalactl.report.roles import Case, cases
from coalactl.report.settings import Setting
from coalactl.report.statistics import Interval

Verdict = Literal["reproduced", "partly", "not reproduced", "not tested"]


class Outcome(NamedTuple):
    """What a check came to."""

    check: Check
    verdict: Verdict
    quantity: Quantity | None
    missing: str


class Judgement(NamedTuple):
    """What a claim came to in one case."""

    exhibit: Exhibit
    claim: Claim
    case: Case
    verdict: Verdict
    outcomes: tuple[Outcome, ...]
    beside: tuple[tuple[Agents, Outcome], ...] = ()
    """What checks come to with other agents: a method's with a critic of the batch, where it is judged without, or the
    other way round. No part of the verdict."""

    @property
    def judged_on(self) -> str:
        """``COALA-PG with batch critic``, or without one where that could be mistaken; empty where nothing has one."""
        agents = [agents for outcome in self.outcomes if outcome.quantity for agents in outcome.quantity.agents]
        with_critic = [f"{full_label(one.method)} with batch critic" for one in agents if one.critic != NO_CRITIC]
        others = {other.method for other, _ in self.beside}
        without = [f"{full_label(one.method)} without batch critic" for one in agents if one.method in others]
        return next(iter((*with_critic, *without)), "")

    @property
    def line(self) -> str:
        """The claim, and which runs it was judged on."""
        return f"{self.claim.text} (here: {self.judged_on})" if self.judged_on else self.claim.text


def judge_all(exhibits: Sequence[Exhibit], settings: Sequence[Setting]) -> Iterator[Judgement]:
    """Every claim, in each setting that bears on it; one that nothing bears on is not tested."""
    for exhibit in exhibits:
        for claim in exhibit.claims:
            for case in cases(claim.roles, settings):
                yield judge(exhibit, claim, case)


def judge(exhibit: Exhibit, claim: Claim, case: Case) -> Judgement:
    """The verdict of a claim from the runs of a case."""
    outcomes = tuple(_outcome(check, case) for check in claim.checks)
    verdict = _verdict([outcome.verdict for outcome in outcomes])
    return Judgement(exhibit, claim, case, verdict, outcomes, tuple(_beside(case, outcomes)))


def _beside(case: Case, outcomes: Sequence[Outcome]) -> Iterator[tuple[Agents, Outcome]]:
    other_case = case._replace(settings={role: setting.beside() for role, setting in case.settings.items()})
    for outcome in outcomes:
        other = _outcome(outcome.check, other_case)
        judged = outcome.quantity.methods if outcome.quantity else ()
        agents = other.quantity.agents if other.quantity else ()
        yield from [(one, other) for one in agents if one.name not in judged][:1]


def _outcome(check: Check, case: Case) -> Outcome:
    if missing := case.missing(check.roles):
        return Outcome(check, "not tested", None, missing)
    measured = check.measure(case)
    if isinstance(measured, str):
        return Outcome(check, "not tested", None, measured)
    return Outcome(check, _holds(measured.interval, check), measured, "")


def _holds(interval: Interval, check: Check) -> Verdict:
    """NaN, an interval that so few seeds do not give, excludes nothing."""
    if math.isnan(interval.estimate):
        return "not tested"
    low, high = -math.inf if check.above is None else check.above, math.inf if check.below is None else check.below
    if not low < interval.estimate < high:
        return "not reproduced"
    bounded = (check.above is None or interval.low > low) and (check.below is None or interval.high < high)
    return "reproduced" if bounded else "partly"


def _verdict(verdicts: Sequence[Verdict]) -> Verdict:
    tested = {verdict for verdict in verdicts if verdict != "not tested"}
    if not tested:
        return "not tested"
    if tested == {"reproduced"} and len(set(verdicts)) == 1:
        return "reproduced"
    return "not reproduced" if tested == {"not reproduced"} else "partly"


# --- as plain data --------------------------------------------------------------------------------------------------


def as_json(judgement: Judgement) -> dict[str, Any]:
    """A judgement as ``claims.json`` holds it; what is not finite is null."""
    fields: dict[str, Any] = {
        "id": f"{judgement.exhibit.id}/{judgement.claim.name}",
        "figure": judgement.exhibit.label,
        "setting": judgement.case.name,
        "claim": judgement.claim.text,
        "verdict": judgement.verdict,
        "checks": [_check_json(outcome) for outcome in judgement.outcomes],
    }
    if judgement.judged_on:
        fields["judged_on"] = judgement.judged_on
        fields["beside"] = [_check_json(outcome) for _, outcome in judgement.beside]
    return fields


def _check_json(outcome: Outcome) -> dict[str, Any]:
    check, quantity = outcome.check, outcome.quantity
    fields: dict[str, Any] = {
        "criterion": check.criterion,
        "verdict": outcome.verdict,
        "above": check.above,
        "below": check.below,
    }
    if quantity is None:
        return {**fields, "missing": outcome.missing}
    interval = quantity.interval
    return {
        **fields,
        "quantity": quantity.name,
        "estimate": _finite(interval.estimate),
        "low": _finite(interval.low),
        "high": _finite(interval.high),
        "seeds": interval.seeds,
        "methods": list(quantity.methods),
        "values": {str(seed): _finite(value) for seed, value in quantity.values.items()},
        "runs": list(quantity.runs),
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
