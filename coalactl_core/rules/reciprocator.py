"""Reciprocators (arXiv:2406.01641, NeurIPS 2024): an intrinsic reward for answering the other's influence.

What the co-player's action b_t did to the agent's return, and the agent's a_t to the co-player's, is the difference to
what it would have been on average over actions that the other, or the agent, might have taken instead:

    I'_t = Q(h_t, a_t, b_t)  − Σ_b π̂'(b | h_t) Q(h_t, a_t, b)        of the co-player on the agent
    I_t  = Q'(h_t, a_t, b_t) − Σ_a π̂(a | h_t) Q'(h_t, a, b_t)        of the agent on the co-player

    B_t  = Σ_{k<t} δ^{t−1−k} (I'_k − c I_k)                          the balance of influence
    r*_t = r_t + w B_t I_t

so that what was done to the agent is given back. PPO or A2C learn from r* in place of the agent's rewards r. Q, Q', π̂
and π̂' are the agent's own estimates: a network as its policy's, whose logits are action values of joint actions and
those of two policies, learns them from what both did and earned. So any co-player will do.

All is in the environment's rewards. A meta-trajectory is one episode here, as for the agent's own advantages: the
balance goes on across inner episodes.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, Int, Key

from coalactl_core.configuration.reciprocator import ReciprocatorConfig
from coalactl_core.credit.returns import discounted_past
from coalactl_core.learning.models import Model, fresh_model, model_after, output_of, outputs_of
from coalactl_core.learning.objectives import log_probs_and_entropy, value_loss
from coalactl_core.learning.optimizers import fresh_learner
from coalactl_core.learning.update import LearningBatch, Updater, update_agent
from coalactl_core.play.policies import packed_policy
from coalactl_core.play.trajectories import joined, joint_trajectory
from coalactl_core.rules.score_function import report_of, targets_by, updater_of
from coalactl_core.rules.seam import Met, Numbers, Report, Rule, Setting
from coalactl_core.types import EnvironmentState, Learner, MetaEpisode, Number, Params


class Reciprocator(NamedTuple):
    """The static side of the learner; ``model`` has as many logits as :func:`model_outputs` says."""

    updater: Updater
    kinds: tuple[int, ...]
    model: Model
    num_actions: int


class Expected(NamedTuple):
    """What the agent's model expects of a step: returns by own action and the other's, and logits of both policies."""

    returns: Float[Array, "*lead actions actions"]
    other_returns: Float[Array, "*lead actions actions"]
    logits: Float[Array, "*lead actions"]
    other_logits: Float[Array, "*lead actions"]


class Lesson(NamedTuple):
    """What the model learns from: what both did, and the returns that followed, in the environment's rewards."""

    states: EnvironmentState
    actions: Int[Array, "meta_batch steps batch"]
    other_actions: Int[Array, "meta_batch steps batch"]
    returns: Float[Array, "meta_batch steps batch"]
    other_returns: Float[Array, "meta_batch steps batch"]


def build(setting: Setting) -> Rule:
    """The rule of agents that answer influence with influence."""
    config = setting.settings
    if not isinstance(config, ReciprocatorConfig):
        raise TypeError(f"a Reciprocator's settings are a ReciprocatorConfig, not {config!r}")
    updater = updater_of(setting.experiment, setting.group.meta, setting.rollout)
    environment = setting.rollout.environment
    policy, _ = packed_policy(setting.experiment, environment, model_outputs(environment.num_actions))
    model = Model(policy, 0, updater, config.steps)
    return reciprocator_rule(Reciprocator(updater, setting.kinds, model, environment.num_actions))


def reciprocator_rule(reciprocator: Reciprocator) -> Rule:
    """The rule behind the seam; its state is the learner of the model."""

    def init(key: Key[Array, ""], params: Params) -> Learner:
        learner = fresh_learner(reciprocator.updater.optimizer, params)
        return learner._replace(state=fresh_model(key, reciprocator.model))

    return Rule(init=init, keep=joint_trajectory, update=partial(_learn, reciprocator=reciprocator), whole=True)


def model_outputs(num_actions: int) -> int:
    """The model's logits: an action value of each player for every joint action, and those of both policies."""
    return 2 * num_actions**2 + 2 * num_actions


def expected_of(outputs: Float[Array, "*lead outputs"], num_actions: int) -> Expected:
    """The model's logits by what they stand for."""
    joint = num_actions**2
    returns, other_returns, logits, other_logits = jnp.split(outputs, [joint, 2 * joint, 2 * joint + num_actions], -1)
    table = (*outputs.shape[:-1], num_actions, num_actions)
    return Expected(returns.reshape(table), other_returns.reshape(table), logits, other_logits)


def influences(
    expected: Expected, actions: Int[Array, "*lead"], other_actions: Int[Array, "*lead"]
) -> tuple[Float[Array, "*lead"], Float[Array, "*lead"]]:
    """What the co-player's action did to the agent's return (I'), and the agent's to the co-player's (I)."""
    chances, other_chances = jax.nn.softmax(expected.logits), jax.nn.softmax(expected.other_logits)
    taken = jax.nn.one_hot(actions, chances.shape[-1], dtype=chances.dtype)
    other_taken = jax.nn.one_hot(other_actions, chances.shape[-1], dtype=chances.dtype)
    on_agent = jnp.einsum("...ab,...a,...b->...", expected.returns, taken, other_taken - other_chances)
    on_other = jnp.einsum("...ab,...a,...b->...", expected.other_returns, taken - chances, other_taken)
    return on_agent, on_other


def reciprocal_rewards(
    on_agent: Float[Array, "*lead steps batch"],
    on_other: Float[Array, "*lead steps batch"],
    *,
    decay: float | Number,
    repayment: float | Number,
) -> Float[Array, "*lead steps batch"]:
    """B_t I_t: the balance of the past times the agent's present influence; 0 at the first step, which has no past."""
    return discounted_past(on_agent - repayment * on_other, decay) * on_other


def returns_of(
    rewards: Float[Array, "*lead steps batch"], discount: float | Number
) -> Float[Array, "*lead steps batch"]:
    """Σ_{k≥t} γ^{k−t} r_k; with a discount of 0 the rewards themselves."""
    later = jnp.flip(discounted_past(jnp.flip(rewards, -2), discount), -2)
    return rewards + discount * later


def _learn(
    key: Key[Array, ""], learner: Learner, met: Met, numbers: Numbers, *, reciprocator: Reciprocator
) -> tuple[Learner, Report]:
    """One agent's update and its report: that of the plain policy gradient but for the rewards.

    The model expects before it learns: on data of its own its errors would depend on what was done.
    """
    hyper, settings, updater, opponents = numbers.meta, numbers.settings, reciprocator.updater, met.opponents
    trajectory, model = joined(met.kept.trajectory), reciprocator.model
    other_actions, other_rewards = (
        leaf.reshape(trajectory.rewards.shape) for leaf in (met.kept.actions, met.kept.rewards)
    )
    outputs = outputs_of(learner.state.params, trajectory.states, model)
    expected = expected_of(outputs.logits, reciprocator.num_actions)
    on_agent, on_other = influences(expected, trajectory.actions, other_actions)
    added = settings["weight"] * reciprocal_rewards(
        on_agent, on_other, decay=settings["decay"], repayment=settings["repayment"]
    )
    lesson = Lesson(
        states=trajectory.states,
        actions=trajectory.actions,
        other_actions=other_actions,
        returns=returns_of(trajectory.rewards, settings["discount"]),
        other_returns=returns_of(other_rewards, settings["discount"]),
    )
    of_model = hyper._replace(learning_rate=settings["learning_rate"])
    loss = partial(_loss, reciprocator=reciprocator)
    state, model_loss = model_after(learner.state, lesson, loss, of_model, model)
    episodes = MetaEpisode(trajectory._replace(rewards=trajectory.rewards + added), met.outcomes)
    targets = targets_by(updater, episodes, opponents, hyper)
    learner, losses = update_agent(key, learner, LearningBatch(episodes.trajectory, targets), hyper, updater)
    report = report_of(episodes, opponents, targets, losses, reciprocator.kinds) | {
        "reciprocal_reward": jnp.mean(added),
        "reciprocal_scale": jnp.std(added),
        "reciprocator_model_loss": model_loss,
    }
    return learner._replace(state=state), report


def _loss(params: Params, part: Lesson, reciprocator: Reciprocator) -> Float[Array, ""]:
    """Half the squared errors of both returns of what was done, and less the log-probabilities of both actions."""
    model, num_actions = reciprocator.model, reciprocator.num_actions
    prepared = model.policy.prepare(params, part.actions.size)
    outputs = jax.vmap(lambda states: output_of(prepared, states, model).logits)(part.states)
    expected = expected_of(outputs, num_actions)
    taken = jax.nn.one_hot(part.actions, num_actions, dtype=outputs.dtype)
    other_taken = jax.nn.one_hot(part.other_actions, num_actions, dtype=outputs.dtype)
    of_joint = partial(jnp.einsum, "...ab,...a,...b->...")
    errors = value_loss(of_joint(expected.returns, taken, other_taken), part.returns)
    errors += value_loss(of_joint(expected.other_returns, taken, other_taken), part.other_returns)
    log_probs, _ = log_probs_and_entropy(expected.logits, part.actions)
    other_log_probs, _ = log_probs_and_entropy(expected.other_logits, part.other_actions)
    return jnp.mean(errors - log_probs - other_log_probs)
