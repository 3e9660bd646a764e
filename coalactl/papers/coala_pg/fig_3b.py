"""Fig. 3B: two extortioners, trained on each other."""

from __future__ import annotations

from coalactl.papers.coala_pg.exact import AMONG_META, COOPERATES_EXACTLY, ITERATION, META, REWARD, source
from coalactl.papers.coala_pg.roles import ROLE
from coalactl.papers.coala_pg.runs import at_one_size, exact
from coalactl.papers.contract import Exhibit
from coalactl.report.checks import median, most
from coalactl.report.claims import Claim
from coalactl.report.exact_curves import curve_in, exact_figure
from coalactl.report.figures import BLUE, Figure, Panel
from coalactl.report.roles import Case

_MEET = source("analytical-extortioners-meet")

_CLAIM = Claim(
    "end-cooperating",
    "Two extortioners, trained on each other, end cooperating",
    (ROLE["analytical-extortioners-meet"],),
    (
        median(_MEET, AMONG_META, META, above=COOPERATES_EXACTLY),
        most(_MEET, AMONG_META, META, above=COOPERATES_EXACTLY),
    ),
)


def draw(case: Case) -> Figure | None:
    """Extortioners who then learn from each other."""
    lines = curve_in(case, "analytical-extortioners-meet", "reward_vs_meta", "median", BLUE)
    panel = Panel("among meta agents", ITERATION, REWARD, tuple(lines))
    return exact_figure(
        case,
        "3b",
        "Fig. 3B: extortioners meet",
        [panel],
        "First each learns from naive learners, then both from each other.",
    )


EXHIBIT = Exhibit("3B", at_one_size(exact("extortioners-meet", 0.2)), (_CLAIM,), draw)
