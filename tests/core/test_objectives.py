"""Losses, sample by sample: where they clip and where they have a slope, in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from coalactl_core.learning.objectives import (
    a2c_policy_loss,
    clipped_value_loss,
    log_probs_and_entropy,
    ppo_policy_loss,
)

pytestmark = pytest.mark.usefixtures("float64")

CLIP = 0.2


def array(*values: float) -> jax.Array:
    return jnp.asarray(values)


def test_ppo_at_ratio_one_is_the_score_function() -> None:
    """The first pass of PPO and A2C have one gradient: −A ∇ log π."""
    log_probs, advantages = array(-0.1, -2.0, -0.7), array(1.5, -2.0, 0.3)

    def slope(loss) -> jax.Array:
        return jax.grad(lambda x: jnp.sum(loss(x, log_probs, advantages, CLIP)))(log_probs)

    np.testing.assert_allclose(slope(ppo_policy_loss), -advantages, rtol=1e-12)
    np.testing.assert_allclose(slope(a2c_policy_loss), -advantages, rtol=1e-12)


@pytest.mark.parametrize(
    ("ratio", "advantage", "loss", "has_slope"),
    [
        (1.1, 1.0, -1.1, True),
        (1.5, 1.0, -1.2, False),
        (0.5, 1.0, -0.5, True),
        (1.1, -1.0, 1.1, True),
        (1.5, -1.0, 1.5, True),
        (0.5, -1.0, 0.8, False),
    ],
)
def test_ppo_is_pessimistic(ratio, advantage, loss, has_slope) -> None:
    """Clipping takes away the reason to go on, never the reason to come back."""

    def total(log_probs: jax.Array) -> jax.Array:
        return jnp.sum(ppo_policy_loss(log_probs, jnp.zeros(1), array(advantage), CLIP))

    value, slope = jax.value_and_grad(total)(jnp.log(array(ratio)))
    np.testing.assert_allclose(value, loss, rtol=1e-12)
    np.testing.assert_allclose(slope, -ratio * advantage if has_slope else 0, atol=1e-12)


@pytest.mark.parametrize(
    ("value", "old", "target", "loss", "slope"),
    [
        (1.1, 1.0, 2.0, 0.9**2 / 2, -0.9),  # within the range: half the squared error
        (1.5, 1.0, 2.0, 0.8**2 / 2, 0.0),  # moved too far towards the target: held, no slope
        (1.5, 1.0, 0.0, 1.5**2 / 2, 1.5),  # moved away from the target: pulled back
        (0.5, 1.0, 2.0, 1.5**2 / 2, -1.5),
    ],
)
def test_values_are_held_within_their_clip_only_where_that_costs_more(value, old, target, loss, slope) -> None:
    def total(values: jax.Array) -> jax.Array:
        return jnp.sum(clipped_value_loss(values, array(old), array(target), CLIP))

    found_loss, found_slope = jax.value_and_grad(total)(array(value))
    np.testing.assert_allclose(found_loss, loss, rtol=1e-12)
    np.testing.assert_allclose(found_slope, slope, atol=1e-12)


def test_log_probs_and_entropy_are_those_of_the_softmax() -> None:
    logits = jnp.asarray(np.random.default_rng(0).normal(size=(7, 3)))
    actions = jnp.asarray([0, 1, 2, 2, 1, 0, 1], jnp.int8)
    log_probs, entropy = log_probs_and_entropy(logits, actions)
    probabilities = np.exp(logits) / np.sum(np.exp(logits), 1, keepdims=True)
    np.testing.assert_allclose(log_probs, np.log(probabilities[np.arange(7), actions]), rtol=1e-12)
    np.testing.assert_allclose(entropy, -np.sum(probabilities * np.log(probabilities), 1), rtol=1e-12)


def test_entropy_is_largest_for_equal_logits_and_finite_for_certain_ones() -> None:
    _, entropy = log_probs_and_entropy(jnp.asarray([[0.0, 0.0], [1000.0, -1000.0]]), jnp.asarray([0, 0]))
    np.testing.assert_allclose(entropy, [np.log(2), 0], atol=1e-12)
