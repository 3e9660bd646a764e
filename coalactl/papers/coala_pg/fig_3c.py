"""Fig. 3C: pools of meta agents with naive learners and without."""

from __future__ import annotations

from coalactl.criteria import DEFECTS
from coalactl.papers.coala_pg.exact import AMONG_META, COOPERATES_EXACTLY, ITERATION, META, REWARD, source
from coalactl.papers.coala_pg.roles import ROLE
from coalactl.papers.coala_pg.runs import at_one_size, exact
from coalactl.papers.contract import Exhibit
from coalactl.report.checks import median
from coalactl.report.claims import Claim
from coalactl.report.exact_curves import curve_in, exact_figure
from coalactl.report.figures import BLUE, GREY, Figure, Panel
from coalactl.report.roles import Case

_GROUP, _PURE = source("analytical-mixed"), source("analytical-meta-only")

_CLAIM = Claim(
    "needs-naive-learners",
    "With naive learners in the pool meta agents come to cooperate, without them they do not",
    (ROLE["analytical-mixed"], ROLE["analytical-meta-only"]),
    (
        median(_GROUP, AMONG_META, f"{META}, mixed pool", above=COOPERATES_EXACTLY),
        median(_PURE, AMONG_META, f"{META}, without naive learners", below=DEFECTS),
    ),
)


def draw(case: Case) -> Figure | None:
    """Meta agents with and without naive learners in the pool."""
    lines = [
        *curve_in(case, "analytical-mixed", "reward_vs_meta", "with naive learners", BLUE),
        *curve_in(case, "analytical-meta-only", "reward_vs_meta", "meta agents only", GREY, "--"),
    ]
    panel = Panel("among meta agents", ITERATION, REWARD, tuple(lines))
    return exact_figure(case, "3c", "Fig. 3C: mixed and pure pools", [panel])


EXHIBIT = Exhibit("3C", at_one_size(exact("mixed", 0.2), exact("meta-only", 0.1)), (_CLAIM,), draw)
