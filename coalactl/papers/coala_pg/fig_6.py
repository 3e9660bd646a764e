"""Fig. 6: in CleanUp-lite COALA-PG agents shape naive learners: rewards, fairness of cleaning, zaps."""

from __future__ import annotations

from coalactl.papers.coala_pg.cleanup import DISCREPANCY, SHAPING, ZAPS, beside_others, over_training
from coalactl.papers.coala_pg.roles import ROLE
from coalactl.papers.coala_pg.runs import CLEANUP_SHAPING
from coalactl.papers.contract import Exhibit
from coalactl.report.checks import final, mean, minus
from coalactl.report.claims import Claim
from coalactl.report.curves import REWARD, episodes_of, figure_of, smoothing_note
from coalactl.report.figures import Figure, Panel
from coalactl.report.roles import Case

_CLAIM = Claim(
    "shapes",
    "In CleanUp-lite COALA-PG shapes naive learners: higher return and lower cleaning discrepancy than M-FOS and "
    "batch-unaware, and zapped less; the naive co-player cleans more than the agent, and also earns more than "
    "beside the others",
    (ROLE["cleanup-shaping"],),
    (
        *beside_others(SHAPING, "reward_vs_naive", "reward against naive learners", more=True),
        *beside_others(SHAPING, "coplayer_reward_vs_naive", "the naive learners' reward", more=True),
        *beside_others(SHAPING, "cleaning_discrepancy_vs_naive", "cleaning discrepancy", more=False),
        *beside_others(SHAPING, "zapped_vs_naive", "zaps taken a step, which naive learners gave", more=False),
        mean(
            SHAPING["coala-pg"],
            minus(final("coplayer_cleaning_vs_naive"), final("cleaning_vs_naive")),
            "the cleaning of coala-pg's naive learners less its own",
            above=0.0,
        ),
    ),
)


def draw(case: Case) -> Figure | None:
    """Rewards over training and within a meta-episode, fairness of cleaning, zaps."""
    setting = case.settings.get("cleanup-shaping")
    if setting is None:
        return None
    panels = (
        *over_training(
            setting,
            ("reward of the agent", REWARD, "reward_vs_naive"),
            ("reward of its naive learners", REWARD, "coplayer_reward_vs_naive"),
            ("fairness of cleaning", DISCREPANCY, "cleaning_discrepancy_vs_naive"),
            ("zaps by naive learners", ZAPS, "zapped_vs_naive"),
        ),
        Panel("agent, within a meta-episode", "inner episode", REWARD, tuple(episodes_of(setting, "reward"))),
        Panel("its naive learners, within", "inner episode", REWARD, tuple(episodes_of(setting, "coplayer_reward"))),
    )
    note = (
        f"{smoothing_note(setting, panels)} Within a meta-episode: of the last 10% of iterations. Where nobody "
        "cleans there is no discrepancy either: Fig. 13 has what each player cleans."
    )
    return figure_of("6", "Fig. 6: shaping naive learners in CleanUp-lite", note, panels, setting)


EXHIBIT = Exhibit("6", CLEANUP_SHAPING, (_CLAIM,), draw, curves=("naive",))
