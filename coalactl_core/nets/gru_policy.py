"""An actor-critic of a gated recurrent unit (Weis et al. 2026, arXiv:2602.16301), the library's cell."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import Array
from jaxtyping import Bool, Float, Int

from coalactl_core.configuration.sizes import NetworkConfig
from coalactl_core.nets.gates import gates_of, moved
from coalactl_core.nets.hawk import lecun_normal
from coalactl_core.nets.modules import policy_of
from coalactl_core.nets.policy import Policy, PolicyOutput, Resets, as_sequences_of_one
from coalactl_core.types import Params

# Of more observations a step's product with all of them would be larger than the cell's own.
MOST_TABULATED = 64


def gru_policy(config: NetworkConfig, observation_size: int, num_actions: int) -> Policy:
    """Linear embedding, a GRU, Swish on its output, and linear read-outs of value and logits that start at zero."""
    network = _GRUNetwork(width=config.width, embedding_width=config.embedding, num_actions=num_actions)

    def initial_carry() -> Float[Array, "width"]:
        return jnp.zeros(config.width)

    return policy_of(network, initial_carry, observation_size)


class _PreparedGRU(NamedTuple):
    """A cell's gates, those of reset, update and candidate side by side, and the read-outs.

    ``inputs``: what each observation contributes to the gates. ``bias`` is the candidate's, inside of the reset.
    """

    inputs: Float[Array, "vocabulary 3*width"]
    recurrent: Float[Array, "width 3*width"]
    bias: Float[Array, "width"]
    readout: Float[Array, "width actions+1"]
    readout_bias: Float[Array, "actions+1"]


def tabulated_gru_policy(
    config: NetworkConfig, vocabulary: Float[np.ndarray, "vocabulary features"], num_actions: int
) -> Policy:
    """The policy of :func:`gru_policy` where observations are indices into a vocabulary; equal up to rounding.

    What an observation contributes to the gates is computed once for each that there is, and a step is one product.
    """
    plain = gru_policy(config, vocabulary.shape[1], num_actions)

    def prepare(params: Params, uses: int) -> _PreparedGRU:
        del uses
        gates, embedding = gates_of(params["cell"]), params["embedding"]
        embedded = jnp.asarray(vocabulary) @ embedding["kernel"] + embedding["bias"]
        return _PreparedGRU(
            inputs=embedded @ gates.kernel + gates.bias,
            recurrent=gates.recurrent,
            bias=gates.candidate_bias,
            readout=jnp.concatenate([params[name]["kernel"] for name in ("policy", "value")], -1),
            readout_bias=jnp.concatenate([params[name]["bias"] for name in ("policy", "value")]),
        )

    def unroll(
        prepared: _PreparedGRU, observations: Int[Array, "steps"], carry: Float[Array, "width"], resets: Resets
    ) -> tuple[PolicyOutput, Float[Array, "width"]]:
        def step(
            state: Float[Array, "width"], seen: tuple[Int[Array, ""], Bool[Array, ""] | None]
        ) -> tuple[Float[Array, "width"], Float[Array, "width"]]:
            number, restart = seen
            state = state if restart is None else jnp.where(restart, 0, state)
            # A product instead of a look-up: of the few rows' gradients none has to wait for another.
            entering = jax.nn.one_hot(number, len(vocabulary), dtype=state.dtype) @ prepared.inputs
            state = moved(state, entering, prepared.recurrent, prepared.bias)
            return state, state

        carry, states = jax.lax.scan(step, carry, (observations, resets))
        outputs = nn.swish(states) @ prepared.readout + prepared.readout_bias
        return PolicyOutput(logits=outputs[..., :-1], value=outputs[..., -1]), carry

    return plain._replace(step=as_sequences_of_one(unroll), unroll=unroll, prepare=prepare, takes_indices=True)


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
