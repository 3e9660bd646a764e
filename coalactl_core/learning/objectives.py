"""PPO and A2C objectives, per sample; callers average them."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax
from jax import Array
from jaxtyping import Float, Int

from coalactl_core.types import Number

PerSample = Float[Array, "*lead"]
PolicyLoss = Callable[[PerSample, PerSample, PerSample, float | Number], PerSample]


def ppo_policy_loss(
    log_probs: PerSample,
    old_log_probs: PerSample,
    advantages: PerSample,
    clip: float | Number,
) -> PerSample:
    """Clipped surrogate: −min(ρ A, clip(ρ, 1 ± ε) A), with ρ the ratio of new to old probability."""
    ratios = jnp.exp(log_probs - old_log_probs)
    clipped = jnp.clip(ratios, 1 - clip, 1 + clip)
    return -jnp.minimum(ratios * advantages, clipped * advantages)


def a2c_policy_loss(
    log_probs: PerSample,
    old_log_probs: PerSample,
    advantages: PerSample,
    clip: float | Number,
) -> PerSample:
    """Score function: −log π A; takes PPO's arguments, so that either can stand in the table."""
    del old_log_probs, clip
    return -log_probs * advantages


POLICY_LOSSES: dict[str, PolicyLoss] = {"ppo": ppo_policy_loss, "a2c": a2c_policy_loss}


def clipped_value_loss(
    values: PerSample,
    old_values: PerSample,
    targets: PerSample,
    value_clip: float | Number,
) -> PerSample:
    """Value loss, or that of the value held within ``value_clip`` of the old one where it is larger."""
    held = old_values + jnp.clip(values - old_values, -value_clip, value_clip)
    return jnp.maximum(value_loss(values, targets), value_loss(held, targets))


def value_loss(values: PerSample, targets: PerSample) -> PerSample:
    """Half the squared error (OPEN: the paper does not say whether its value coefficient counts the half)."""
    return optax.losses.l2_loss(values, targets)


def log_probs_and_entropy(
    logits: Float[Array, "*lead actions"], actions: Int[Array, "*lead"]
) -> tuple[PerSample, PerSample]:
    """Log-probabilities of the actions taken, and the entropies of the distributions, in nats."""
    all_log_probs = jax.nn.log_softmax(logits)
    taken = jax.nn.one_hot(actions, logits.shape[-1], dtype=logits.dtype)
    return jnp.sum(all_log_probs * taken, -1), -jnp.sum(jnp.exp(all_log_probs) * all_log_probs, -1)


def kl_divergence(logits: Float[Array, "*lead actions"], reference: Float[Array, "*lead actions"]) -> PerSample:
    """KL(π ‖ ρ) = Σ_a π(a) (log π(a) − log ρ(a)), in nats, of the distributions of two sets of logits."""
    log_probs, of_reference = jax.nn.log_softmax(logits), jax.nn.log_softmax(reference)
    return jnp.sum(jnp.exp(log_probs) * (log_probs - of_reference), -1)
