"""A claim of the paper, its criterion, and the verdict that the numbers give. The claims are in ``paper_claims``.

A check is met where its estimate lies beyond the bound and its interval excludes the bound; it is partly met where only
the estimate does. A claim is reproduced where all its checks are met, not reproduced where none is even partly met, not
tested where there are no runs for any, and partly reproduced in between.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from coalactl.agents import NO_CRITIC, Agents
from coalactl.report.roles import ROLES, Case, cases
from coalactl.report.settings import Setting
from coalactl.report.statistics import Interval

Verdict = Literal["reproduced", "partly", "not reproduced", "not tested"]


class Quantity(NamedTuple):
    """A number that a check rests on, with its interval and the values of all seeds."""

    name: str
    interval: Interval
    values: Mapping[int, float]
    runs: tuple[str, ...]
    agents: tuple[Agents, ...]
    """Whose it is, each method with or without a critic of the batch once."""

    @property
    def methods(self) -> tuple[str, ...]:
        """Whose it is, in words."""
        return tuple(agents.name for agents in self.agents)


class Check(NamedTuple):
    """One criterion: the sign and bound that the interval of a quantity is held against."""

    criterion: str
    roles: tuple[str, ...]
    measure: Callable[[Case], Quantity | str]
    """The quantity, or what is missing for it."""
    above: float | None = None
    below: float | None = None


class Claim(NamedTuple):
    """A row of PAPER's table of claims."""

    figure: str
    text: str
    roles: tuple[str, ...]
    checks: tuple[Check, ...]


class Outcome(NamedTuple):
    """What a check came to."""

    check: Check
    verdict: Verdict
    quantity: Quantity | None
    missing: str


class Judgement(NamedTuple):
    """What a claim came to in one case."""

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
        with_critic = [f"{one.method.upper()} with batch critic" for one in agents if one.critic != NO_CRITIC]
        others = {other.method for other, _ in self.beside}
        without = [f"{one.method.upper()} without batch critic" for one in agents if one.method in others]
        return next(iter((*with_critic, *without)), "")

    @property
    def line(self) -> str:
        """The claim, and which runs it was judged on."""
        return f"{self.claim.text} (here: {self.judged_on})" if self.judged_on else self.claim.text


def judge_all(claims: Sequence[Claim], settings: Sequence[Setting]) -> Iterator[Judgement]:
    """Every claim, in each setting that bears on it; one that nothing bears on is not tested."""
    for claim in claims:
        for case in cases(claim.figure, claim.roles, settings):
            yield judge(claim, case)


def judge(claim: Claim, case: Case) -> Judgement:
    """The verdict of a claim from the runs of a case."""
    outcomes = tuple(_outcome(check, case) for check in claim.checks)
    verdict = _verdict([outcome.verdict for outcome in outcomes])
    return Judgement(claim, case, verdict, outcomes, tuple(_beside(case, outcomes)))


def _beside(case: Case, outcomes: Sequence[Outcome]) -> Iterator[tuple[Agents, Outcome]]:
    other_case = case._replace(settings={role: setting.beside() for role, setting in case.settings.items()})
    for outcome in outcomes:
        other = _outcome(outcome.check, other_case)
        judged = outcome.quantity.methods if outcome.quantity else ()
        agents = other.quantity.agents if other.quantity else ()
        yield from [(one, other) for one in agents if one.name not in judged][:1]


def _outcome(check: Check, case: Case) -> Outcome:
    for role in check.roles:
        if role not in case.settings:
            return Outcome(check, "not tested", None, f"no finished runs of {' or '.join(ROLES[role].presets)}")
    found = check.measure(case)
    if isinstance(found, str):
        return Outcome(check, "not tested", None, found)
    return Outcome(check, _holds(found.interval, check), found, "")


def _holds(interval: Interval, check: Check) -> Verdict:
    """NaN, an interval that so few seeds do not give, excludes nothing."""
    if math.isnan(interval.estimate):
        return "not tested"
    low, high = -math.inf if check.above is None else check.above, math.inf if check.below is None else check.below
    if not low < interval.estimate < high:
        return "not reproduced"
    bounded = (check.above is None or interval.low > low) and (check.below is None or interval.high < high)
    return "reproduced" if bounded else "partly"


def _verdict(found: Sequence[Verdict]) -> Verdict:
    tested = {verdict for verdict in found if verdict != "not tested"}
    if not tested:
        return "not tested"
    if tested == {"reproduced"} and len(set(found)) == 1:
        return "reproduced"
    return "not reproduced" if tested == {"not reproduced"} else "partly"


# --- as plain data --------------------------------------------------------------------------------------------------


def as_json(judgement: Judgement) -> dict[str, Any]:
    """A judgement as ``claims.json`` holds it; what is not finite is null."""
    told: dict[str, Any] = {
        "figure": judgement.claim.figure,
        "setting": judgement.case.name,
        "claim": judgement.claim.text,
        "verdict": judgement.verdict,
        "checks": [_check_json(outcome) for outcome in judgement.outcomes],
    }
    if judgement.judged_on:
        told["judged_on"] = judgement.judged_on
        told["beside"] = [_check_json(outcome) for _, outcome in judgement.beside]
    return told


def _check_json(outcome: Outcome) -> dict[str, Any]:
    check, quantity = outcome.check, outcome.quantity
    told: dict[str, Any] = {
        "criterion": check.criterion,
        "verdict": outcome.verdict,
        "above": check.above,
        "below": check.below,
    }
    if quantity is None:
        return {**told, "missing": outcome.missing}
    interval = quantity.interval
    return {
        **told,
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
