"""The mixed pool (Figs. 1 and 3), of PPI and of A2C alike."""

from __future__ import annotations

from coalactl.criteria import COOPERATES, DEFECTS
from coalactl.papers.contract import Exhibit
from coalactl.papers.in_context.measures import Beside, Shown, settled
from coalactl.papers.in_context.panels import claim, evaluation_of, played, source, trained
from coalactl.papers.in_context.runs import ablations
from coalactl.papers.in_context.steps import AGAINST_PROBES, BEST_RESPONSE, against_constant
from coalactl.report.checks import final, least, mean, most
from coalactl.report.figures import GREEN, ORANGE, Look

_CONTROLS = {
    each.experiment: each
    for each in (
        Beside("told", "told whom they meet", Look(ORANGE, ":")),
        Beside("no-tabular", "without random strategies", Look(GREEN, "-.")),
    )
}
_LEARNERS = Shown("among learners", "meta")


def over_training(number: str, method: str, name: str) -> Exhibit:
    """Figs. 1A, 1B. A mean of two learners of which one extorts the other is no cooperation: the lesser one counts."""
    runs, among = source("mixed", method), "reward_vs_meta"
    controls = [_CONTROLS[experiment] for experiment in ablations(method)]
    claimed = claim(
        "cooperates",
        f"In a pool with random strategies {name} learners come to cooperate among themselves, and exploit the "
        f"strategies; {' and '.join(each.label for each in controls)} they defect",
        method,
        ["mixed", *ablations(method)],
        most(runs, final(among), "reward among learners", above=COOPERATES),
        most(runs, least(among), "reward among learners of that one which earns less", above=COOPERATES),
        mean(runs, final("reward_vs_fixed"), "reward against random strategies", above=BEST_RESPONSE),
        *(
            mean(source(each.experiment, method), final(among), f"reward among learners {each.label}", below=DEFECTS)
            for each in controls
        ),
    )
    shown = (_LEARNERS, Shown("against random strategies", "fixed"))
    return trained(number, method, f"{name} in a mixed pool", claimed, "mixed", *shown, beside=controls)


def within_games(number: str, method: str, name: str) -> Exhibit:
    """Figs. 3A, 3B: of trained agents; the paper has some of the time in which they begin to cooperate."""
    runs, evaluation = source("mixed", method), evaluation_of(number)
    among, with_tit_for_tat = settled(evaluation, "meta"), settled(evaluation, "fixed tit-for-tat")
    claimed = claim(
        "adapts-within-games",
        f"Within a game {name} learners of a mixed pool come to cooperate with each other and with tit-for-tat, "
        "exploit who always cooperates, and lose little to who always defects",
        method,
        ["mixed"],
        most(runs, among, "reward among learners in rounds 50 to 90", above=COOPERATES),
        mean(runs, with_tit_for_tat, "reward against tit-for-tat in rounds 50 to 90", above=COOPERATES),
        *against_constant(runs, evaluation),
    )
    title = f"{name} in a mixed pool, within a game"
    return played(number, method, title, claimed, "mixed", _LEARNERS, *AGAINST_PROBES, pool="probes")
