"""Fig. 13: what lies around and what each player does where naive learners of CleanUp-lite are shaped."""

from __future__ import annotations

from coalactl.papers.coala_pg.cleanup import APPLES, CLEANING, DIRT, SHAPING, ZAPS, beside_others, further_measures
from coalactl.papers.coala_pg.roles import ROLE
from coalactl.papers.coala_pg.runs import CLEANUP_SHAPING
from coalactl.papers.contract import Exhibit
from coalactl.report.claims import Claim
from coalactl.report.figures import Figure
from coalactl.report.roles import Case

_CLAIM = Claim(
    "less-pollution",
    "Where COALA-PG shapes naive learners there is less pollution and there are more apples than with M-FOS and "
    "batch-unaware",
    (ROLE["cleanup-shaping"],),
    (
        *beside_others(SHAPING, "pollution_level_vs_naive", "dirt patches", more=False),
        *beside_others(SHAPING, "apple_level_vs_naive", "apples", more=True),
    ),
)


def draw(case: Case) -> Figure | None:
    """What lies around, and what each player does."""
    return further_measures(
        case,
        "cleanup-shaping",
        "13",
        "shaping naive learners",
        ("pollution", DIRT, "pollution_level_vs_naive"),
        ("apples", APPLES, "apple_level_vs_naive"),
        ("zaps by the agent", ZAPS, "coplayer_zapped_vs_naive"),
        ("cleaning by the agent", CLEANING, "cleaning_vs_naive"),
        ("cleaning by its naive learners", CLEANING, "coplayer_cleaning_vs_naive"),
    )


EXHIBIT = Exhibit("13", CLEANUP_SHAPING, (_CLAIM,), draw)
