"""Environments of this engine in JaxMARL: ``ToJaxMarl(CleanUpLite())`` is one of its ``MultiAgentEnv``.

Needs JaxMARL, which prints two lines when it is imported.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxmarl.environments.multi_agent_env import MultiAgentEnv
from jaxmarl.environments.spaces import Box, Discrete
from jaxtyping import Bool, Float, Int, Key

from coalactl_core.envs.base import Environment
from coalactl_core.types import EnvironmentState


class State(NamedTuple):
    """A game and JaxMARL's clock."""

    game: EnvironmentState
    step: Int[Array, ""]
    done: Bool[Array, ""]


class ToJaxMarl(MultiAgentEnv):  # type: ignore[misc] # an extra, of which the checker knows nothing
    """A game of ours that ends after ``environment.episode_length`` steps; JaxMARL's ``step`` then begins another.

    ``info`` holds the measures of a step, each of shape (2,) for the two agents.
    """

    def __init__(self, environment: Environment) -> None:
        super().__init__(num_agents=2)
        self.environment = environment
        seen = Box(-jnp.inf, jnp.inf, (environment.observation_size,))
        self.observation_spaces = dict.fromkeys(self.agents, seen)
        self.action_spaces = dict.fromkeys(self.agents, Discrete(environment.num_actions))

    @partial(jax.jit, static_argnums=0)
    def reset(self, key: Key[Array, ""]) -> tuple[dict[str, Float[Array, "features"]], State]:
        """What both agents see at the start, and the state."""
        state = State(game=self.environment.reset(key), step=jnp.int32(0), done=jnp.asarray(False))
        return self.get_obs(state), state

    def step_env(
        self, key: Key[Array, ""], state: State, actions: dict[str, Int[Array, ""]]
    ) -> tuple[
        dict[str, Float[Array, "features"]],
        State,
        dict[str, Float[Array, ""]],
        dict[str, Bool[Array, ""]],
        dict[str, Float[Array, "2"]],
    ]:
        """One step of the game: observations, state, rewards, whether it is over, measures."""
        chosen = jnp.stack([actions[agent] for agent in self.agents])
        game, rewards, events = self.environment.step(key, state.game, chosen)
        step = state.step + 1
        after = State(game=game, step=step, done=step >= self.environment.episode_length)
        dones = dict.fromkeys([*self.agents, "__all__"], after.done)
        measures = self.environment.describe(state.game, chosen, events)
        return self.get_obs(after), after, dict(zip(self.agents, rewards, strict=True)), dones, measures

    def get_obs(self, state: State) -> dict[str, Float[Array, "features"]]:
        """What each agent sees, from its own side."""
        return {agent: self.environment.observe(state.game, player) for player, agent in enumerate(self.agents)}

    def get_avail_actions(self, state: State) -> dict[str, Bool[Array, "actions"]]:
        """All actions, always."""
        del state
        return {agent: jnp.ones(self.environment.num_actions, bool) for agent in self.agents}

    @property
    def name(self) -> str:
        """The game's."""
        return type(self.environment).__name__

    @property
    def agent_classes(self) -> dict[str, Any]:
        """Both agents are of one kind."""
        return {"player": self.agents}
