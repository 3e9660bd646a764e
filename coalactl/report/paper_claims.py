"""The table of the paper's claims with their criteria, written down before the runs that they judge.

Rewards are a step: mutual cooperation gives 1, mutual defection 0. "Considerably" is 0.1, a tenth of what mutual
cooperation gives. Sampled play cooperates from 0.5 on and defects below 0.1; exact play cooperates from 0.9 on.
"""

from __future__ import annotations

from coalactl.criteria import CONSIDERABLY, COOPERATES, DEFECTS
from coalactl.report.balance_claims import BALANCE_CLAIMS
from coalactl.report.checks import (
    Source,
    crossing,
    difference,
    earlier,
    final,
    mean,
    median,
    medians_differ,
    minus,
    most,
    newest,
    untrained,
)
from coalactl.report.claims import Claim
from coalactl.report.cleanup_claims import CLEANUP_CLAIMS
from coalactl.report.roles import LOOK_AHEADS

COOPERATES_EXACTLY = 0.9
LIKE_DEFECTION = 0.9
SAME_RATE = 0.05
CLOSE_FIT = 0.03
PRINTED_IN_H3 = 0.85

_COALA = Source("ipd-shaping", "coala-pg")
_MFOS = Source("ipd-shaping", "m-fos")
_UNAWARE = Source("ipd-shaping", "batch-unaware")
_MIXED = {method: Source("ipd-mixed", method) for method in ("coala-pg", "m-fos", "batch-unaware")}
_WITHOUT = Source("ipd-meta-only", "coala-pg")
_LOLA = {role: Source(role, "lola-dice") for role in ("ipd-shaping", "ipd-mixed")}
_TOGETHER = {method: Source("ipd-coala-vs-mfos", method) for method in ("coala-pg", "m-fos")}

_AGAINST_NAIVE = final("reward_vs_naive")
_AMONG_META = final("reward_vs_meta")
_ADVANTAGE = minus(final("reward_vs_naive"), final("coplayer_reward_vs_naive"))
_FIRST, _LAST = final("defection_first_vs_naive"), final("defection_last_vs_naive")

_REWARD = "reward against naive learners"
_LEAD = "reward against naive learners less theirs"
_META = "reward among meta agents"


def _exact(role: str) -> Source:
    return Source(role, "lola-dice" if role.startswith("analytical-lola") else "shaping")


SEQUENCE_CLAIMS = (
    Claim(
        "5A",
        "COALA-PG extorts naive learners: considerably higher reward than batch-unaware and M-FOS",
        ("ipd-shaping",),
        (
            difference(_COALA, _MFOS, _AGAINST_NAIVE, _REWARD, above=CONSIDERABLY),
            difference(_COALA, _UNAWARE, _AGAINST_NAIVE, _REWARD, above=CONSIDERABLY),
            mean(_COALA, _ADVANTAGE, f"coala-pg's {_LEAD}", above=0.0),
        ),
    ),
    Claim(
        "5B",
        "Within a meta-episode COALA-PG starts with a low defection rate, then exploits towards the end; M-FOS defects "
        "from the start; batch-unaware equals M-FOS",
        ("ipd-shaping",),
        (
            difference(_COALA, _MFOS, _FIRST, "defection rate in the first inner episode", below=-CONSIDERABLY),
            mean(
                _COALA,
                minus(_LAST, _FIRST),
                "coala-pg's defection rate in the last less the first inner episode",
                above=0.0,
            ),
            mean(_MFOS, _FIRST, "m-fos's defection rate in the first inner episode", above=LIKE_DEFECTION),
            difference(
                _UNAWARE, _MFOS, _FIRST, "defection rate in the first inner episode", above=-SAME_RATE, below=SAME_RATE
            ),
            difference(
                _UNAWARE, _MFOS, _LAST, "defection rate in the last inner episode", above=-SAME_RATE, below=SAME_RATE
            ),
        ),
    ),
    Claim(
        "5C",
        "In a mixed pool COALA-PG agents cooperate with each other and extort naive learners; M-FOS and batch-unaware "
        "end in defection; without naive agents COALA-PG fails too",
        ("ipd-mixed", "ipd-meta-only"),
        (
            most(_MIXED["coala-pg"], _AMONG_META, f"coala-pg's {_META}", above=COOPERATES),
            mean(_MIXED["coala-pg"], _ADVANTAGE, f"coala-pg's {_LEAD}", above=0.0),
            mean(_MIXED["m-fos"], _AMONG_META, f"m-fos's {_META}", below=DEFECTS),
            mean(_MIXED["batch-unaware"], _AMONG_META, f"batch-unaware's {_META}", below=DEFECTS),
            mean(_WITHOUT, _AMONG_META, f"coala-pg's {_META} without naive agents", below=DEFECTS),
        ),
    ),
)

# PAPER has LOLA "as a reference" in 5A and "as in the analytical game" in 5C: cooperation among few look-aheads.
REFERENCE_CLAIMS = (
    Claim(
        "5A",
        "LOLA-DiCE, the reference that differentiates through its co-player, extorts naive learners too",
        ("ipd-shaping",),
        (
            difference(_LOLA["ipd-shaping"], _MFOS, _AGAINST_NAIVE, _REWARD, above=CONSIDERABLY),
            difference(_LOLA["ipd-shaping"], _UNAWARE, _AGAINST_NAIVE, _REWARD, above=CONSIDERABLY),
            mean(_LOLA["ipd-shaping"], _ADVANTAGE, f"lola-dice's {_LEAD}", above=0.0),
        ),
    ),
    Claim(
        "5C",
        "In a mixed pool LOLA-DiCE agents cooperate with each other, as in the analytical game with few look-aheads, "
        "and extort naive learners",
        ("ipd-mixed",),
        (
            most(_LOLA["ipd-mixed"], _AMONG_META, f"lola-dice's {_META}", above=COOPERATES),
            mean(_LOLA["ipd-mixed"], _ADVANTAGE, f"lola-dice's {_LEAD}", above=0.0),
        ),
    ),
)

POOL_CLAIMS = (
    Claim(
        "H.3",
        "COALA-PG and M-FOS in one mixed pool cooperate, 0.850 ± 0.037 (COALA-PG) and 0.853 ± 0.017 (M-FOS) a step "
        "among meta agents; M-FOS alone defects",
        ("ipd-coala-vs-mfos", "ipd-mixed"),
        (
            *(most(_TOGETHER[one], _AMONG_META, f"{one}'s {_META}", above=COOPERATES) for one in _TOGETHER),
            *(
                mean(_TOGETHER[one], _AMONG_META, f"{one}'s {_META}", above=PRINTED_IN_H3 - CONSIDERABLY)
                for one in _TOGETHER
            ),
            mean(_MIXED["m-fos"], _AMONG_META, f"m-fos's {_META}, alone in its pool", below=DEFECTS),
        ),
    ),
)

_RANDOM, _DEFECTION = _exact("analytical-extortion"), _exact("analytical-extortion-from-defection")
_MEET, _GROUP, _PURE = (_exact(f"analytical-{name}") for name in ("extortioners-meet", "mixed", "meta-only"))
_ESCAPE, _LEAVE = _exact("analytical-from-defection"), _exact("analytical-from-tit-for-tat")

SHAPING_CLAIMS = (
    Claim(
        "3A",
        "Shaping beats naive learners, also when started from defection",
        ("analytical-extortion", "analytical-extortion-from-defection"),
        (
            median(_RANDOM, _ADVANTAGE, f"{_LEAD}, random start", above=CONSIDERABLY),
            median(_DEFECTION, _ADVANTAGE, f"{_LEAD}, from defection", above=CONSIDERABLY),
        ),
    ),
    Claim(
        "8",
        "The policies found are close to zero-determinant extortion, random ones are not",
        ("analytical-extortion",),
        (
            median(_RANDOM, final("zd_error"), "mean squared distance from extortion", below=CLOSE_FIT),
            median(_RANDOM, final("zd_chi"), "the extortion factor χ of the fit", above=1.0),
            median(_RANDOM, newest("random_zd_error"), "mean squared distance of random policies", above=CLOSE_FIT),
        ),
    ),
    Claim(
        "3B",
        "Two extortioners, trained on each other, end cooperating",
        ("analytical-extortioners-meet",),
        (
            median(_MEET, _AMONG_META, _META, above=COOPERATES_EXACTLY),
            most(_MEET, _AMONG_META, _META, above=COOPERATES_EXACTLY),
        ),
    ),
    Claim(
        "3C",
        "With naive learners in the pool meta agents come to cooperate, without them they do not",
        ("analytical-mixed", "analytical-meta-only"),
        (
            median(_GROUP, _AMONG_META, f"{_META}, mixed pool", above=COOPERATES_EXACTLY),
            median(_PURE, _AMONG_META, f"{_META}, without naive learners", below=DEFECTS),
        ),
    ),
    Claim(
        "9",
        "From defection the pair of a mixed pool escapes: shaping first, then a transition once the initial "
        "cooperation rises",
        ("analytical-from-defection",),
        (
            most(_ESCAPE, _AMONG_META, _META, above=COOPERATES_EXACTLY),
            earlier(
                _ESCAPE,
                crossing("cooperation_dc", 0.1),
                crossing("reward_vs_meta", 0.5),
                "cooperation after DC exceeds 0.1 before the reward among meta agents exceeds 0.5",
            ),
            earlier(
                _ESCAPE,
                crossing("cooperation_start", 0.5),
                crossing("reward_vs_meta", 0.5),
                "initial cooperation exceeds 0.5 no later than the reward among meta agents",
                or_together=True,
            ),
        ),
    ),
    Claim(
        "10",
        "Tit-for-tat is left in a mixed pool, the pair still cooperates, and the policy found shapes a naive learner "
        "faster than tit-for-tat does",
        ("analytical-from-tit-for-tat",),
        (
            median(_LEAVE, final("cooperation_dc"), "cooperation after DC, 0.99 for tit-for-tat", below=0.9),
            median(_LEAVE, _AMONG_META, _META, above=COOPERATES_EXACTLY),
            median(
                _LEAVE,
                minus(final("reward_vs_naive"), untrained("reward_vs_naive")),
                "reward over a naive learner's steps less that of tit-for-tat",
                above=0.0,
            ),
        ),
    ),
)

_AHEAD = {count: _exact(f"analytical-lola-{count}") for count in LOOK_AHEADS}
_BLEND = {count: _exact(f"analytical-lola-mixed-{count}") for count in LOOK_AHEADS}
_EXTORTS = _exact("analytical-lola-extorts")
_FEW, _MANY = (1, 2, 3), (10, 20)

LOLA_CLAIMS = (
    Claim(
        "4A",
        "LOLA-DiCE with few look-aheads cooperates, with 10 and 20 it does not; their low reward is mutual extortion, "
        "not unconditional defection",
        tuple(_AHEAD[count].role for count in (*_MANY, *_FEW)),
        (
            *(
                median(_AHEAD[count], _AMONG_META, f"{_META}, {count} look-aheads", above=COOPERATES_EXACTLY)
                for count in _FEW
            ),
            *(median(_AHEAD[count], _AMONG_META, f"{_META}, {count} look-aheads", below=COOPERATES) for count in _MANY),
            # An unconditional defector leaves its learner nothing above 0.
            median(
                _AHEAD[20],
                final("coplayer_reward_last_vs_naive"),
                "the reward of a naive learner that has learned against the 20-look-ahead policy",
                above=0.0,
            ),
        ),
    ),
    Claim(
        "4B",
        "A fresh naive learner is extorted by the 20-look-ahead policy",
        ("analytical-lola-extorts",),
        (
            median(
                _EXTORTS,
                minus(final("reward_last_vs_naive"), final("coplayer_reward_last_vs_naive")),
                "reward less the naive learner's after its last step",
                above=CONSIDERABLY,
            ),
        ),
    ),
    Claim(
        "4C",
        "Adding the partial gradient restores cooperation",
        tuple(
            role.role for role in (*(_BLEND[count] for count in (*_MANY, *_FEW)), *(_AHEAD[count] for count in _MANY))
        ),
        (
            *(
                median(_BLEND[count], _AMONG_META, f"{_META}, {count} look-aheads", above=COOPERATES_EXACTLY)
                for count in LOOK_AHEADS
            ),
            *(medians_differ(_BLEND[count], _AHEAD[count], _AMONG_META, _META, above=CONSIDERABLY) for count in _MANY),
        ),
    ),
)


def _place(claim: Claim) -> tuple[bool, int, str]:
    """Figures by number, then sections of the appendix."""
    number = int("".join(filter(str.isdigit, claim.figure)))
    return not claim.figure[0].isdigit(), number, claim.figure


_ALL = (
    *SHAPING_CLAIMS,
    *LOLA_CLAIMS,
    *SEQUENCE_CLAIMS,
    *REFERENCE_CLAIMS,
    *POOL_CLAIMS,
    *BALANCE_CLAIMS,
    *CLEANUP_CLAIMS,
)
CLAIMS = tuple(sorted(_ALL, key=_place))
