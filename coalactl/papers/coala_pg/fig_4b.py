"""Fig. 4B: the 20-look-ahead policy extorts a fresh naive learner."""

from __future__ import annotations

from coalactl.criteria import CONSIDERABLY
from coalactl.papers.coala_pg.exact import REWARD, source
from coalactl.papers.coala_pg.roles import ROLE
from coalactl.papers.coala_pg.runs import at_one_size, exact
from coalactl.papers.contract import Exhibit
from coalactl.report.checks import final, median, minus
from coalactl.report.claims import Claim
from coalactl.report.exact_curves import exact_figure, learner_in
from coalactl.report.figures import GREY, ORANGE, Figure, Panel
from coalactl.report.roles import Case

_EXTORTS = source("analytical-lola-extorts")

_CLAIM = Claim(
    "extorts",
    "A fresh naive learner is extorted by the 20-look-ahead policy",
    (ROLE["analytical-lola-extorts"],),
    (
        median(
            _EXTORTS,
            minus(final("reward_last_vs_naive"), final("coplayer_reward_last_vs_naive")),
            "reward less the naive learner's after its last step",
            above=CONSIDERABLY,
        ),
    ),
)


def draw(case: Case) -> Figure | None:
    """The 20-look-ahead policy against a fresh naive learner, by the learner's steps."""
    role = "analytical-lola-extorts"
    lines = [
        *learner_in(case, role, "reward", "20 look-aheads", ORANGE),
        *learner_in(case, role, "coplayer_reward", "fresh naive learner", GREY, "--"),
    ]
    panel = Panel("", "steps of the naive learner", REWARD, tuple(lines))
    return exact_figure(case, "4b", "Fig. 4B: LOLA-DiCE meets a naive learner", [panel])


EXHIBIT = Exhibit("4B", at_one_size(exact("lola-extorts", 0.2)), (_CLAIM,), draw)
