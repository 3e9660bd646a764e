"""Fig. 10: the pair of a mixed pool leaves tit-for-tat."""

from __future__ import annotations

from coalactl.papers.coala_pg.exact import AMONG_META, COOPERATES_EXACTLY, META, path_of, source
from coalactl.papers.coala_pg.roles import ROLE
from coalactl.papers.coala_pg.runs import at_one_size, exact
from coalactl.papers.contract import Exhibit
from coalactl.report.checks import final, median, minus, untrained
from coalactl.report.claims import Claim
from coalactl.report.exact_curves import exact_figure, learner_in
from coalactl.report.figures import AMBER, BLUE, Figure, Panel
from coalactl.report.roles import Case
from coalactl_core.measures import cooperation_in

_LEAVE = source("analytical-from-tit-for-tat")

_CLAIM = Claim(
    "leaves",
    "Tit-for-tat is left in a mixed pool, the pair still cooperates, and the policy found shapes a naive learner "
    "faster than tit-for-tat does",
    (ROLE["analytical-from-tit-for-tat"],),
    (
        median(_LEAVE, final(cooperation_in("dc")), "cooperation after DC, 0.99 for tit-for-tat", below=0.9),
        median(_LEAVE, AMONG_META, META, above=COOPERATES_EXACTLY),
        median(
            _LEAVE,
            minus(final("reward_vs_naive"), untrained("reward_vs_naive")),
            "reward over a naive learner's steps less that of tit-for-tat",
            above=0.0,
        ),
    ),
)


def draw(case: Case) -> Figure | None:
    """From tit-for-tat, and how fast a naive learner is shaped before and after."""
    role = "analytical-from-tit-for-tat"
    lines = [
        *learner_in(case, role, "reward", "policy found", BLUE),
        *learner_in(case, role, "reward", "tit-for-tat", AMBER, "--", untrained=True),
    ]
    panel = Panel("against a naive learner", "steps of the naive learner", "agent's reward per step", tuple(lines))
    return exact_figure(case, "10", "Fig. 10: from tit-for-tat", [*path_of(case, role), panel])


EXHIBIT = Exhibit("10", at_one_size(exact("from-tit-for-tat", 0.1)), (_CLAIM,), draw)
