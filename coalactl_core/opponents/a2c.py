"""How a naive co-player learns: one A2C update on its own B trajectories of one inner episode (App. B.2).

LOLA looks ahead through the same update: it is differentiable in the parameters and in the experience that it is given.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from coalactl_core.credit.returns import batch_lambda_returns, td_errors, values_after
from coalactl_core.learning.objectives import a2c_policy_loss, kl_divergence, log_probs_and_entropy, value_loss
from coalactl_core.learning.optimizers import OPTIMIZERS, Optimizer, apply_gradients, fresh_learner
from coalactl_core.nets.policy import Policy, PolicyOutput
from coalactl_core.opponents.seam import Coplayer, CoplayerSetting, replayed
from coalactl_core.types import Experience, Flag, Learner, NaiveHyperparameters, Number


def build(setting: CoplayerSetting) -> Coplayer:
    """The paper's co-player: one A2C step an inner episode."""
    optimizer = OPTIMIZERS[setting.config.optimizer]
    return Coplayer(
        init=partial(fresh_learner, optimizer),
        update=partial(naive_update, policy=setting.policy, optimizer=optimizer),
        differentiable=True,
    )


class Anchor(NamedTuple):
    """The policy that an update stays close to: its logits on the experience, and what their divergence counts."""

    logits: Float[Array, "steps batch actions"]
    weight: Number


class EpisodeTargets(NamedTuple):
    """What is reinforced and regressed on in one inner episode."""

    advantages: Float[Array, "steps batch"]
    value_targets: Float[Array, "steps batch"]


@runtime_checkable
class TargetNumbers(Protocol):
    """The hyperparameters that targets need; those of meta and of naive agents have them."""

    @property
    def discount(self) -> Number:
        """γ."""

    @property
    def td_lambda(self) -> Number:
        """λ of the value targets."""

    @property
    def gae_lambda(self) -> Number:
        """λ of the advantages."""

    @property
    def normalize_advantages(self) -> Flag:
        """Whether advantages are centred."""


def naive_update(
    learner: Learner,
    experience: Experience,
    hyper: NaiveHyperparameters,
    *,
    policy: Policy,
    optimizer: Optimizer,
    anchor: Anchor | None = None,
) -> Learner:
    """One A2C step of one naive agent; nothing is bootstrapped at the episode's end.

    To the step itself advantages and value targets are numbers; to who differentiates through it they are functions of
    the parameters and of the experience.
    """
    output, pull_back = jax.vjp(partial(replayed, experience=experience, policy=policy), learner.params)
    rewards = hyper.reward_scale * experience.rewards
    targets = episode_targets(rewards, output.value, hyper, experience.likelihood)
    gradients = pull_back(jax.grad(naive_loss)(output, targets, experience, hyper, anchor))[0]
    return apply_gradients(optimizer, learner, gradients, hyper).learner


def naive_loss(
    output: PolicyOutput,
    targets: EpisodeTargets,
    experience: Experience,
    hyper: NaiveHyperparameters,
    anchor: Anchor | None = None,
) -> Float[Array, ""]:
    """The A2C loss of what the policy makes of the episode, with its divergence from an anchor: means over B × T."""
    log_probs, entropy = log_probs_and_entropy(output.logits, experience.actions)
    policy_loss = a2c_policy_loss(log_probs, log_probs, targets.advantages, 0.0)
    divergence = None if anchor is None else anchor.weight * kl_divergence(output.logits, anchor.logits)
    if experience.likelihood is None:
        critic_loss = value_loss(output.value, targets.value_targets)
    else:
        # Targets count by how likely their rewards are; so must what is said of a step itself, its value, entropy and
        # divergence, which follow from the actions before it.
        reach = jnp.concatenate([jnp.ones_like(experience.likelihood[:1]), experience.likelihood[:-1]])
        critic_loss, entropy = reach * value_loss(output.value, targets.value_targets / reach), reach * entropy
        divergence = None if divergence is None else reach * divergence
    loss = policy_loss + hyper.value_coefficient * critic_loss - hyper.entropy * entropy
    return jnp.mean(loss if divergence is None else loss + divergence)


def episode_targets(
    rewards: Float[Array, "steps batch"],
    values: Float[Array, "steps batch"],
    hyper: TargetNumbers,
    likelihood: Float[Array, "steps batch"] | None = None,
) -> EpisodeTargets:
    """Advantages (GAE) and TD(λ) value targets of one inner episode: the plain rows of Algorithm 1.

    Rewards are rescaled already; advantages are centred over the B × T samples if asked for. With a likelihood (see
    :class:`Experience`) what follows from a step's actions counts by it. For advantages that includes the value before
    the step and the centre: the score of the step's own action, by which they are multiplied, follows from it too. They
    are thereby the baseline of every derivative, 0 on average.
    """
    rewards, values = rewards.T, values.T
    likely = 1 if likelihood is None else likelihood.T
    plain = partial(
        batch_lambda_returns,
        inner_episode_length=rewards.shape[1],
        average_future_episodes=False,
        normalize_current_episode=False,
    )
    errors = likely * td_errors(rewards, values, discount=hyper.discount)
    advantages = plain(errors, jnp.zeros_like(errors), discount=hyper.discount * hyper.gae_lambda, lambda_=1.0)
    following = likely * rewards, likely * values_after(values)
    value_targets = plain(*following, discount=hyper.discount, lambda_=hyper.td_lambda)
    advantages = advantages - likely * jnp.where(hyper.normalize_advantages, jnp.mean(advantages), 0)
    return EpisodeTargets(advantages=advantages.T, value_targets=value_targets.T)
