"""Fig. 4C: with naive learners in the pool LOLA-DiCE cooperates again."""

from __future__ import annotations

from coalactl.criteria import CONSIDERABLY
from coalactl.papers.coala_pg.exact import AMONG_META, COOPERATES_EXACTLY, META
from coalactl.papers.coala_pg.look_aheads import AHEAD, BLEND, FEW, MANY, MIXED_RUNS, RUNS, by_look_aheads, roles_at
from coalactl.papers.coala_pg.roles import LOOK_AHEADS
from coalactl.papers.coala_pg.runs import at_one_size
from coalactl.papers.contract import Exhibit
from coalactl.report.checks import median, medians_differ
from coalactl.report.claims import Claim
from coalactl.report.figures import Figure
from coalactl.report.roles import Case

_CLAIM = Claim(
    "restores",
    "Adding the partial gradient restores cooperation",
    (*roles_at("analytical-lola-mixed-", (*MANY, *FEW)), *roles_at("analytical-lola-", MANY)),
    (
        *(
            median(BLEND[count], AMONG_META, f"{META}, {count} look-aheads", above=COOPERATES_EXACTLY)
            for count in LOOK_AHEADS
        ),
        *(medians_differ(BLEND[count], AHEAD[count], AMONG_META, META, above=CONSIDERABLY) for count in MANY),
    ),
)


def draw(case: Case) -> Figure | None:
    """The same mixed with the partial gradient."""
    return by_look_aheads(case, "analytical-lola-mixed-", "4c", "Fig. 4C: LOLA-DiCE with the partial gradient")


EXHIBIT = Exhibit("4C", at_one_size(*MIXED_RUNS.values(), RUNS[10], RUNS[20]), (_CLAIM,), draw)
