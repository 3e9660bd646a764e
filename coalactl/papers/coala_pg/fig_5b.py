"""Fig. 5B: what agents do within a meta-episode against naive learners."""

from __future__ import annotations

from coalactl.criteria import CONSIDERABLY
from coalactl.papers.coala_pg.dilemma import COALA, M_FOS, UNAWARE
from coalactl.papers.coala_pg.roles import ROLE
from coalactl.papers.coala_pg.runs import SHAPING
from coalactl.papers.contract import Exhibit
from coalactl.report import curves
from coalactl.report.captions import over_seeds
from coalactl.report.checks import difference, final, mean, minus
from coalactl.report.claims import Claim
from coalactl.report.figures import Figure, Panel
from coalactl.report.roles import Case

LIKE_DEFECTION = 0.9
SAME_RATE = 0.05

_FIRST, _LAST = final("defection_first_vs_naive"), final("defection_last_vs_naive")

_INVITES = Claim(
    "invites-then-exploits",
    "Within a meta-episode COALA-PG starts with a low defection rate, then exploits towards the end; M-FOS defects "
    "from the start; batch-unaware equals M-FOS",
    (ROLE["ipd-shaping"],),
    (
        difference(COALA, M_FOS, _FIRST, "defection rate in the first inner episode", below=-CONSIDERABLY),
        mean(
            COALA, minus(_LAST, _FIRST), "coala-pg's defection rate in the last less the first inner episode", above=0.0
        ),
        mean(M_FOS, _FIRST, "m-fos's defection rate in the first inner episode", above=LIKE_DEFECTION),
        difference(
            UNAWARE, M_FOS, _FIRST, "defection rate in the first inner episode", above=-SAME_RATE, below=SAME_RATE
        ),
        difference(
            UNAWARE, M_FOS, _LAST, "defection rate in the last inner episode", above=-SAME_RATE, below=SAME_RATE
        ),
    ),
)


def draw(case: Case) -> Figure | None:
    """Defection by inner episode of one meta-episode."""
    setting = case.settings.get("ipd-shaping")
    if setting is None:
        return None
    name = curves.common_evaluation(setting)
    panels = tuple(
        Panel(title, "inner episode", "defection rate", tuple(curves.episodes_of(setting, metric, name)))
        for title, metric in (("agent", "defection"), ("its naive learners", "coplayer_defection"))
    )
    source = "mean over the last 10% of iterations" if name is None else f"of the trained agents (evaluation {name})"
    note = f"Within a meta-episode, {source}. {over_seeds(panels)}."
    return curves.figure_of("5b", "Fig. 5B: behaviour within a meta-episode", note, panels, setting)


EXHIBIT = Exhibit("5B", SHAPING, (_INVITES,), draw, pool="naive")
