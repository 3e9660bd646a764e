"""App. H.3: COALA-PG and M-FOS agents in one pool."""

from __future__ import annotations

from coalactl.criteria import CONSIDERABLY, COOPERATES, DEFECTS
from coalactl.papers.coala_pg.dilemma import AMONG_META, META, MIXED
from coalactl.papers.coala_pg.roles import ROLE
from coalactl.papers.coala_pg.runs import MIXED_PAPER, MIXED_QUICK
from coalactl.papers.contract import Exhibit
from coalactl.papers.trains import QUICK_SEEDS, TrainingPart, Trains
from coalactl.report import curves
from coalactl.report.checks import Source, mean, most
from coalactl.report.claims import Claim
from coalactl.report.figures import Figure
from coalactl.report.roles import Case

PRINTED = 0.85
_TOGETHER = {method: Source("ipd-coala-vs-mfos", method) for method in ("coala-pg", "m-fos")}

_TRAINS = Trains(
    quick=(
        TrainingPart("ipd-coala-vs-mfos-quick", preset="ipd-coala-vs-mfos-quick", seeds=QUICK_SEEDS, minutes=10.3),
        MIXED_QUICK,
    ),
    paper=(TrainingPart("ipd-coala-vs-mfos", preset="ipd-coala-vs-mfos"), MIXED_PAPER),
)

_COOPERATE = Claim(
    "both-cooperate",
    "COALA-PG and M-FOS in one mixed pool cooperate, 0.850 ± 0.037 (COALA-PG) and 0.853 ± 0.017 (M-FOS) a step "
    "among meta agents; M-FOS alone defects",
    (ROLE["ipd-coala-vs-mfos"], ROLE["ipd-mixed"]),
    (
        *(most(_TOGETHER[one], AMONG_META, f"{one}'s {META}", above=COOPERATES) for one in _TOGETHER),
        *(mean(_TOGETHER[one], AMONG_META, f"{one}'s {META}", above=PRINTED - CONSIDERABLY) for one in _TOGETHER),
        mean(MIXED["m-fos"], AMONG_META, f"m-fos's {META}, alone in its pool", below=DEFECTS),
    ),
)


def draw(case: Case) -> Figure | None:
    """The agents of both methods, and M-FOS agents among themselves."""
    alone = case.settings.get("ipd-mixed")
    return curves.of_a_pool(
        case.settings.get("ipd-coala-vs-mfos"),
        "h3",
        "App. H.3: COALA-PG and M-FOS in one pool",
        curves.Beside(alone, "m-fos", "m-fos, alone in its pool"),
    )


EXHIBIT = Exhibit("H.3", _TRAINS, (_COOPERATE,), draw, curves=("naive", "meta"))
