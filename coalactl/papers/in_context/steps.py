"""The mechanism's three steps (Figs. 2 and 4), of PPI and of A2C alike.

Its numbers are read off plots; the criteria are what its words say of them. "Considerably" is 0.1, as in the first
paper's claims.
"""

from __future__ import annotations

from coalactl.criteria import CONSIDERABLY, COOPERATES, DEFECTS
from coalactl.papers.contract import Exhibit
from coalactl.papers.in_context import measures
from coalactl.papers.in_context.measures import COOPERATION, Shown, settled, trained_cooperation
from coalactl.papers.in_context.roles import PPI, role
from coalactl.papers.in_context.runs import trains
from coalactl.report.checks import Source, best, final, mean, minus, most, within_game
from coalactl.report.claims import Check, Claim

EVALUATED = 160
"""Meta-episodes; of each the batch of training."""
PLANNED = 10
"""The same where each round is planned."""
BEST_RESPONSE = 0.9
ALWAYS_COOPERATED_WITH = 1.5
LITTLE_LOST = -0.2
LEAD = 0.5
_FIRST, _LAST = (3, 12), (91, 100)

AGAINST_PROBES = (
    Shown("tit-for-tat", "fixed tit-for-tat"),
    Shown("always-cooperate", "fixed always-cooperate"),
    Shown("always-defect", "fixed always-defect"),
    Shown("random memory-one", "tabular"),
)
_EXTORTION = (Shown("extorter", "naive"), Shown("in-context learner", "naive", "coplayer_"))


def source(experiment: str, method: str) -> Source:
    """A method's runs of an experiment."""
    return Source(role(experiment, method).name, method)


def evaluation_of(number: str) -> str:
    """What the evaluation of an exhibit is called in runs."""
    return f"in-context-fig{number.lower()}"


def episodes(method: str) -> int:
    """How many meta-episodes an agent is evaluated in."""
    return PLANNED if method == PPI else EVALUATED


def against_constant(runs: Source, evaluation: str) -> tuple[Check, ...]:
    """Who always cooperates is exploited, and little is lost to who always defects."""
    bounds = {"always-cooperate": ALWAYS_COOPERATED_WITH, "always-defect": LITTLE_LOST}
    return tuple(
        mean(runs, settled(evaluation, f"fixed {name}"), f"reward against {name} in rounds 50 to 90", above=bound)
        for name, bound in bounds.items()
    )


def tabular(number: str, method: str) -> Exhibit:
    """Figs. 2A, 4A: against random memory-one strategies."""
    runs = source("tabular", method)
    claim = Claim(
        "best-response",
        "Against random memory-one strategies a learner earns about 1 and cooperates in less than a tenth of rounds",
        (role("tabular", method),),
        (
            mean(runs, final("reward_vs_fixed"), "reward against random strategies", above=BEST_RESPONSE),
            mean(runs, trained_cooperation("fixed"), "cooperation with random strategies", below=DEFECTS),
        ),
    )
    shown = (Shown("learner", "fixed"), Shown("random memory-one", "fixed", "coplayer_"))
    title = f"Fig. {number} of arXiv:2602.16301: against random strategies"
    return Exhibit(
        number,
        trains(method, "tabular"),
        (claim,),
        lambda case: measures.over_training(case, runs, number.lower(), title, shown),
        curves=("fixed",),
    )


def best_responses(number: str, method: str) -> Exhibit:
    """Figs. 2B, 4B: what it does within a game."""
    runs, evaluation = source("tabular", method), evaluation_of(number)
    claim = Claim(
        "finds-out-whom-it-meets",
        "Within a game a learner comes to cooperate with tit-for-tat, to exploit who always cooperates, and to lose "
        "little to who always defects",
        (role("tabular", method),),
        (
            mean(
                runs,
                settled(evaluation, "fixed tit-for-tat", COOPERATION),
                "cooperation with tit-for-tat in rounds 50 to 90",
                above=COOPERATES,
            ),
            *against_constant(runs, evaluation),
        ),
    )
    title = f"Fig. {number} of arXiv:2602.16301: best responses within a game"
    return Exhibit(
        number,
        trains(method, "tabular"),
        (claim,),
        lambda case: measures.within_games(case, runs, number.lower(), title, evaluation, AGAINST_PROBES),
        pool="probes",
        episodes=episodes(method),
        by_step=True,
    )


def extortion(number: str, method: str) -> Exhibit:
    """Figs. 2C, 4C: of an agent that learns in context, frozen."""
    runs = source("frozen", method)
    lead = minus(final("reward_vs_naive"), final("coplayer_reward_vs_naive"))
    claim = Claim(
        "extorts",
        "A learner extorts the frozen in-context learner: it earns a lot more than that, which cooperates more",
        (role("frozen", method),),
        (
            mean(runs, lead, "the extorter's reward less the in-context learner's", above=LEAD),
            mean(
                runs,
                minus(trained_cooperation("naive"), measures.cooperation(final("coplayer_defection_vs_naive"))),
                "the extorter's cooperation less the in-context learner's",
                below=-CONSIDERABLY,
            ),
        ),
    )
    title = f"Fig. {number} of arXiv:2602.16301: extortion of an in-context learner"
    return Exhibit(
        number,
        trains(method, "frozen"),
        (claim,),
        lambda case: measures.over_training(case, runs, number.lower(), title, _EXTORTION),
        curves=("naive",),
    )


def extortion_within_games(number: str, method: str) -> Exhibit:
    """Figs. 2D, 4D: how it goes within a game."""
    runs, evaluation = source("frozen", method), evaluation_of(number)
    lead = minus(settled(evaluation, "naive"), settled(evaluation, "naive", "coplayer_reward"))
    claim = Claim(
        "extorts-within-games",
        "Once the frozen learner has adapted within a game, the extorter earns a lot more than it",
        (role("frozen", method),),
        (mean(runs, lead, "the extorter's reward less the in-context learner's in rounds 50 to 90", above=LEAD),),
    )
    title = f"Fig. {number} of arXiv:2602.16301: extortion within a game"
    return Exhibit(
        number,
        trains(method, "frozen"),
        (claim,),
        lambda case: measures.within_games(case, runs, number.lower(), title, evaluation, _EXTORTION),
        pool="naive",
        episodes=episodes(method),
        by_step=True,
    )


def extorters(number: str, method: str) -> Exhibit:
    """Figs. 2E, 4E: two of them meet; of A2C some fall back later, which the paper calls an instability of training."""
    runs = source("extorters", method)
    claim = Claim(
        "extorters-cooperate",
        "Two extorters that train against each other come to cooperate",
        (role("extorters", method),),
        (
            most(
                runs,
                best("reward_vs_meta"),
                "reward of two extorters, in its best tenth of training,",
                above=COOPERATES,
            ),
            mean(runs, final("reward_vs_meta"), "reward of two extorters at the end", above=COOPERATES),
        ),
    )
    title = f"Fig. {number} of arXiv:2602.16301: two extorters"
    return Exhibit(
        number,
        trains(method, "extorters"),
        (claim,),
        lambda case: measures.over_training(case, runs, number.lower(), title, (Shown("extorters", "meta"),)),
        curves=("meta",),
    )


def extorters_begin(number: str, method: str) -> Exhibit:
    """Figs. 2F, 4F: the two before they train against each other."""
    runs, evaluation = source("frozen", method), evaluation_of(number)
    late, early = (within_game(evaluation, "defection", "meta", *rounds) for rounds in (_LAST, _FIRST))
    claim = Claim(
        "shape-each-other-within-games",
        "Before two extorters train against each other, their cooperation rises within a game",
        (role("frozen", method),),
        (mean(runs, minus(early, late), "cooperation in rounds 91 to 100 less that in rounds 3 to 12", above=0.0),),
    )
    title = f"Fig. {number} of arXiv:2602.16301: two extorters before they train against each other"
    return Exhibit(
        number,
        trains(method, "frozen"),
        (claim,),
        lambda case: measures.within_games(
            case, runs, number.lower(), title, evaluation, (Shown("extorters", "meta"),)
        ),
        pool="meta",
        episodes=episodes(method),
        by_step=True,
    )
