"""Fig. 9: the pair of a mixed pool escapes mutual defection."""

from __future__ import annotations

from coalactl.papers.coala_pg.exact import AMONG_META, COOPERATES_EXACTLY, META, path_of, source
from coalactl.papers.coala_pg.roles import ROLE
from coalactl.papers.coala_pg.runs import at_one_size, exact
from coalactl.papers.contract import Exhibit
from coalactl.report.checks import crossing, earlier, most
from coalactl.report.claims import Claim
from coalactl.report.exact_curves import exact_figure
from coalactl.report.figures import Figure
from coalactl.report.roles import Case
from coalactl_core.measures import cooperation_in

_ESCAPE = source("analytical-from-defection")

_CLAIM = Claim(
    "escapes",
    "From defection the pair of a mixed pool escapes: shaping first, then a transition once the initial "
    "cooperation rises",
    (ROLE["analytical-from-defection"],),
    (
        most(_ESCAPE, AMONG_META, META, above=COOPERATES_EXACTLY),
        earlier(
            _ESCAPE,
            crossing(cooperation_in("dc"), 0.1),
            crossing("reward_vs_meta", 0.5),
            "cooperation after DC exceeds 0.1 before the reward among meta agents exceeds 0.5",
        ),
        earlier(
            _ESCAPE,
            crossing(cooperation_in("start"), 0.5),
            crossing("reward_vs_meta", 0.5),
            "initial cooperation exceeds 0.5 no later than the reward among meta agents",
            or_together=True,
        ),
    ),
)


def draw(case: Case) -> Figure | None:
    """From defection."""
    return exact_figure(case, "9", "Fig. 9: from mutual defection", path_of(case, "analytical-from-defection"))


EXHIBIT = Exhibit("9", at_one_size(exact("from-defection", 0.1)), (_CLAIM,), draw)
