"""What is reported of one training iteration: means by opponent kind and by inner episode, in the original scale."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float, Int

from coalactl_core.types import KIND_NAMES, META, MetaEpisode, Metrics, Opponents


def summarize(
    iteration: Int[Array, ""],
    episodes: MetaEpisode,
    opponents: Opponents,
    losses: dict[str, Float[Array, "agents"]],
    kinds: tuple[int, ...],
) -> Metrics:
    """Metrics of one iteration of one run; episodes and opponents lead with (agents, meta_batch).

    A co-player's measure carries the prefix ``coplayer_``. Means over opponents of a kind that was not met are NaN.
    """
    by_kind = jnp.stack([opponents.kind == kind for kind in kinds], 1)
    measures = {}
    for name, values in episodes.outcomes.items():
        means = jax.vmap(jax.vmap(_mean_where, (None, 0)))(values, by_kind)
        measures[name], measures[f"coplayer_{name}"] = means[..., 0], means[..., 1]
    scalars = {**_by_kind(measures, kinds), **losses}
    if META in kinds:
        scalars |= _reward_matrix(episodes.outcomes["reward"], opponents)
    return Metrics(iteration=iteration, scalars=scalars, episodes=measures)


def _by_kind(
    measures: dict[str, Float[Array, "agents kinds inner_episodes"]], kinds: tuple[int, ...]
) -> dict[str, Float[Array, "agents"]]:
    """Each measure over the meta-episode and, but for rewards, in its first and last inner episode."""
    scalars = {}
    for name, values in measures.items():
        for place, kind in enumerate(kinds):
            against = f"vs_{KIND_NAMES[kind]}"
            scalars[f"{name}_{against}"] = jnp.mean(values[:, place], -1)
            if not name.endswith("reward"):
                scalars[f"{name}_first_{against}"] = values[:, place, 0]
                scalars[f"{name}_last_{against}"] = values[:, place, -1]
    return scalars


def _reward_matrix(
    rewards: Float[Array, "agents meta_batch inner_episodes players"], opponents: Opponents
) -> dict[str, Float[Array, "agents"]]:
    """Mean reward of each agent against each meta agent: the row of each agent in the matrix."""
    agents = rewards.shape[0]
    own = jnp.mean(rewards[..., 0], -1)
    met = (opponents.kind == META)[..., None] & (opponents.number[..., None] == jnp.arange(agents))
    return {f"reward_vs_agent_{other}": jax.vmap(_mean_where)(own, met[..., other]) for other in range(agents)}


def _mean_where(values: Float[Array, "meta_batch *rest"], where: Bool[Array, "meta_batch"]) -> Float[Array, "*rest"]:
    """Mean over the chosen opponents; NaN if there are none."""
    chosen = where.reshape(-1, *(1,) * (values.ndim - 1))
    count = jnp.sum(where)
    total = jnp.sum(jnp.where(chosen, values, 0), 0)
    return jnp.where(count > 0, total / jnp.maximum(count, 1), jnp.nan)
