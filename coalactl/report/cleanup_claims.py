"""The claims on CleanUp-lite (Figs. 6, 7, 13 and 14), written down before the runs that they judge.

The paper says "higher", "less" and "more" of COALA-PG beside the other methods: a paired difference on its side of 0.
Only zaps that hit are recorded, so that an agent is zapped exactly as often as its co-player zaps. Cleaning discrepancy
by itself misleads, it is 0 where nobody cleans; claims on it stand beside reward and what each player cleans.
"""

from __future__ import annotations

from collections.abc import Iterator

from coalactl.report.checks import Source, apart, difference, final, mean, minus, untrained
from coalactl.report.claims import Check, Claim

_SHAPING = {method: Source("cleanup-shaping", method) for method in ("coala-pg", "m-fos", "batch-unaware")}
_MIXED = {method: Source("cleanup-mixed", method) for method in _SHAPING}


def _beside_others(sources: dict[str, Source], column: str, words: str, *, more: bool) -> Iterator[Check]:
    """COALA-PG has more, or less, of a measure than each of the others."""
    bound = {"above": 0.0} if more else {"below": 0.0}
    for method in ("m-fos", "batch-unaware"):
        yield difference(sources["coala-pg"], sources[method], final(column), words, **bound)


CLEANUP_CLAIMS = (
    Claim(
        "6",
        "In CleanUp-lite COALA-PG shapes naive learners: higher return and lower cleaning discrepancy than M-FOS and "
        "batch-unaware, and zapped less; the naive co-player cleans more than the agent, and also earns more than "
        "beside the others",
        ("cleanup-shaping",),
        (
            *_beside_others(_SHAPING, "reward_vs_naive", "reward against naive learners", more=True),
            *_beside_others(_SHAPING, "coplayer_reward_vs_naive", "the naive learners' reward", more=True),
            *_beside_others(_SHAPING, "cleaning_discrepancy_vs_naive", "cleaning discrepancy", more=False),
            *_beside_others(_SHAPING, "zapped_vs_naive", "zaps taken a step, which naive learners gave", more=False),
            mean(
                _SHAPING["coala-pg"],
                minus(final("coplayer_cleaning_vs_naive"), final("cleaning_vs_naive")),
                "the cleaning of coala-pg's naive learners less its own",
                above=0.0,
            ),
        ),
    ),
    Claim(
        "7",
        "In a mixed pool of CleanUp-lite COALA-PG agents get a higher reward among each other than M-FOS and "
        "batch-unaware, clean more fairly, and zap less, ever less over training",
        ("cleanup-mixed",),
        (
            *_beside_others(_MIXED, "reward_vs_meta", "reward among meta agents", more=True),
            *_beside_others(_MIXED, "cleaning_discrepancy_vs_meta", "cleaning discrepancy", more=False),
            *_beside_others(_MIXED, "zapped_vs_meta", "zaps taken a step among meta agents", more=False),
            mean(
                _MIXED["coala-pg"],
                minus(final("zapped_vs_meta"), untrained("zapped_vs_meta")),
                "zaps that coala-pg took a step among meta agents, less those at iteration 0",
                below=0.0,
            ),
        ),
    ),
    Claim(
        "13",
        "Where COALA-PG shapes naive learners there is less pollution and there are more apples than with M-FOS and "
        "batch-unaware",
        ("cleanup-shaping",),
        (
            *_beside_others(_SHAPING, "pollution_level_vs_naive", "dirt patches", more=False),
            *_beside_others(_SHAPING, "apple_level_vs_naive", "apples", more=True),
        ),
    ),
    Claim(
        "14",
        "Among COALA-PG agents of a mixed pool there is less pollution and there are more apples than with M-FOS and "
        "batch-unaware, and less zapping than in the shaping setting",
        ("cleanup-mixed", "cleanup-shaping"),
        (
            *_beside_others(_MIXED, "pollution_level_vs_meta", "dirt patches among meta agents", more=False),
            *_beside_others(_MIXED, "apple_level_vs_meta", "apples among meta agents", more=True),
            apart(
                _MIXED["coala-pg"],
                final("zapped_vs_meta"),
                _SHAPING["coala-pg"],
                final("zapped_vs_naive"),
                "coala-pg's mean of zaps taken a step, mixed pool among meta agents − shaping naive learners",
                below=0.0,
            ),
        ),
    ),
)
