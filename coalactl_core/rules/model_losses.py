"""What a sequence model is fitted by: -log p of each modality of histories (Eqs. 2-5 of arXiv:2602.16301)."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array
from jaxtyping import Float, Int

from coalactl_core.nets.sequence_model import Revealed, State, Tables, after_token, told


class HistoryLosses(NamedTuple):
    """Means over the rounds of a history of -log p: cross-entropies, and of rewards half the squared error."""

    observation: Float[Array, "*lead"]
    reward: Float[Array, "*lead"]
    action: Float[Array, "*lead"]


def history_losses(
    tables: Tables, numbers: Int[Array, "rounds"], actions: Int[Array, "rounds"], revealed: Revealed
) -> HistoryLosses:
    """-log p of each modality of one history from its start (Eqs. 2-5): observations by number, own actions."""
    kind = tables.recurrent.dtype
    rewards = jnp.asarray(revealed.rewards, kind)[numbers]
    added = (
        jax.nn.one_hot(numbers, len(revealed.rewards), dtype=kind) @ tables.observations,
        rewards[:, None] * tables.slope + tables.offset,
        jax.nn.one_hot(actions, tables.actions.shape[0], dtype=kind) @ tables.actions,
    )

    def round_(state: State, added: tuple[Array, Array, Array]) -> tuple[State, tuple[State, State, State]]:
        observed = after_token(state, added[0], tables)
        paid = after_token(observed, added[1], tables)
        return after_token(paid, added[2], tables), (state, observed, paid)

    before, observed, paid = jax.lax.scan(round_, jnp.zeros(tables.recurrent.shape[0], kind), added)[1]
    entropy = optax.losses.softmax_cross_entropy_with_integer_labels
    return HistoryLosses(
        observation=jnp.mean(entropy(told(before, tables.next_observation), numbers)),
        reward=jnp.mean(optax.losses.l2_loss(told(observed, tables.next_reward)[:, 0], rewards)),
        action=jnp.mean(entropy(told(paid, tables.next_action), actions)),
    )
