"""What the claims on sampled play of the iterated prisoner's dilemma (5A to 5C, H.3) have in common.

Rewards are a step: mutual cooperation gives 1, mutual defection 0. "Considerably" is 0.1, a tenth of what mutual
cooperation gives. Play cooperates from 0.5 on and defects below 0.1.
"""

from __future__ import annotations

from coalactl.report.checks import Source, final, minus

COALA = Source("ipd-shaping", "coala-pg")
M_FOS = Source("ipd-shaping", "m-fos")
UNAWARE = Source("ipd-shaping", "batch-unaware")
LOLA = Source("ipd-shaping", "lola-dice")
MIXED = {method: Source("ipd-mixed", method) for method in ("coala-pg", "m-fos", "batch-unaware", "lola-dice")}

AGAINST_NAIVE = final("reward_vs_naive")
AMONG_META = final("reward_vs_meta")
ADVANTAGE = minus(final("reward_vs_naive"), final("coplayer_reward_vs_naive"))

REWARD = "reward against naive learners"
LEAD = "reward against naive learners less theirs"
META = "reward among meta agents"
