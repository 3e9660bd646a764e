"""How a naive co-player learns: one A2C update on its own B trajectories of one inner episode (App. B.2)."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from coalactl_core.nets.policy import Policy, unroll_from_start
from coalactl_core.objectives import a2c_policy_loss, log_probs_and_entropy, value_loss
from coalactl_core.optimizers import Optimizer, apply_gradients
from coalactl_core.returns import batch_lambda_returns, td_errors, values_after
from coalactl_core.types import Experience, Learner, NaiveHyperparameters, Params


def naive_update(
    learner: Learner, experience: Experience, hyper: NaiveHyperparameters, *, policy: Policy, optimizer: Optimizer
) -> Learner:
    """One A2C step of one naive agent; its memory starts afresh and nothing is bootstrapped at the episode's end."""
    gradients = jax.grad(naive_loss)(learner.params, experience, hyper, policy)
    return apply_gradients(optimizer, learner, gradients, hyper).learner


def naive_loss(params: Params, experience: Experience, hyper: NaiveHyperparameters, policy: Policy) -> Float[Array, ""]:
    """The A2C loss: means over the B × T samples; advantages are centred over the same samples if asked for."""
    output = unroll_from_start(policy, policy.prepare(params, experience.actions.size), experience.observations)
    log_probs, entropy = log_probs_and_entropy(output.logits, experience.actions)
    advantages, value_targets = jax.lax.stop_gradient(
        _targets(hyper.reward_scale * experience.rewards, output.value, hyper)
    )
    policy_loss = a2c_policy_loss(log_probs, log_probs, advantages, 0.0)
    critic_loss = value_loss(output.value, value_targets)
    return jnp.mean(policy_loss + hyper.value_coefficient * critic_loss - hyper.entropy * entropy)


def _targets(
    rewards: Float[Array, "steps batch"], values: Float[Array, "steps batch"], hyper: NaiveHyperparameters
) -> tuple[Float[Array, "steps batch"], Float[Array, "steps batch"]]:
    """Advantages (GAE) and TD(λ) value targets of one inner episode: the plain rows of Algorithm 1."""
    rewards, values = rewards.T, values.T
    plain = partial(
        batch_lambda_returns,
        inner_episode_length=rewards.shape[1],
        average_future_episodes=False,
        normalize_current_episode=False,
    )
    errors = td_errors(rewards, values, discount=hyper.discount)
    advantages = plain(errors, jnp.zeros_like(errors), discount=hyper.discount * hyper.gae_lambda, lambda_=1.0)
    value_targets = plain(rewards, values_after(values), discount=hyper.discount, lambda_=hyper.td_lambda)
    advantages = advantages - jnp.where(hyper.normalize_advantages, jnp.mean(advantages), 0)
    return advantages.T, value_targets.T
