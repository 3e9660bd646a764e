"""Where policies start: meta agents as the configuration says, naive learners at random, fixed ones at their names."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from coalactl_core.configuration.analytical import RANDOM, AnalyticalMetaConfig
from coalactl_core.configuration.memory_one import MEMORY_ONE, STATES


def initial_policies(key: Key[Array, ""], agents: int, config: AnalyticalMetaConfig) -> Float[Array, "agents 5"]:
    """Logits of the meta agents: normal ones, or a named strategy that errs with probability σ(-initial_logit).

    The paper's unconditional defection has all logits at log 0.01, so that cooperation has probability .0099 (App. C).
    """
    if config.initial == RANDOM:
        return config.initial_scale * jax.random.normal(key, (agents, len(STATES)), dtype=float)
    cooperates = jnp.asarray(MEMORY_ONE[config.initial], dtype=float)
    return jnp.broadcast_to(config.initial_logit * (2 * cooperates - 1), (agents, len(STATES)))


def naive_starts(key: Key[Array, ""], learners: int, scale: float) -> Float[Array, "learners 5"]:
    """Logits of fresh naive learners, normal with standard deviation ``scale`` (the paper leaves them OPEN)."""
    return scale * jax.random.normal(key, (learners, len(STATES)), dtype=float)
