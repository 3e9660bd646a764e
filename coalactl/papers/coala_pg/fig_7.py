"""Fig. 7: a mixed pool in CleanUp-lite: rewards, fairness and zaps among meta agents, and against naive ones."""

from __future__ import annotations

from coalactl.papers.coala_pg.cleanup import DISCREPANCY, MIXED, ZAPS, beside_others, over_training
from coalactl.papers.coala_pg.roles import ROLE
from coalactl.papers.coala_pg.runs import CLEANUP_MIXED
from coalactl.papers.contract import Exhibit
from coalactl.report.checks import final, mean, minus, untrained
from coalactl.report.claims import Claim
from coalactl.report.curves import REWARD, figure_of, smoothing_note
from coalactl.report.figures import Figure
from coalactl.report.roles import Case

_CLAIM = Claim(
    "cooperates",
    "In a mixed pool of CleanUp-lite COALA-PG agents get a higher reward among each other than M-FOS and "
    "batch-unaware, clean more fairly, and zap less, ever less over training",
    (ROLE["cleanup-mixed"],),
    (
        *beside_others(MIXED, "reward_vs_meta", "reward among meta agents", more=True),
        *beside_others(MIXED, "cleaning_discrepancy_vs_meta", "cleaning discrepancy", more=False),
        *beside_others(MIXED, "zapped_vs_meta", "zaps taken a step among meta agents", more=False),
        mean(
            MIXED["coala-pg"],
            minus(final("zapped_vs_meta"), untrained("zapped_vs_meta")),
            "zaps that coala-pg took a step among meta agents, less those at iteration 0",
            below=0.0,
        ),
    ),
)


def draw(case: Case) -> Figure | None:
    """Rewards, fairness and zaps among meta agents, and against naive ones."""
    setting = case.settings.get("cleanup-mixed")
    if setting is None:
        return None
    panels = over_training(
        setting,
        ("reward among meta agents", REWARD, "reward_vs_meta"),
        ("fairness among meta agents", DISCREPANCY, "cleaning_discrepancy_vs_meta"),
        ("zaps among meta agents", ZAPS, "zapped_vs_meta"),
        ("reward against naive learners", REWARD, "reward_vs_naive"),
        ("reward of naive learners", REWARD, "coplayer_reward_vs_naive"),
        ("zaps by naive learners", ZAPS, "zapped_vs_naive"),
    )
    note = f"{smoothing_note(setting, panels)} Where nobody cleans there is no discrepancy either: see Fig. 14."
    return figure_of("7", "Fig. 7: a mixed pool in CleanUp-lite", note, panels, setting)


EXHIBIT = Exhibit("7", CLEANUP_MIXED, (_CLAIM,), draw, curves=("naive", "meta"))
