"""An actor-critic of a gated recurrent unit (Weis et al. 2026, arXiv:2602.16301), the library's cell."""

from __future__ import annotations

import jax.numpy as jnp
from flax import linen as nn
from jax import Array
from jaxtyping import Bool, Float

from coalactl_core.configuration.sizes import NetworkConfig
from coalactl_core.nets.hawk import lecun_normal
from coalactl_core.nets.modules import policy_of
from coalactl_core.nets.policy import Policy, PolicyOutput, Resets


def gru_policy(config: NetworkConfig, observation_size: int, num_actions: int) -> Policy:
    """Linear embedding, a GRU, Swish on its output, and linear read-outs of value and logits that start at zero."""
    network = _GRUNetwork(width=config.width, embedding_width=config.embedding, num_actions=num_actions)

    def initial_carry() -> Float[Array, "width"]:
        return jnp.zeros(config.width)

    return policy_of(network, initial_carry, observation_size)


class _GRUNetwork(nn.Module):
    width: int
    embedding_width: int
    num_actions: int

    def setup(self) -> None:
        self.embedding = nn.Dense(self.embedding_width, kernel_init=lecun_normal)
        self.cell = nn.GRUCell(self.width)
        self.policy = nn.Dense(self.num_actions, kernel_init=nn.initializers.zeros)
        self.value = nn.Dense(1, kernel_init=nn.initializers.zeros)

    def __call__(
        self, observations: Float[Array, "steps features"], carry: Float[Array, "width"], resets: Resets
    ) -> tuple[PolicyOutput, Float[Array, "width"]]:
        embedded = self.embedding(observations)
        restarts = jnp.zeros(embedded.shape[0], bool) if resets is None else resets

        def step(
            cell: nn.GRUCell, state: Float[Array, "width"], seen: tuple[Float[Array, "embedding"], Bool[Array, ""]]
        ) -> tuple[Float[Array, "width"], Float[Array, "width"]]:
            inputs, restart = seen
            return cell(jnp.where(restart, 0, state), inputs)

        along = nn.scan(step, variable_broadcast="params", split_rngs={"params": False})
        carry, states = along(self.cell, carry, (embedded, restarts))
        hidden = nn.swish(states)
        return PolicyOutput(logits=self.policy(hidden), value=self.value(hidden)[..., 0]), carry
