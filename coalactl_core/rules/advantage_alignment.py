"""Advantage Alignment (arXiv:2406.14662, ICLR 2025): own past advantages times the co-player's present one.

For an agent with advantages A and a co-player with advantages A' on the same trajectory, PPO or A2C learn from

    A*_t = A_t + βγ (Σ_{k<t} γ^{t−k} A_k) A'_t

so that what was good for the agent is answered by what is good for the co-player, and what was bad by what is bad. The
co-player is not differentiated through; what is used of it are its rewards and, of a meta agent, its critic's values.
A meta-trajectory is one episode here, as for the agent's own advantages: the sum goes on across inner episodes.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, Int, Key

from coalactl_core.configuration.advantage_alignment import AdvantageAlignmentConfig
from coalactl_core.credit.estimators import centre_by_kind
from coalactl_core.learning.optimizers import fresh_learner
from coalactl_core.learning.update import LearningBatch, Updater, update_agent
from coalactl_core.loops.chunks import map_in_chunks
from coalactl_core.nets.policy import unroll_from
from coalactl_core.play.rollout import Record, Rollout
from coalactl_core.play.trajectories import ego_trajectory, joined
from coalactl_core.rules.score_function import report_of, targets_by, updater_of
from coalactl_core.rules.seam import Met, Numbers, Report, Rule, Setting
from coalactl_core.types import (
    META,
    EnvironmentState,
    Learner,
    MetaEpisode,
    MetaHyperparameters,
    Number,
    Opponents,
    Pairing,
    Params,
    PolicyCarry,
    Trajectory,
)


class Alignment(NamedTuple):
    """The static side of the learner; ``averages``: the mean of the past advantages instead of their discounted sum."""

    rollout: Rollout
    updater: Updater
    kinds: tuple[int, ...]
    averages: bool


class Kept(NamedTuple):
    """What is needed of inner episodes: the agent's side, what the co-player earned, and its memory at their start."""

    trajectory: Trajectory
    rewards: Float[Array, "*lead batch"]
    memory: PolicyCarry


def build(setting: Setting) -> Rule:
    """The rule of agents that align advantages."""
    config = setting.settings
    if not isinstance(config, AdvantageAlignmentConfig):
        raise TypeError(f"Advantage Alignment's settings are an AdvantageAlignmentConfig, not {config!r}")
    alignment = Alignment(
        rollout=setting.rollout,
        updater=updater_of(setting.experiment, setting.group.meta, setting.rollout),
        kinds=setting.kinds,
        averages=config.past == "mean",
    )
    return alignment_rule(alignment)


def alignment_rule(alignment: Alignment) -> Rule:
    """The rule behind the seam."""

    def init(key: Key[Array, ""], params: Params) -> Learner:
        del key
        return fresh_learner(alignment.updater.optimizer, params)

    return Rule(init=init, keep=_keep, update=partial(_learn, alignment=alignment))


def aligned(
    own: Float[Array, "*lead steps batch"],
    theirs: Float[Array, "*lead steps batch"],
    *,
    beta: float | Number,
    discount: float | Number,
    averages: bool = False,
) -> Float[Array, "*lead steps batch"]:
    """What alignment adds to the agent's advantages (the paper's A* less A); 0 at the first step, which has no past.

    By the paper βγ (Σ_{k<t} γ^{t−k} A_k) A'_t. As its published code has it (``averages``), β (1/t Σ_{k<t} A_k) A'_t:
    undiscounted, so that neither late steps nor long episodes weigh more.
    """
    if averages:
        before = jnp.cumsum(own, -2) - own
        return beta * before / jnp.maximum(jnp.arange(own.shape[-2]), 1)[:, None] * theirs

    def step(past: Float[Array, "*lead batch"], now: Float[Array, "*lead batch"]) -> tuple[Array, Array]:
        return discount * (past + now), past

    by_step = jnp.moveaxis(own, -2, 0)
    past = jnp.moveaxis(jax.lax.scan(step, jnp.zeros_like(by_step[0]), by_step)[1], 0, -2)
    return beta * discount * past * theirs


def returns_against_others(
    rewards: Float[Array, "meta_batch steps batch"], discount: float | Number
) -> Float[Array, "meta_batch steps batch"]:
    """Advantages of a co-player without a critic of use: its discounted return less that of the other trajectories.

    The mean over the other B − 1 trajectories of the meta-episode, at the same step, depends on nothing that is done in
    this one, so that the gradient has no bias from it.
    """
    size = rewards.shape[-1]

    def back_up(later: Float[Array, "meta_batch batch"], now: Float[Array, "meta_batch batch"]) -> tuple[Array, Array]:
        total = now + discount * later
        return total, total

    by_step = jnp.moveaxis(rewards, 1, 0)
    returns = jnp.moveaxis(jax.lax.scan(back_up, jnp.zeros_like(by_step[0]), by_step, reverse=True)[1], 0, 1)
    return (returns - jnp.mean(returns, -1, keepdims=True)) * (size / max(size - 1, 1))


def _keep(start: Pairing, records: Record) -> Kept:
    return Kept(trajectory=ego_trajectory(start, records), rewards=records.rewards[..., 1], memory=start.coplayer_carry)


def _learn(
    key: Key[Array, ""], learner: Learner, met: Met, numbers: Numbers, *, alignment: Alignment
) -> tuple[Learner, Report]:
    """One agent's update and its report: that of the plain policy gradient but for the advantages."""
    hyper, updater, opponents = numbers.meta, alignment.updater, met.opponents
    episodes = MetaEpisode(joined(met.kept.trajectory), met.outcomes)
    targets = targets_by(updater, episodes, opponents, hyper)
    added = aligned(
        targets.advantages,
        coplayer_advantages(episodes, met.kept, opponents, hyper, alignment),
        beta=numbers.settings["beta"],
        discount=hyper.discount,
        averages=alignment.averages,
    )
    targets = targets._replace(advantages=targets.advantages + added)
    learner, losses = update_agent(key, learner, LearningBatch(episodes.trajectory, targets), hyper, updater)
    report = report_of(episodes, opponents, targets, losses, alignment.kinds)
    return learner, report | {"alignment_scale": jnp.std(added)}


def coplayer_advantages(
    episodes: MetaEpisode, kept: Kept, opponents: Opponents, hyper: MetaHyperparameters, alignment: Alignment
) -> Float[Array, "meta_batch steps batch"]:
    """A', the co-players' advantages on what was played; of meta agents by their own critics, GAE as of the agent's.

    A naive learner's critic has learnt little and expects its own discount, and a fixed strategy has none: theirs are
    returns, compared among the trajectories of the meta-episode.
    """
    rewards = kept.rewards.reshape(episodes.trajectory.rewards.shape)
    without_critic = hyper.reward_scale * returns_against_others(rewards, hyper.discount)
    advantages = centre_by_kind(without_critic, opponents.kind, hyper.normalize_advantages)
    if META not in alignment.kinds:
        return advantages
    theirs = episodes.trajectory._replace(rewards=rewards, values=_coplayer_values(kept, opponents, alignment))
    by_critic = targets_by(alignment.updater, episodes._replace(trajectory=theirs), opponents, hyper)
    return jnp.where((opponents.kind == META)[:, None, None], by_critic.advantages, advantages)


class _Seen(NamedTuple):
    """What one meta agent's critic is asked about: who it is, the states it saw, its memory as inner episodes begin."""

    params: Params
    kind: Int[Array, "*meta_batch"]
    crossing: Int[Array, "*meta_batch"] | None
    states: EnvironmentState
    memory: PolicyCarry


def _coplayer_values(kept: Kept, opponents: Opponents, alignment: Alignment) -> Float[Array, "meta_batch steps batch"]:
    """What the co-players' networks expect before each step, in rescaled rewards."""
    rollout, updater = alignment.rollout, alignment.updater
    seen = _Seen(opponents.learner.params, opponents.kind, opponents.crossing, kept.trajectory.states, kept.memory)
    of_each = partial(map_in_chunks, partial(_values, rollout=rollout), chunk=updater.chunk)
    return updater.shards.each(of_each, axes=(0,))(seen)


def _values(seen: _Seen, rollout: Rollout) -> Float[Array, "steps batch"]:
    """Those of one meta-episode; its inner episodes are unrolled side by side, each from its memory."""
    policy = rollout.seats[1].policy
    opponent = Opponents(kind=seen.kind, number=seen.kind, learner=Learner(()), crossing=seen.crossing)
    see = jax.vmap(jax.vmap(rollout.sight(1, opponent)))
    prepared = policy.prepare(
        seen.params, rollout.inner_episodes * rollout.environment.episode_length * rollout.batch_size
    )

    def of_inner_episode(states: EnvironmentState, memory: Any) -> Float[Array, "episode_steps batch"]:
        return unroll_from(policy, prepared, see(states), memory).value

    values = jax.vmap(of_inner_episode)(seen.states, seen.memory)
    return values.reshape(-1, rollout.batch_size)
