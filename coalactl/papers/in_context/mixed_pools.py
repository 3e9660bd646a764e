"""The mixed pool (Figs. 1 and 3), of PPI and of A2C alike."""

from __future__ import annotations

from coalactl.criteria import COOPERATES, DEFECTS
from coalactl.papers.contract import Exhibit
from coalactl.papers.in_context import measures
from coalactl.papers.in_context.measures import Beside, Shown, settled
from coalactl.papers.in_context.roles import role
from coalactl.papers.in_context.runs import ablations, trains
from coalactl.papers.in_context.steps import (
    AGAINST_PROBES,
    BEST_RESPONSE,
    against_constant,
    episodes,
    evaluation_of,
    source,
)
from coalactl.report.checks import final, mean, most
from coalactl.report.claims import Claim
from coalactl.report.figures import GREEN, ORANGE, Look

_ABLATIONS = {
    "told": ("told whom they meet", Look(ORANGE, ":")),
    "no-tabular": ("without random strategies", Look(GREEN, "-.")),
}
_LEARNERS = Shown("among learners", "meta")


def over_training(number: str, method: str, name: str) -> Exhibit:
    """Figs. 1A, 1B."""
    runs, controls = source("mixed", method), ablations(method)
    among = final("reward_vs_meta")
    claim = Claim(
        "cooperates",
        f"In a pool with random strategies {name} learners come to cooperate among themselves, and exploit the "
        f"strategies; {' and '.join(_ABLATIONS[control][0] for control in controls)} they defect",
        tuple(role(experiment, method) for experiment in ("mixed", *controls)),
        (
            most(runs, among, "reward among learners", above=COOPERATES),
            mean(runs, final("reward_vs_fixed"), "reward against random strategies", above=BEST_RESPONSE),
            *(
                mean(
                    source(control, method),
                    among,
                    f"reward among learners {_ABLATIONS[control][0]}",
                    below=DEFECTS,
                )
                for control in controls
            ),
        ),
    )
    beside = tuple(Beside(source(control, method), *_ABLATIONS[control]) for control in controls)
    shown = (_LEARNERS, Shown("against random strategies", "fixed"))
    title = f"Fig. {number} of arXiv:2602.16301: {name} in a mixed pool"
    return Exhibit(
        number,
        trains(method, "mixed", *controls),
        (claim,),
        lambda case: measures.over_training(case, runs, number.lower(), title, shown, beside),
        curves=("meta", "fixed"),
    )


def within_games(number: str, method: str, name: str) -> Exhibit:
    """Figs. 3A, 3B: of trained agents; the paper has some of the time in which they begin to cooperate."""
    runs, evaluation = source("mixed", method), evaluation_of(number)
    claim = Claim(
        "adapts-within-games",
        f"Within a game {name} learners of a mixed pool come to cooperate with each other and with tit-for-tat, "
        "exploit who always cooperates, and lose little to who always defects",
        (role("mixed", method),),
        (
            most(runs, settled(evaluation, "meta"), "reward among learners in rounds 50 to 90", above=COOPERATES),
            mean(
                runs,
                settled(evaluation, "fixed tit-for-tat"),
                "reward against tit-for-tat in rounds 50 to 90",
                above=COOPERATES,
            ),
            *against_constant(runs, evaluation),
        ),
    )
    title = f"Fig. {number} of arXiv:2602.16301: {name} in a mixed pool, within a game"
    return Exhibit(
        number,
        trains(method, "mixed"),
        (claim,),
        lambda case: measures.within_games(case, runs, number.lower(), title, evaluation, (_LEARNERS, *AGAINST_PROBES)),
        pool="probes",
        episodes=episodes(method),
        by_step=True,
    )
