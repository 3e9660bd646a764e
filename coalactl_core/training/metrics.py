"""What is reported of one training iteration: means by opponent kind and by inner episode, in the original scale."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float, Int

from coalactl_core.measures import KINDS, Measure
from coalactl_core.types import META, Metrics, Opponents


def summarize(
    iteration: Int[Array, ""],
    outcomes: dict[str, Float[Array, "agents meta_batch inner_episodes players"]],
    opponents: Opponents,
    losses: dict[str, Float[Array, "agents"]],
    kinds: tuple[int, ...],
) -> Metrics:
    """Metrics of one iteration of one run; outcomes and opponents lead with (agents, meta_batch).

    Means over opponents of a kind that was not met are NaN.
    """
    by_kind = jnp.stack([opponents.kind == kind for kind in kinds], 1)
    measures = {}
    for name, values in outcomes.items():
        means, own = jax.vmap(jax.vmap(_mean_where, (None, 0)))(values, by_kind), Measure(name)
        measures[own], measures[own.of_coplayer] = means[..., 0], means[..., 1]
    scalars = {**_by_kind(measures, kinds), **losses}
    if META in kinds:
        scalars |= _reward_matrix(outcomes["reward"], opponents)
    episodes = {measure.column: values for measure, values in measures.items()}
    return Metrics(iteration=iteration, scalars=scalars, episodes=episodes)


def _by_kind(
    measures: dict[Measure, Float[Array, "agents kinds inner_episodes"]], kinds: tuple[int, ...]
) -> dict[str, Float[Array, "agents"]]:
    """Each measure over the meta-episode and, where it has ends, in its first and last inner episode."""
    scalars = {}
    for measure, values in measures.items():
        for index, kind in enumerate(kinds):
            against = measure.against(KINDS[kind])
            scalars[against.column] = jnp.mean(values[:, index], -1)
            if measure.has_ends:
                scalars[against.at("first").column] = values[:, index, 0]
                scalars[against.at("last").column] = values[:, index, -1]
    return scalars


def _reward_matrix(
    rewards: Float[Array, "agents meta_batch inner_episodes players"], opponents: Opponents
) -> dict[str, Float[Array, "agents"]]:
    """Mean reward of each agent against each meta agent: the row of each agent in the matrix."""
    agents = rewards.shape[0]
    own = jnp.mean(rewards[..., 0], -1)
    met = (opponents.kind == META)[..., None] & (opponents.number[..., None] == jnp.arange(agents))
    return {
        Measure("reward", kind=f"agent_{other}").column: jax.vmap(_mean_where)(own, met[..., other])
        for other in range(agents)
    }


def _mean_where(values: Float[Array, "meta_batch *rest"], where: Bool[Array, "meta_batch"]) -> Float[Array, "*rest"]:
    """Mean over the chosen opponents; NaN if there are none."""
    chosen = where.reshape(-1, *(1,) * (values.ndim - 1))
    count = jnp.sum(where)
    total = jnp.sum(jnp.where(chosen, values, 0), 0)
    return jnp.where(count > 0, total / jnp.maximum(count, 1), jnp.nan)
