"""Meta-episodes as score-function estimators take them: what the ego agent saw, did and earned."""

from __future__ import annotations

from typing import NamedTuple

import jax
from jax import Array
from jaxtyping import Float, Int, Key, Shaped

from coalactl_core.play.meta_episodes import play_meta_episodes
from coalactl_core.play.rollout import Record, Rollout
from coalactl_core.types import MetaEpisode, NaiveHyperparameters, Opponents, Pairing, Params, Trajectory


class JointTrajectory(NamedTuple):
    """The agent's side of inner episodes, and what the co-player did and earned in them."""

    trajectory: Trajectory
    actions: Int[Array, "*lead batch"]
    rewards: Float[Array, "*lead batch"]


def play_meta_trajectories(
    key: Key[Array, ""], ego_params: Params, opponents: Opponents, hyper: NaiveHyperparameters, rollout: Rollout
) -> MetaEpisode:
    """One agent's meta-episodes as its estimator takes them; leaves lead with ``meta_batch``."""
    played = play_meta_episodes(key, ego_params, opponents, hyper, rollout, ego_trajectory)
    return MetaEpisode(joined(played.kept), played.outcomes)


def ego_trajectory(start: Pairing, records: Record) -> Trajectory:
    """What an estimator needs of inner episodes: what the agent saw, did and earned."""
    del start
    return Trajectory(
        states=records.state,
        actions=records.actions[..., 0],
        rewards=records.rewards[..., 0],
        log_probs=records.log_prob,
        values=records.value,
    )


def joint_trajectory(start: Pairing, records: Record) -> JointTrajectory:
    """What is needed by who learns from both sides of inner episodes."""
    return JointTrajectory(
        ego_trajectory(start, records), actions=records.actions[..., 1], rewards=records.rewards[..., 1]
    )


def joined(kept: Trajectory) -> Trajectory:
    """The inner episodes of each meta-episode as one, (inner_episodes, episode_steps) as (steps,)."""

    def join(
        leaf: Shaped[Array, "meta_batch inner_episodes episode_steps *rest"],
    ) -> Shaped[Array, "meta_batch steps *rest"]:
        return leaf.reshape(leaf.shape[0], leaf.shape[1] * leaf.shape[2], *leaf.shape[3:])

    return Trajectory(*(jax.tree.map(join, leaf) for leaf in kept))
