"""The mechanism's three steps (Figs. 2 and 4), of PPI and of A2C alike.

Its numbers are read off plots; the criteria are what its words say of them. "Considerably" is 0.1, as in the first
paper's claims.
"""

from __future__ import annotations

from coalactl.criteria import CONSIDERABLY, COOPERATES, DEFECTS
from coalactl.papers.contract import Exhibit
from coalactl.papers.in_context.measures import COOPERATION, Shown, cooperation, settled, trained_cooperation
from coalactl.papers.in_context.panels import claim, evaluation_of, played, source, trained
from coalactl.report.checks import Source, best, final, least, mean, minus, most, within_game
from coalactl.report.claims import Check

BEST_RESPONSE = 0.9
_ALWAYS_COOPERATED_WITH, _LITTLE_LOST = 1.5, -0.2
_LEAD = 0.5
_FIRST, _LAST = (3, 12), (91, 100)

AGAINST_PROBES = (
    Shown("tit-for-tat", "fixed tit-for-tat"),
    Shown("always-cooperate", "fixed always-cooperate"),
    Shown("always-defect", "fixed always-defect"),
    Shown("random memory-one", "tabular"),
)
_EXTORTION = (Shown("extorter", "naive"), Shown("in-context learner", "naive", "coplayer_"))
_EXTORTERS = Shown("extorters", "meta")


def against_constant(runs: Source, evaluation: str) -> tuple[Check, ...]:
    """Who always cooperates is exploited, and little is lost to who always defects."""
    bounds = {"always-cooperate": _ALWAYS_COOPERATED_WITH, "always-defect": _LITTLE_LOST}
    return tuple(
        mean(runs, settled(evaluation, f"fixed {name}"), f"reward against {name} in rounds 50 to 90", above=bound)
        for name, bound in bounds.items()
    )


def tabular(number: str, method: str) -> Exhibit:
    """Figs. 2A, 4A: against random memory-one strategies."""
    runs = source("tabular", method)
    claimed = claim(
        "best-response",
        "Against random memory-one strategies a learner earns about 1 and cooperates in less than a tenth of rounds",
        method,
        ["tabular"],
        mean(runs, final("reward_vs_fixed"), "reward against random strategies", above=BEST_RESPONSE),
        mean(runs, trained_cooperation("fixed"), "cooperation with random strategies", below=DEFECTS),
    )
    shown = (Shown("learner", "fixed"), Shown("random memory-one", "fixed", "coplayer_"))
    return trained(number, method, "against random strategies", claimed, "tabular", *shown)


def best_responses(number: str, method: str) -> Exhibit:
    """Figs. 2B, 4B: what it does within a game."""
    runs, evaluation = source("tabular", method), evaluation_of(number)
    with_tit_for_tat = settled(evaluation, "fixed tit-for-tat", COOPERATION)
    claimed = claim(
        "finds-out-whom-it-meets",
        "Within a game a learner comes to cooperate with tit-for-tat, to exploit who always cooperates, and to lose "
        "little to who always defects",
        method,
        ["tabular"],
        mean(runs, with_tit_for_tat, "cooperation with tit-for-tat in rounds 50 to 90", above=COOPERATES),
        *against_constant(runs, evaluation),
    )
    title = "best responses within a game"
    return played(number, method, title, claimed, "tabular", *AGAINST_PROBES, pool="probes")


def extortion(number: str, method: str) -> Exhibit:
    """Figs. 2C, 4C: of an agent that learns in context, frozen."""
    runs = source("frozen", method)
    lead = minus(final("reward_vs_naive"), final("coplayer_reward_vs_naive"))
    more = minus(trained_cooperation("naive"), cooperation(final("coplayer_defection_vs_naive")))
    claimed = claim(
        "extorts",
        "A learner extorts the frozen in-context learner: it earns a lot more than that, which cooperates more",
        method,
        ["frozen"],
        mean(runs, lead, "the extorter's reward less the in-context learner's", above=_LEAD),
        mean(runs, more, "the extorter's cooperation less the in-context learner's", below=-CONSIDERABLY),
    )
    return trained(number, method, "extortion of an in-context learner", claimed, "frozen", *_EXTORTION)


def extortion_within_games(number: str, method: str) -> Exhibit:
    """Figs. 2D, 4D: how it goes within a game."""
    runs, evaluation = source("frozen", method), evaluation_of(number)
    lead = minus(settled(evaluation, "naive"), settled(evaluation, "naive", "coplayer_reward"))
    claimed = claim(
        "extorts-within-games",
        "Once the frozen learner has adapted within a game, the extorter earns a lot more than it",
        method,
        ["frozen"],
        mean(runs, lead, "the extorter's reward less the in-context learner's in rounds 50 to 90", above=_LEAD),
    )
    return played(number, method, "extortion within a game", claimed, "frozen", *_EXTORTION, pool="naive")


def extorters(number: str, method: str) -> Exhibit:
    """Figs. 2E, 4E: two of them meet; of A2C some fall back later, which the paper calls an instability of training."""
    runs, among = source("extorters", method), "reward_vs_meta"
    claimed = claim(
        "extorters-cooperate",
        "Two extorters that train against each other come to cooperate",
        method,
        ["extorters"],
        most(runs, best(among), "reward of two extorters, in its best tenth of training,", above=COOPERATES),
        mean(runs, final(among), "reward of two extorters at the end", above=COOPERATES),
        most(runs, least(among), "reward at the end of that extorter which earns less", above=COOPERATES),
    )
    return trained(number, method, "two extorters", claimed, "extorters", _EXTORTERS)


def extorters_begin(number: str, method: str) -> Exhibit:
    """Figs. 2F, 4F: the two before they train against each other."""
    runs, evaluation = source("frozen", method), evaluation_of(number)
    late, early = (within_game(evaluation, "defection", "meta", *rounds) for rounds in (_LAST, _FIRST))
    claimed = claim(
        "shape-each-other-within-games",
        "Before two extorters train against each other, their cooperation rises within a game",
        method,
        ["frozen"],
        mean(runs, minus(early, late), "cooperation in rounds 91 to 100 less that in rounds 3 to 12", above=0.0),
    )
    title = "two extorters before they train against each other"
    return played(number, method, title, claimed, "frozen", _EXTORTERS, pool="meta")
