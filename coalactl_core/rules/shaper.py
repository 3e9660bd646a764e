"""Shaper (Khan et al., AAMAS 2024, arXiv:2312.12568): history and context in one memory, shared by the batch.

The agent plays a meta-game, M inner episodes against a co-player that learns between them from the B trajectories of
each. Its memory h goes on through all of it, so that it holds *history*, the inner episode so far, and *context*, how
the co-player has come to play as it does. That is made by all B trajectories, of which each has seen one, so the
memories become one between inner episodes:

    h_b  ←  (1/B) Σ_b' h_b'

Each trajectory is credited with its own return of the whole meta-game, by PPO or A2C: the row ``batch-unaware`` of the
table of estimators, differentiated through the mean. In a recurrent network h is the recurrent state; the last few
steps that a convolution looks back on stay each trajectory's own.
"""

from __future__ import annotations

from coalactl_core.rules.score_function import score_function_rule, updater_of
from coalactl_core.rules.seam import Rule, Setting
from coalactl_core.types import SHARED


def build(setting: Setting) -> Rule:
    """The rule of agents whose memory is the batch's from one inner episode to the next."""
    updater = updater_of(setting.experiment, setting.group.meta, setting.rollout)
    # A meta-episode stays in one piece, for its trajectories share what they remember.
    updater = updater._replace(sharing=True, trajectory_chunk=setting.rollout.batch_size)
    return score_function_rule(updater, setting.kinds)._replace(crossing=SHARED, whole=True)
