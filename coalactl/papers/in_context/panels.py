"""The two kinds of panels that the paper has, of training and of what trained agents do within a game, as exhibits."""

from __future__ import annotations

from collections.abc import Sequence

from coalactl.papers.contract import Exhibit
from coalactl.papers.in_context import measures
from coalactl.papers.in_context.measures import Beside, Shown
from coalactl.papers.in_context.roles import PPI, role
from coalactl.papers.in_context.runs import trains
from coalactl.report.checks import Source
from coalactl.report.claims import Check, Claim

# Meta-episodes, each of as many games as in training; fewer where each round is planned.
_EVALUATED, _PLANNED = 160, 10


def source(experiment: str, method: str) -> Source:
    """A method's runs of an experiment."""
    return Source(role(experiment, method).name, method)


def claim(name: str, text: str, method: str, experiments: Sequence[str], *checks: Check) -> Claim:
    """What is claimed of a method's experiments, the first of which it is judged in."""
    return Claim(name, text, tuple(role(experiment, method) for experiment in experiments), checks)


def evaluation_of(number: str) -> str:
    """What the evaluation of an exhibit is called in runs."""
    return f"in-context-fig{number.lower()}"


def trained(
    number: str, method: str, title: str, claimed: Claim, experiment: str, *shown: Shown, beside: Sequence[Beside] = ()
) -> Exhibit:
    """Measures of an experiment over training, with others in the same axes."""
    runs, controls = source(experiment, method), tuple(each.experiment for each in beside)
    others = [(source(each.experiment, method), each) for each in beside]
    return Exhibit(
        number,
        trains(method, experiment, *controls),
        (claimed,),
        lambda case: measures.over_training(case, runs, number.lower(), _title(number, title), shown, others),
        curves=tuple(dict.fromkeys(each.opponent for each in shown)),
    )


def played(number: str, method: str, title: str, claimed: Claim, experiment: str, *shown: Shown, pool: str) -> Exhibit:
    """What its trained agents do within a game, in an evaluation against a pool, round by round."""
    runs, evaluation = source(experiment, method), evaluation_of(number)
    return Exhibit(
        number,
        trains(method, experiment),
        (claimed,),
        lambda case: measures.within_games(case, runs, number.lower(), _title(number, title), evaluation, shown),
        pool=pool,
        episodes=_PLANNED if method == PPI else _EVALUATED,
        by_step=True,
    )


def _title(number: str, title: str) -> str:
    return f"Fig. {number} of arXiv:2602.16301: {title}"
