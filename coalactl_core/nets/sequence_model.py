"""A recurrent model of histories (Weis et al. 2026, arXiv:2602.16301): what comes next, own actions among it.

A history is a sequence of tokens, of each round the observation o_t, the reward that it reveals and the own action a_t.
Each modality has a linear layer into one width; a gated recurrent unit goes along the tokens; of Swish of its state a
linear layer for each modality tells the next token: p(o_t | before), p(r | before, o_t), p(a_t | before, o_t, r).
As a policy it acts by the last of these.

It is for games whose observations are numbered and reveal the round before, own action and reward (:class:`Revealed`),
so that observations are all that a policy has to be given. Before the first round there is neither: its reward counts
as 0, and it has no token of an action.

OPEN in the paper: the layers' biases and initial values (here the library's), the variance of the Gaussian of rewards
(here 1), and that rewards come with the observation that reveals them.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import Array
from jaxtyping import Bool, Float, Int, Key

from coalactl_core.configuration.sizes import NetworkConfig
from coalactl_core.nets.gates import gates_of, moved
from coalactl_core.nets.policy import Policy, PolicyOutput, Resets
from coalactl_core.types import Params

State = Float[Array, "width"]


class Revealed(NamedTuple):
    """What each observation, by its number, tells of the round before: own action (-1: there was none) and reward."""

    actions: tuple[int, ...]
    rewards: tuple[float, ...]


class Head(NamedTuple):
    """A linear layer."""

    kernel: Float[Array, "width outputs"]
    bias: Float[Array, "outputs"]


class Tables(NamedTuple):
    """The model as it is used: what every token adds to the gates, their recurrent part, and the heads.

    Gates lie side by side: reset, update, candidate. A reward r adds ``slope`` times r and ``offset``.
    """

    observations: Float[Array, "vocabulary gates"]
    actions: Float[Array, "actions gates"]
    slope: Float[Array, "gates"]
    offset: Float[Array, "gates"]
    recurrent: Float[Array, "width gates"]
    candidate_bias: Float[Array, "width"]
    next_observation: Head
    next_reward: Head
    next_action: Head


def sequence_model(config: NetworkConfig, num_actions: int, revealed: Revealed) -> Policy:
    """The policy that acts as the model expects it to; its memory is the state before the own action's token.

    It estimates no value: that is 0.
    """
    network = _SequenceModel(
        width=config.width,
        embedding_width=config.embedding,
        vocabulary=len(revealed.actions),
        num_actions=num_actions,
    )

    def init(key: Key[Array, ""]) -> Params:
        return network.init(key)["params"]

    def initial_carry() -> State:
        return jnp.zeros(config.width)

    def prepare(params: Params, uses: int) -> Tables:
        del uses
        return tables_of(params)

    def unroll(
        tables: Tables, numbers: Int[Array, "steps"], carry: State, resets: Resets
    ) -> tuple[PolicyOutput, State]:
        restarts = jnp.zeros(numbers.shape[0], bool) if resets is None else resets

        def step(state: State, seen: tuple[Int[Array, ""], Bool[Array, ""]]) -> tuple[State, PolicyOutput]:
            number, restart = seen
            output, state = _acted(tables, number, jnp.where(restart, 0, state), revealed=revealed)
            return state, output

        carry, output = jax.lax.scan(step, carry, (numbers, restarts))
        return output, carry

    return Policy(
        init=init,
        initial_carry=initial_carry,
        step=partial(_acted, revealed=revealed),
        unroll=unroll,
        prepare=prepare,
        takes_indices=True,
    )


def tables_of(params: Params) -> Tables:
    """The layers of tokens and the gates' input layers in one, since nothing is between them."""
    gates = gates_of(params["cell"])

    def added(layer: Params) -> Float[Array, "tokens gates"]:
        return (layer["kernel"] + layer["bias"]) @ gates.kernel + gates.bias

    reward = params["reward"]
    return Tables(
        observations=added(params["observation"]),
        actions=added(params["action"]),
        slope=reward["kernel"][0] @ gates.kernel,
        offset=reward["bias"] @ gates.kernel + gates.bias,
        recurrent=gates.recurrent,
        candidate_bias=gates.candidate_bias,
        **{name: Head(**params[name]) for name in ("next_observation", "next_reward", "next_action")},
    )


def after_token(state: Float[Array, "*lead width"], added: Float[Array, "*lead gates"], tables: Tables) -> State:
    """The state after a token that adds so much to the gates."""
    return moved(state, added, tables.recurrent, tables.candidate_bias)


def told(state: Float[Array, "*lead width"], head: Head) -> Float[Array, "*lead outputs"]:
    """What the state tells of the next token."""
    return nn.swish(state) @ head.kernel + head.bias


def _acted(tables: Tables, number: Int[Array, ""], state: State, *, revealed: Revealed) -> tuple[PolicyOutput, State]:
    """What it makes of an observation, and of the own action and the reward that this reveals."""
    action = np.asarray(revealed.actions)
    after_action = after_token(state, tables.actions[np.maximum(action, 0)][number], tables)
    state = jnp.where(jnp.asarray(action)[number] < 0, state, after_action)
    state = after_token(state, tables.observations[number], tables)
    reward = jnp.asarray(revealed.rewards, state.dtype)[number]
    state = after_token(state, reward * tables.slope + tables.offset, tables)
    return PolicyOutput(logits=told(state, tables.next_action), value=jnp.zeros((), state.dtype)), state


class _SequenceModel(nn.Module):
    """Where the parameters come from; :class:`Tables` is how they are used."""

    width: int
    embedding_width: int
    vocabulary: int
    num_actions: int

    @nn.compact
    def __call__(self) -> None:
        tokens = {"observation": self.vocabulary, "reward": 1, "action": self.num_actions}
        embedded = [nn.Dense(self.embedding_width, name=name)(jnp.zeros(size)) for name, size in tokens.items()]
        state, _ = nn.GRUCell(self.width, name="cell")(jnp.zeros(self.width), sum(embedded))
        for name, size in tokens.items():
            nn.Dense(size, name=f"next_{name}")(state)
