"""The losses of App. B.2 written as loops over single samples, with a policy that is only ever stepped.

Differentiated by ``jax.grad`` in the tests; nothing of the engine's returns, objectives or updates is used here.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

# (params, observation, memory) -> (logits, value, memory)
Step = Callable[[Any, jax.Array, Any], tuple[jax.Array, jax.Array, Any]]


class MetaLossNumbers(NamedTuple):
    """Coefficients of the meta agents' loss."""

    algorithm: str
    clip: float
    value_clip: float
    value_coefficient: float
    entropy: float


def play_through(step: Step, params: Any, memory: Any, observations: np.ndarray, actions: np.ndarray) -> list[tuple]:
    """(log-probability of the action taken, value, entropy) at each step of one trajectory."""
    samples = []
    for observation, action in zip(observations, actions, strict=True):
        logits, value, memory = step(params, jnp.asarray(observation), memory)
        probabilities = jnp.exp(logits) / jnp.sum(jnp.exp(logits))
        entropy = -sum(p * jnp.log(p) for p in probabilities)
        samples.append((jnp.log(probabilities[int(action)]), value, entropy))
    return samples


def meta_loss(
    step: Step,
    params: Any,
    memory: Any,
    observations: np.ndarray,
    actions: np.ndarray,
    old_log_probs: np.ndarray,
    old_values: np.ndarray,
    advantages: np.ndarray,
    value_targets: np.ndarray,
    weights: np.ndarray,
    numbers: MetaLossNumbers,
) -> jax.Array:
    """PPO or A2C over (meta_batch, steps, batch): means, each meta-episode's policy loss times its weight."""
    total, count = 0.0, 0
    for episode in range(actions.shape[0]):
        for b in range(actions.shape[2]):
            samples = play_through(step, params, memory, observations[episode, :, b], actions[episode, :, b])
            for t, (log_prob, value, entropy) in enumerate(samples):
                at = episode, t, b
                ratio = jnp.exp(log_prob - old_log_probs[at])
                loss = _policy_loss(log_prob, ratio, advantages[at], numbers) * weights[episode]
                loss = loss + numbers.value_coefficient * _value_loss(value, old_values[at], value_targets[at], numbers)
                total = total + loss - numbers.entropy * entropy
                count += 1
    return total / count


def naive_loss(
    step: Step,
    params: Any,
    memory: Any,
    observations: np.ndarray,
    actions: np.ndarray,
    rewards: np.ndarray,
    values: np.ndarray,
    *,
    discount: float,
    td_lambda: float,
    gae_lambda: float,
    value_coefficient: float,
    entropy_coefficient: float,
    centre: bool,
) -> jax.Array:
    """A2C over (episode_steps, batch): GAE by its definition, no value after the end of the episode.

    ``values`` are the policy's own, as numbers: targets are not differentiated.
    """
    length, batch = actions.shape
    played = [play_through(step, params, memory, observations[:, b], actions[:, b]) for b in range(batch)]
    advantages, targets = np.zeros((length, batch)), np.zeros((length, batch))
    for b in range(batch):
        after = [*values[1:, b], 0.0]
        errors = [rewards[t, b] + discount * after[t] - values[t, b] for t in range(length)]
        for t in range(length):
            later = range(t, length)
            advantages[t, b] = sum((discount * gae_lambda) ** (k - t) * errors[k] for k in later)
            # A TD(λ) target is the value plus the same sum with its own λ.
            targets[t, b] = values[t, b] + sum((discount * td_lambda) ** (k - t) * errors[k] for k in later)
    if centre:
        advantages = advantages - np.mean(advantages)
    total = 0.0
    for b in range(batch):
        for t, (log_prob, value, entropy) in enumerate(played[b]):
            total = total - log_prob * advantages[t, b] - entropy_coefficient * entropy
            total = total + value_coefficient * (value - targets[t, b]) ** 2 / 2
    return total / (length * batch)


def _policy_loss(log_prob: jax.Array, ratio: jax.Array, advantage: float, numbers: MetaLossNumbers) -> jax.Array:
    if numbers.algorithm == "a2c":
        return -log_prob * advantage
    if advantage >= 0:
        # No more reward for making a good action likelier than 1 + ε times.
        return -advantage * min(ratio, 1 + numbers.clip)
    return -advantage * max(ratio, 1 - numbers.clip)


def _value_loss(value: jax.Array, old_value: float, target: float, numbers: MetaLossNumbers) -> jax.Array:
    if value > old_value + numbers.value_clip:
        held = old_value + numbers.value_clip
    elif value < old_value - numbers.value_clip:
        held = old_value - numbers.value_clip
    else:
        held = value
    return max((value - target) ** 2, (held - target) ** 2) / 2
