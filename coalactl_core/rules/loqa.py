"""LOQA (arXiv:2405.01035, ICLR 2024): learning with opponent Q-learning awareness.

The co-player is taken to act by a softmax of its action values, in which that of the action b_t that it took is the
return that followed, Q̂_t. What followed is of the agent's making: its later actions change Q̂_t, and with it what the
co-player does. With advantages A of the agent, action values Q' and values V' of the co-player, the agent ascends

    E Σ_t A_t ( ∇log π(a_t) + w ∇log π̂(b_t) )

    log π̂(b_t) = Q̂_t/τ − log( exp(Q̂_t/τ) + Σ_{b≠b_t} exp(Q'(h_t, b)/τ) )
    ∇Q̂_t       = γ Σ_{k>t} (γδ)^{k−t−1} A'_k ∇log π(a_k),   A'_k = R'_k − V'(h_k)

The last line is the derivative of Loaded DiCE's return (Farquhar et al. 2019), with R' the co-player's return; a_t is
not in it, since both move at once. ∇log π̂(b_t) is (1 − π̂(b_t)) ∇Q̂_t/τ, so that sorted by the action whose
log-probability is differentiated all of it is a policy gradient, by PPO or A2C, with the advantages

    A*_k = A_k + (wγ/τ) ( Σ_{t<k} (γδ)^{k−t−1} (1 − π̂(b_t)) A_t ) A'_k

Q' and V' are the agent's own estimates: a network as its policy's, whose logits are action values, learns them from
what the co-player saw, did and earned. So any co-player will do. A meta-trajectory is one episode here, as for A.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, Int, Key

from coalactl_core.configuration.loqa import LoqaConfig
from coalactl_core.credit.estimators import centre_by_kind
from coalactl_core.learning.objectives import value_loss
from coalactl_core.learning.optimizers import apply_gradients, fresh_learner
from coalactl_core.learning.update import LearningBatch, Updater, update_agent
from coalactl_core.loops.chunks import fitting_chunk, map_in_chunks, sum_over_chunks
from coalactl_core.nets.policy import PolicyOutput, unroll_from_start
from coalactl_core.play.rollout import Record, Rollout
from coalactl_core.play.trajectories import ego_trajectory, joined
from coalactl_core.rules.score_function import report_of, targets_by, updater_of
from coalactl_core.rules.seam import Met, Numbers, Report, Rule, Setting
from coalactl_core.types import (
    EnvironmentState,
    Learner,
    MetaEpisode,
    MetaHyperparameters,
    Number,
    Pairing,
    Params,
    Trajectory,
)


class Loqa(NamedTuple):
    """The static side of the learner; ``steps``: gradient steps of the model in an iteration."""

    rollout: Rollout
    updater: Updater
    kinds: tuple[int, ...]
    steps: int


class Kept(NamedTuple):
    """What is needed of inner episodes: the agent's side, and what the co-player did and earned."""

    trajectory: Trajectory
    actions: Int[Array, "*lead batch"]
    rewards: Float[Array, "*lead batch"]


class Lesson(NamedTuple):
    """What the model learns from: what the co-player saw and did, and the return that followed, in rescaled rewards."""

    states: EnvironmentState
    actions: Int[Array, "meta_batch steps batch"]
    returns: Float[Array, "meta_batch steps batch"]


def build(setting: Setting) -> Rule:
    """The rule of agents that shape the softmax of their co-player's action values."""
    config = setting.settings
    if not isinstance(config, LoqaConfig):
        raise TypeError(f"LOQA's settings are a LoqaConfig, not {config!r}")
    updater = updater_of(setting.experiment, setting.group.meta, setting.rollout)
    return loqa_rule(Loqa(setting.rollout, updater, setting.kinds, config.steps))


def loqa_rule(loqa: Loqa) -> Rule:
    """The rule behind the seam; its state is the learner of the model."""

    def init(key: Key[Array, ""], params: Params) -> Learner:
        model = fresh_learner(loqa.updater.optimizer, loqa.rollout.policy.init(key))
        return fresh_learner(loqa.updater.optimizer, params)._replace(state=model)

    return Rule(init=init, keep=_keep, update=partial(_learn, loqa=loqa))


def chances_by_values(
    returns: Float[Array, "*lead"],
    action_values: Float[Array, "*lead actions"],
    actions: Int[Array, "*lead"],
    temperature: float | Number,
) -> Float[Array, "*lead"]:
    """π̂(b_t): the softmax's probability of the action taken, whose value is the return that followed."""
    taken = jax.nn.one_hot(actions, action_values.shape[-1], dtype=bool)
    values = jnp.where(taken, returns[..., None], action_values)
    return jnp.sum(jax.nn.softmax(values / temperature), -1, where=taken)


def shaping_credit(
    own: Float[Array, "*lead steps batch"],
    theirs: Float[Array, "*lead steps batch"],
    chances: Float[Array, "*lead steps batch"],
    *,
    weight: float | Number,
    temperature: float | Number,
    discount: float | Number,
    decay: float | Number,
) -> Float[Array, "*lead steps batch"]:
    """What is added to the agent's advantages (A* less A of the module's docstring); 0 at the first step."""

    def step(past: Float[Array, "*lead batch"], now: Float[Array, "*lead batch"]) -> tuple[Array, Array]:
        return now + discount * decay * past, past

    by_step = jnp.moveaxis((1 - chances) * own, -2, 0)
    past = jnp.moveaxis(jax.lax.scan(step, jnp.zeros_like(by_step[0]), by_step)[1], 0, -2)
    return weight * discount / temperature * past * theirs


def _keep(start: Pairing, records: Record) -> Kept:
    return Kept(ego_trajectory(start, records), actions=records.actions[..., 1], rewards=records.rewards[..., 1])


def _learn(key: Key[Array, ""], learner: Learner, met: Met, numbers: Numbers, *, loqa: Loqa) -> tuple[Learner, Report]:
    """One agent's update and its report: that of the plain policy gradient but for the advantages.

    The model expects before it learns: on data of its own its errors would depend on what was done.
    """
    hyper, settings, updater, opponents = numbers.meta, numbers.settings, loqa.updater, met.opponents
    episodes = MetaEpisode(joined(met.kept.trajectory), met.outcomes)
    actions, rewards = (
        leaf.reshape(episodes.trajectory.rewards.shape) for leaf in (met.kept.actions, met.kept.rewards)
    )
    expected = _expected(learner.state.params, episodes.trajectory.states, loqa)
    theirs = episodes.trajectory._replace(rewards=rewards, values=expected.value)
    # Of the trajectory itself, whatever the agent's own critic learns: what followed is of what was done in it.
    plain = hyper._replace(value_targets_average_future=jnp.zeros_like(hyper.value_targets_average_future))
    returns = targets_by(updater, episodes._replace(trajectory=theirs), opponents, plain).value_targets
    targets = targets_by(updater, episodes, opponents, hyper)
    added = shaping_credit(
        targets.advantages,
        centre_by_kind(returns - expected.value, opponents.kind, hyper.normalize_advantages),
        chances_by_values(returns, expected.logits, actions, settings["temperature"]),
        weight=settings["weight"],
        temperature=settings["temperature"],
        discount=hyper.discount,
        decay=settings["decay"],
    )
    lesson = Lesson(episodes.trajectory.states, actions, returns)
    model, model_loss = model_after(
        learner.state, lesson, hyper._replace(learning_rate=settings["learning_rate"]), loqa
    )
    targets = targets._replace(advantages=targets.advantages + added)
    learner, losses = update_agent(key, learner, LearningBatch(episodes.trajectory, targets), hyper, updater)
    report = report_of(episodes, opponents, targets, losses, loqa.kinds)
    return learner._replace(state=model), report | {"loqa_scale": jnp.std(added), "loqa_model_loss": model_loss}


def _expected(params: Params, states: EnvironmentState, loqa: Loqa) -> PolicyOutput:
    """Action values (as logits) and values that the model expects before each step; leaves lead with meta_batch."""
    policy = loqa.rollout.policy
    prepared = policy.prepare(params, jax.tree.leaves(states)[0].size)
    of_each = partial(map_in_chunks, lambda states: _output(prepared, states, loqa), chunk=loqa.updater.chunk)
    return loqa.updater.shards.each(of_each, axes=(0,))(states)


def _output(prepared: Params, states: EnvironmentState, loqa: Loqa) -> PolicyOutput:
    """Of one meta-episode, with the co-player's view of it from its start."""
    observations = jax.vmap(jax.vmap(lambda state: loqa.rollout.observe(state, 1)))(states)
    return unroll_from_start(loqa.rollout.policy, prepared, observations, copies=loqa.updater.copies)


def model_after(
    model: Learner, lesson: Lesson, hyper: MetaHyperparameters, loqa: Loqa
) -> tuple[Learner, Float[Array, ""]]:
    """The model after its steps, each on the whole meta-batch, and its loss before the last of them."""
    policy, updater = loqa.rollout.policy, loqa.updater

    def loss(params: Params, part: Lesson) -> Float[Array, ""]:
        prepared = policy.prepare(params, part.actions.size)
        output = jax.vmap(lambda states: _output(prepared, states, loqa))(part.states)
        taken = jax.nn.one_hot(part.actions, output.logits.shape[-1], dtype=bool)
        of_action = value_loss(jnp.sum(output.logits, -1, where=taken), part.returns)
        return jnp.mean(of_action + value_loss(output.value, part.returns))

    def step(model: Learner, _: None) -> tuple[Learner, Float[Array, ""]]:
        def gradient(share: Lesson) -> tuple[Float[Array, ""], Params]:
            size = share.actions.shape[0]
            chunk = fitting_chunk(size, updater.chunk)
            total = sum_over_chunks(partial(jax.value_and_grad(loss), model.params), share, chunk=chunk)
            return jax.tree.map(lambda leaf: leaf * (chunk / size), total)

        value, gradients = updater.shards.mean(gradient)(lesson)
        return apply_gradients(updater.optimizer, model, gradients, hyper).learner, value

    model, losses = jax.lax.scan(step, model, None, length=loqa.steps)
    return model, losses[-1]
