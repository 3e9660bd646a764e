"""What the optimisers of naive agents hold from one meta-episode to the next, where that is kept.

What a naive co-player learns is discarded with its meta-episode (App. B.2); whether its optimiser's state is, the paper
leaves OPEN. Here it is, by default: every naive opponent starts with a fresh one. Where states are kept, each naive
agent of a run has one. All its meta-episodes of an iteration start with it, and of the states that they end with that
of the first one is kept: of the first meta agent that met it, the first in that agent's meta-batch.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import optax
from jax import Array
from jaxtyping import Shaped

from coalactl_core.optimizers import Optimizer, fresh_learner
from coalactl_core.types import NAIVE, Opponents, Params


def fresh_states(params: Params, optimizer: Optimizer) -> optax.OptState:
    """Of agents that have not taken a step; parameters and states lead with their number."""
    return jax.vmap(partial(fresh_learner, optimizer))(params).opt_state


def with_kept_states(opponents: Opponents, kept: optax.OptState | None, optimizer: Optimizer) -> Opponents:
    """One agent's opponents with what naive ones go on from; others, who do not learn in play, start afresh.

    ``kept`` leads with the naive agents (None: nothing is kept).
    """
    if kept is None:
        return opponents
    is_naive = opponents.kind == NAIVE
    number = jnp.where(is_naive, opponents.number, 0)

    def choose(
        kept: Shaped[Array, "naive *leaf"], fresh: Shaped[Array, "meta_batch *leaf"]
    ) -> Shaped[Array, "meta_batch *leaf"]:
        return jnp.where(is_naive.reshape(-1, *(1,) * (fresh.ndim - 1)), kept[number], fresh)

    return opponents._replace(opt_state=jax.tree.map(choose, kept, fresh_states(opponents.params, optimizer)))


def kept_states(kept: optax.OptState, ends: optax.OptState, opponents: Opponents, naive: int) -> optax.OptState:
    """What is kept after an iteration; ``ends`` and opponents lead with (agents, meta_batch), ``kept`` with ``naive``.

    Naive agents that nobody met keep what they had.
    """
    numbers = jnp.where(opponents.kind == NAIVE, opponents.number, naive).reshape(-1)
    met = numbers == jnp.arange(naive)[:, None]
    first, anywhere = jnp.argmax(met, 1), jnp.any(met, 1)

    def choose(
        kept: Shaped[Array, "naive *leaf"], ends: Shaped[Array, "agents meta_batch *leaf"]
    ) -> Shaped[Array, "naive *leaf"]:
        found = ends.reshape(-1, *ends.shape[2:])[first]
        return jnp.where(anywhere.reshape(-1, *(1,) * (kept.ndim - 1)), found, kept)

    return jax.tree.map(choose, kept, ends)
