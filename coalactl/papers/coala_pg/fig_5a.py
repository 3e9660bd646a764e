"""Fig. 5A: COALA-PG agents extort naive learners on the iterated prisoner's dilemma."""

from __future__ import annotations

from coalactl.criteria import CONSIDERABLY
from coalactl.papers.coala_pg.dilemma import ADVANTAGE, AGAINST_NAIVE, COALA, LEAD, LOLA, M_FOS, REWARD, UNAWARE
from coalactl.papers.coala_pg.roles import ROLE
from coalactl.papers.coala_pg.runs import SHAPING
from coalactl.papers.contract import Exhibit
from coalactl.report import curves
from coalactl.report.checks import Source, difference, mean
from coalactl.report.claims import Check, Claim
from coalactl.report.figures import Figure
from coalactl.report.roles import Case


def _extorts(source: Source) -> tuple[Check, ...]:
    return (
        difference(source, M_FOS, AGAINST_NAIVE, REWARD, above=CONSIDERABLY),
        difference(source, UNAWARE, AGAINST_NAIVE, REWARD, above=CONSIDERABLY),
        mean(source, ADVANTAGE, f"{source.method}'s {LEAD}", above=0.0),
    )


_SHAPES = Claim(
    "extorts",
    "COALA-PG extorts naive learners: considerably higher reward than batch-unaware and M-FOS",
    (ROLE["ipd-shaping"],),
    _extorts(COALA),
)
# The paper has LOLA "as a reference".
_REFERENCE = Claim(
    "lola-dice-extorts",
    "LOLA-DiCE, the reference that differentiates through its co-player, extorts naive learners too",
    (ROLE["ipd-shaping"],),
    _extorts(LOLA),
)


def draw(case: Case) -> Figure | None:
    """Reward of agent and naive learner over training."""
    setting = case.settings.get("ipd-shaping")
    if setting is None:
        return None
    panels = (
        curves.panel_of("agent", curves.REWARD, curves.curves_of(setting, "reward_vs_naive")),
        curves.panel_of("its naive learners", curves.REWARD, curves.curves_of(setting, "coplayer_reward_vs_naive")),
    )
    note = curves.smoothing_note(setting, panels)
    return curves.figure_of("5a", "Fig. 5A: shaping naive learners", note, panels, setting)


EXHIBIT = Exhibit("5A", SHAPING, (_SHAPES, _REFERENCE), draw, curves=("naive",))
