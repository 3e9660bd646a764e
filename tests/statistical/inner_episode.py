"""One inner episode of two steps of the prisoner's dilemma: its 16 trajectories, their probabilities and returns.

Both players' logits are tables over what they have seen of the episode; written out here, independently of the engine.
"""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
from statistical.two_step_game import LENGTH, PAYOFFS
from support import inner_history_policy

COUNT = 16
# The first observation of an episode is 0, the second what both did.
POLICY = inner_history_policy(5)
# (trajectories, steps, players): actions, what each player sees before each step, and rewards.
ACTIONS = np.array(list(itertools.product((0, 1), repeat=4))).reshape(COUNT, LENGTH, 2)
SEEN = np.zeros_like(ACTIONS)
SEEN[:, 1, 0] = 1 + 2 * ACTIONS[:, 0, 0] + ACTIONS[:, 0, 1]
SEEN[:, 1, 1] = 1 + 2 * ACTIONS[:, 0, 1] + ACTIONS[:, 0, 0]
REWARDS = np.stack([PAYOFFS[ACTIONS[..., 0], ACTIONS[..., 1]], PAYOFFS[ACTIONS[..., 1], ACTIONS[..., 0]]], -1)


def probabilities(ego: jax.Array, other: jax.Array) -> jax.Array:
    """Of each trajectory, from both players' logits."""
    log_probs = [jax.nn.log_softmax(table)[SEEN[..., p], ACTIONS[..., p]] for p, table in enumerate((ego, other))]
    return jnp.exp(jnp.sum(log_probs[0] + log_probs[1], -1))


def inner_return(ego: jax.Array, other: jax.Array, player: int = 0) -> jax.Array:
    """J: the expected sum of a player's rewards."""
    return jnp.sum(probabilities(ego, other) * jnp.sum(REWARDS[..., player], -1))
