"""Fig. 4A: LOLA-DiCE cooperates with few look-aheads, and not with many."""

from __future__ import annotations

from coalactl.criteria import COOPERATES
from coalactl.papers.coala_pg.exact import AMONG_META, COOPERATES_EXACTLY, META
from coalactl.papers.coala_pg.look_aheads import AHEAD, FEW, MANY, RUNS, by_look_aheads, roles_at
from coalactl.papers.coala_pg.runs import at_one_size
from coalactl.papers.contract import Exhibit
from coalactl.report.checks import final, median
from coalactl.report.claims import Claim
from coalactl.report.figures import Figure
from coalactl.report.roles import Case

_CLAIM = Claim(
    "few-look-aheads",
    "LOLA-DiCE with few look-aheads cooperates, with 10 and 20 it does not; their low reward is mutual extortion, "
    "not unconditional defection",
    roles_at("analytical-lola-", (*MANY, *FEW)),
    (
        *(median(AHEAD[count], AMONG_META, f"{META}, {count} look-aheads", above=COOPERATES_EXACTLY) for count in FEW),
        *(median(AHEAD[count], AMONG_META, f"{META}, {count} look-aheads", below=COOPERATES) for count in MANY),
        # An unconditional defector leaves its learner nothing above 0.
        median(
            AHEAD[20],
            final("coplayer_reward_last_vs_naive"),
            "the reward of a naive learner that has learned against the 20-look-ahead policy",
            above=0.0,
        ),
    ),
)


def draw(case: Case) -> Figure | None:
    """LOLA-DiCE by its number of look-aheads."""
    return by_look_aheads(case, "analytical-lola-", "4a", "Fig. 4A: LOLA-DiCE")


EXHIBIT = Exhibit("4A", at_one_size(*RUNS.values()), (_CLAIM,), draw)
