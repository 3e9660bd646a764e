"""Fig. 14: what lies around and who cleans in the mixed pool of CleanUp-lite."""

from __future__ import annotations

from coalactl.papers.coala_pg.cleanup import APPLES, CLEANING, DIRT, MIXED, SHAPING, beside_others, further_measures
from coalactl.papers.coala_pg.roles import ROLE
from coalactl.papers.coala_pg.runs import CLEANUP_MIXED, CLEANUP_SHAPING
from coalactl.papers.contract import Exhibit
from coalactl.papers.trains import Trains
from coalactl.report.checks import apart, final
from coalactl.report.claims import Claim
from coalactl.report.figures import Figure
from coalactl.report.roles import Case

_TRAINS = Trains((*CLEANUP_MIXED.quick, *CLEANUP_SHAPING.quick), (*CLEANUP_MIXED.paper, *CLEANUP_SHAPING.paper))

_CLAIM = Claim(
    "less-pollution",
    "Among COALA-PG agents of a mixed pool there is less pollution and there are more apples than with M-FOS and "
    "batch-unaware, and less zapping than in the shaping setting",
    (ROLE["cleanup-mixed"], ROLE["cleanup-shaping"]),
    (
        *beside_others(MIXED, "pollution_level_vs_meta", "dirt patches among meta agents", more=False),
        *beside_others(MIXED, "apple_level_vs_meta", "apples among meta agents", more=True),
        apart(
            MIXED["coala-pg"],
            final("zapped_vs_meta"),
            SHAPING["coala-pg"],
            final("zapped_vs_naive"),
            "coala-pg's mean of zaps taken a step, mixed pool among meta agents − shaping naive learners",
            below=0.0,
        ),
    ),
)


def draw(case: Case) -> Figure | None:
    """What lies around and what is cleaned among meta agents, and who cleans against naive ones."""
    return further_measures(
        case,
        "cleanup-mixed",
        "14",
        "a mixed pool",
        ("pollution among meta agents", DIRT, "pollution_level_vs_meta"),
        ("apples among meta agents", APPLES, "apple_level_vs_meta"),
        ("cleaning among meta agents", CLEANING, "cleaning_vs_meta"),
        ("cleaning against naive learners", CLEANING, "cleaning_vs_naive"),
        ("cleaning by naive learners", CLEANING, "coplayer_cleaning_vs_naive"),
    )


EXHIBIT = Exhibit("14", _TRAINS, (_CLAIM,), draw)
