"""Fig. 3A: exact shaping of naive learners, from two starts."""

from __future__ import annotations

from coalactl.criteria import CONSIDERABLY
from coalactl.papers.coala_pg.exact import ADVANTAGE, ITERATION, LEAD, REWARD, source
from coalactl.papers.coala_pg.roles import ROLE
from coalactl.papers.coala_pg.runs import at_one_size, exact
from coalactl.papers.contract import Exhibit
from coalactl.report.checks import median
from coalactl.report.claims import Claim
from coalactl.report.exact_curves import curve_in, exact_figure
from coalactl.report.figures import BLUE, GREY, Figure, Panel
from coalactl.report.roles import Case

_RANDOM, _DEFECTION = source("analytical-extortion"), source("analytical-extortion-from-defection")

_CLAIM = Claim(
    "shapes",
    "Shaping beats naive learners, also when started from defection",
    (ROLE["analytical-extortion"], ROLE["analytical-extortion-from-defection"]),
    (
        median(_RANDOM, ADVANTAGE, f"{LEAD}, random start", above=CONSIDERABLY),
        median(_DEFECTION, ADVANTAGE, f"{LEAD}, from defection", above=CONSIDERABLY),
    ),
)


def draw(case: Case) -> Figure | None:
    """Shaping against naive learners, from two starts."""
    panels = []
    for role, title in (
        ("analytical-extortion", "random start"),
        ("analytical-extortion-from-defection", "from defection"),
    ):
        lines = [
            *curve_in(case, role, "reward_vs_naive", "agent", BLUE),
            *curve_in(case, role, "coplayer_reward_vs_naive", "its naive learners", GREY, "--"),
        ]
        panels.append(Panel(title, ITERATION, REWARD, tuple(lines)))
    return exact_figure(
        case, "3a", "Fig. 3A: shaping naive learners", panels, "Rewards are means over the learner's steps."
    )


EXHIBIT = Exhibit("3A", at_one_size(exact("extortion", 0.1), exact("extortion-from-defection", 0.1)), (_CLAIM,), draw)
