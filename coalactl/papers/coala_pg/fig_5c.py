"""Fig. 5C: in a mixed pool COALA-PG agents cooperate with each other, and extort naive learners."""

from __future__ import annotations

from coalactl.criteria import COOPERATES, DEFECTS
from coalactl.papers.coala_pg.dilemma import ADVANTAGE, AMONG_META, LEAD, META, MIXED
from coalactl.papers.coala_pg.roles import ROLE
from coalactl.papers.coala_pg.runs import MIXED as RUNS
from coalactl.papers.contract import Exhibit
from coalactl.report import curves
from coalactl.report.checks import Source, mean, most
from coalactl.report.claims import Claim
from coalactl.report.figures import Figure
from coalactl.report.roles import Case

_WITHOUT = Source("ipd-meta-only", "coala-pg")

_COOPERATES = Claim(
    "cooperates",
    "In a mixed pool COALA-PG agents cooperate with each other and extort naive learners; M-FOS and batch-unaware "
    "end in defection; without naive agents COALA-PG fails too",
    (ROLE["ipd-mixed"], ROLE["ipd-meta-only"]),
    (
        most(MIXED["coala-pg"], AMONG_META, f"coala-pg's {META}", above=COOPERATES),
        mean(MIXED["coala-pg"], ADVANTAGE, f"coala-pg's {LEAD}", above=0.0),
        mean(MIXED["m-fos"], AMONG_META, f"m-fos's {META}", below=DEFECTS),
        mean(MIXED["batch-unaware"], AMONG_META, f"batch-unaware's {META}", below=DEFECTS),
        mean(_WITHOUT, AMONG_META, f"coala-pg's {META} without naive agents", below=DEFECTS),
    ),
)
# The paper has LOLA "as in the analytical game": cooperation among few look-aheads.
_REFERENCE = Claim(
    "lola-dice-cooperates",
    "In a mixed pool LOLA-DiCE agents cooperate with each other, as in the analytical game with few look-aheads, "
    "and extort naive learners",
    (ROLE["ipd-mixed"],),
    (
        most(MIXED["lola-dice"], AMONG_META, f"lola-dice's {META}", above=COOPERATES),
        mean(MIXED["lola-dice"], ADVANTAGE, f"lola-dice's {LEAD}", above=0.0),
    ),
)


def draw(case: Case) -> Figure | None:
    """Reward among meta agents and against naive learners, with and without naive agents in the pool."""
    control = case.settings.get("ipd-meta-only")
    return curves.of_a_pool(
        case.settings.get("ipd-mixed"),
        "5c",
        "Fig. 5C: the mixed pool",
        curves.Beside(control, "coala-pg", "coala-pg, no naive agents"),
    )


EXHIBIT = Exhibit("5C", RUNS, (_COOPERATES, _REFERENCE), draw, curves=("naive", "meta"))
