"""What naive co-players start their meta-episodes with.

What a naive co-player learns is discarded with its meta-episode (App. B.2); whether its optimiser's state is, the paper
leaves OPEN. Here it is, by default: every naive opponent starts with a fresh one. Where states are kept, each naive
agent of a run has one. All its meta-episodes of an iteration start with it, and of the states that they end with that
of the first one is kept: of the first meta agent that met it, the first in that agent's meta-batch.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Int, Shaped

from coalactl_core.opponents.seam import Coplayer
from coalactl_core.types import NAIVE, Learner, Opponents


def begun(learners: Learner, numbers: Int[Array, "*lead"], naive: Coplayer) -> Learner:
    """Learners at the start of their meta-episodes: fresh ones, but for optimiser states that were kept.

    ``numbers`` are those of naive agents; others' are of no consequence.
    """
    if naive.init_numbered is None:
        fresh = jax.vmap(naive.init)(learners.params)
    else:
        fresh = jax.vmap(naive.init_numbered)(learners.params, numbers)
    return fresh if learners.opt_state is None else fresh._replace(opt_state=learners.opt_state)


def with_kept_states(opponents: Opponents, kept: Learner, naive: Coplayer) -> Opponents:
    """One agent's opponents with what naive ones go on from; others, who do not learn in play, start afresh.

    ``kept`` lead with the naive agents; without optimiser states all start afresh.
    """
    if kept.opt_state is None:
        return opponents
    is_naive = opponents.kind == NAIVE
    number = jnp.where(is_naive, opponents.number, 0)

    def choose(
        kept: Shaped[Array, "naive *leaf"], fresh: Shaped[Array, "meta_batch *leaf"]
    ) -> Shaped[Array, "meta_batch *leaf"]:
        return jnp.where(is_naive.reshape(-1, *(1,) * (fresh.ndim - 1)), kept[number], fresh)

    learner = begun(opponents.learner, number, naive)
    opt_state = jax.tree.map(choose, kept.opt_state, learner.opt_state)
    return opponents._replace(learner=opponents.learner._replace(opt_state=opt_state))


def kept_after(kept: Learner, ends: Learner, opponents: Opponents) -> Learner:
    """What is kept after an iteration; ``ends`` and opponents lead with (agents, meta_batch), ``kept`` with ``naive``.

    Naive agents that nobody met keep what they had; parameters stay what they were.
    """
    count = jax.tree.leaves(kept.params)[0].shape[0]
    numbers = jnp.where(opponents.kind == NAIVE, opponents.number, count).reshape(-1)
    met = numbers == jnp.arange(count)[:, None]
    first, anywhere = jnp.argmax(met, 1), jnp.any(met, 1)

    def choose(
        kept: Shaped[Array, "naive *leaf"], ends: Shaped[Array, "agents meta_batch *leaf"]
    ) -> Shaped[Array, "naive *leaf"]:
        of_first = ends.reshape(-1, *ends.shape[2:])[first]
        return jnp.where(anywhere.reshape(-1, *(1,) * (kept.ndim - 1)), of_first, kept)

    return kept._replace(opt_state=jax.tree.map(choose, kept.opt_state, ends.opt_state))
