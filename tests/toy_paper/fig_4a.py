"""Its Fig. 4A: agents earn something."""

from __future__ import annotations

from coalactl.papers.contract import Exhibit
from coalactl.papers.trains import TrainingPart, Trains
from coalactl.report.checks import Source, final, mean
from coalactl.report.claims import Claim
from coalactl.report.curves import REWARD, curves_of, figure_of, panel_of
from coalactl.report.figures import Figure
from coalactl.report.roles import Case
from toy_paper.roles import ROLES

_PART = TrainingPart("toy", preset="cleanup-shaping-quick", methods=("m-fos",))
_EARNS = Claim(
    "earns",
    "Agents earn something",
    ROLES,
    (mean(Source("toy", "m-fos"), final("reward_vs_naive"), "m-fos's reward", above=0.0),),
)


def draw(case: Case) -> Figure | None:
    """What they earn over training."""
    setting = case.settings.get("toy")
    if setting is None:
        return None
    return figure_of(
        "4a", "Fig. 4A of the toy", "", [panel_of("agents", REWARD, curves_of(setting, "reward_vs_naive"))], setting
    )


EXHIBIT = Exhibit("4A", Trains((_PART,), ()), (_EARNS,), draw, curves=("naive",))
