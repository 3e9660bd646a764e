"""Policies that look ahead inside a model of histories before they act (Weis et al. 2026, arXiv:2602.16301).

    π(a | x) = p(a | x) exp(β Q̂(x, a)) / Z                                          (Eqs. 1 and 6)

with x the history up to the observation and its reward, p the model as a policy, the prior, and Q̂ the mean return of
roll-outs inside the model, which begin with a: H times the model draws an observation, tells the reward, the mean of
its Gaussian, and draws the own next action from the prior, so that Q̂ is of p and not of π (App. C).

OPEN in the paper: how many roll-outs an action has, and a discount within them. Roll-outs are not cut off near the last
round, which the model does not know of. Actions share their random numbers, so that noise common to all cancels.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, Int, Key

from coalactl_core.nets.policy import PolicyOutput
from coalactl_core.nets.sequence_model import State, Tables, after_token, told


class Planner(NamedTuple):
    """β, roll-outs of each action, their rounds, and the discount of the return in them."""

    beta: float
    samples: int
    horizon: int
    discount: float

    def decide(
        self, key: Key[Array, ""], tables: Tables, state: State, output: PolicyOutput
    ) -> Float[Array, "actions"]:
        """Logits of the improved policy, of the prior's and of the state that these are of."""
        return jax.nn.log_softmax(output.logits) + self.beta * self.action_values(key, tables, state)

    def action_values(self, key: Key[Array, ""], tables: Tables, state: State) -> Float[Array, "actions"]:
        """Q̂ of every action, by Monte Carlo."""
        draws = jax.random.uniform(key, (self.samples, self.horizon, 2), dtype=state.dtype)

        def of_action(added: Float[Array, "gates"]) -> Float[Array, ""]:
            begun = after_token(state, added, tables)
            return jnp.mean(jax.vmap(lambda draws: self._return(draws, tables, begun))(draws))

        return jax.vmap(of_action)(tables.actions)

    def _return(self, draws: Float[Array, "horizon 2"], tables: Tables, state: State) -> Float[Array, ""]:
        """That of one roll-out from the state after an action, the action's own reward included."""

        def round_(state: State, draws: Float[Array, "2"]) -> tuple[State, Float[Array, ""]]:
            number = _drawn(draws[0], told(state, tables.next_observation))
            state = after_token(state, tables.observations[number], tables)
            reward = told(state, tables.next_reward)[0]
            state = after_token(state, reward * tables.slope + tables.offset, tables)
            action = _drawn(draws[1], told(state, tables.next_action))
            return after_token(state, tables.actions[action], tables), reward

        rewards = jax.lax.scan(round_, state, draws)[1]
        return jnp.sum(rewards * self.discount ** jnp.arange(self.horizon, dtype=rewards.dtype))


def _drawn(uniform: Float[Array, ""], logits: Float[Array, "outcomes"]) -> Int[Array, ""]:
    """A draw from a categorical distribution by one uniform number."""
    below = jnp.cumsum(jax.nn.softmax(logits))[:-1]
    return jnp.sum(uniform >= below)
