"""One step of the library's gated recurrent unit where what a token adds to its gates comes from a table.

Gates lie side by side: reset, update, candidate. It equals ``flax.linen.GRUCell`` up to rounding.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from coalactl_core.types import Params


class Gates(NamedTuple):
    """A cell's parameters: what an input and what a state adds to the gates, and the candidate's own bias."""

    kernel: Float[Array, "inputs gates"]
    bias: Float[Array, "gates"]
    recurrent: Float[Array, "width gates"]
    candidate_bias: Float[Array, "width"]


def gates_of(cell: Params) -> Gates:
    """Of the parameters of the library's cell."""
    kernel, recurrent = (
        jnp.concatenate([cell[f"{part}{gate}"]["kernel"] for gate in "rzn"], -1) for part in ("i", "h")
    )
    bias = jnp.concatenate([cell[f"i{gate}"]["bias"] for gate in "rzn"])
    return Gates(kernel, bias, recurrent, candidate_bias=cell["hn"]["bias"])


def moved(
    state: Float[Array, "*lead width"],
    added: Float[Array, "*lead gates"],
    recurrent: Float[Array, "width gates"],
    bias: Float[Array, "width"],
) -> Float[Array, "*lead width"]:
    """The state after a token that adds so much to the gates; ``bias`` is the candidate's, inside of the reset."""
    reset, update, candidate = jnp.split(added, 3, -1)
    own_reset, own_update, own_candidate = jnp.split(state @ recurrent, 3, -1)
    kept = jax.nn.sigmoid(update + own_update)
    candidate = jnp.tanh(candidate + jax.nn.sigmoid(reset + own_reset) * (own_candidate + bias))
    return (1 - kept) * candidate + kept * state
