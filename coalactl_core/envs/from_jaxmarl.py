"""Games of JaxMARL as environments of this engine: ``environment.name = "jaxmarl:coin_game"``.

JaxMARL's environments keep a clock and begin a new game by themselves when it runs out. Here the engine resets, at the
end of an inner episode, so that their clock is set beyond that. A game that ends for another reason begins anew within
the inner episode, as it does there.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, Int, Key

from coalactl_core.errors import ConfigurationError, first_line
from coalactl_core.types import EnvironmentState

PREFIX = "jaxmarl:"

# What JaxMARL's environments call the number of steps after which they begin anew.
_CLOCKS = ("num_inner_steps", "max_steps")


def environment_from_jaxmarl(name: str, *, episode_length: int, keys: Mapping[str, Any]) -> FromJaxMarl:
    """The environment that ``name`` with its prefix stands for; ``keys`` are JaxMARL's.

    Raises:
        ConfigurationError: JaxMARL is not installed, does not know the name or refuses the keys, or the environment is
            none for two equal players with numbered actions.
    """
    jaxmarl = _jaxmarl(name)
    own = name.removeprefix(PREFIX)
    if own not in jaxmarl.registered_envs:
        nearest = get_close_matches(own, jaxmarl.registered_envs, n=1)
        hint = f"did you mean {PREFIX + nearest[0]!r}? " if nearest else ""
        raise ConfigurationError(
            f"environment.name: {name!r} is unknown to JaxMARL; {hint}jaxmarl.registered_envs lists its names"
        )
    env = _made(jaxmarl, name, keys)
    clock = _clock(env)
    if clock is not None:
        if clock in keys and not _is_beyond(keys[clock], episode_length):
            raise ConfigurationError(
                f"environment.{clock}: {keys[clock]!r} ends a game within an inner episode of {episode_length} steps; "
                "leave it out, and it is set beyond that"
            )
        env = _made(jaxmarl, name, {clock: episode_length + 1, **keys})
    _check_two_equal_players(env, name)
    return (JaxMarlCoinGame if own == "coin_game" else FromJaxMarl)(env=env, episode_length=episode_length)


@dataclass(frozen=True)
class FromJaxMarl:
    """An environment of JaxMARL; ``env`` is a ``MultiAgentEnv`` of two players, whose clock outlasts an episode.

    Its own state is what trajectories keep, as it is. Observations are flattened, what has several parts in the order
    of their names.
    """

    env: Any
    episode_length: int

    @property
    def observation_size(self) -> int:
        """Numbers that a player sees."""
        return _seen(self.env)[0]

    @property
    def num_actions(self) -> int:
        """Actions of each player."""
        return int(self.env.action_space(self.env.agents[0]).n)

    def reset(self, key: Key[Array, ""]) -> EnvironmentState:
        """The state at the start of a game."""
        return self._kept(self.env.reset(key)[1])

    def step(
        self, key: Key[Array, ""], state: EnvironmentState, actions: Int[Array, "2"]
    ) -> tuple[EnvironmentState, Float[Array, "2"], dict[str, Float[Array, "2"]]]:
        """JaxMARL's step, with what it does where a game ends; the events are measures."""
        first, second = self.env.agents
        _, after, rewards, _, _ = self.env.step(key, self._restored(state), {first: actions[0], second: actions[1]})
        return self._kept(after), jnp.stack([rewards[first], rewards[second]]).astype(float), self._measures(after)

    def observe(self, state: EnvironmentState, player: int) -> Float[Array, "features"]:
        """What JaxMARL shows to its first or second agent."""
        seen = self.env.get_obs(self._restored(state))[self.env.agents[player]]
        return jnp.concatenate([jnp.ravel(part) for part in jax.tree.leaves(seen)]).astype(float)

    def describe(
        self, state: EnvironmentState, actions: Int[Array, "2"], events: dict[str, Float[Array, "2"]]
    ) -> dict[str, Float[Array, "2"]]:
        """What is measured where something is known of the game; of any other nothing."""
        del state, actions
        return events

    def _kept(self, state: Any) -> EnvironmentState:
        return state

    def _restored(self, state: EnvironmentState) -> Any:
        return state

    def _measures(self, after: Any) -> dict[str, Float[Array, "2"]]:
        del after
        return {}


class JaxMarlCoinState(NamedTuple):
    """Where everything is: eight bytes instead of JaxMARL's two hundred, most of which are its statistics."""

    players: Int[Array, "players 2"]
    coins: Int[Array, "players 2"]


class JaxMarlCoinGame(FromJaxMarl):
    """JaxMARL's coin game, of which only positions are kept.

    Clock and statistics start from zero in every step: the clock never runs out, and the statistics are then those of
    the step, which make the measures.
    """

    def _kept(self, state: Any) -> JaxMarlCoinState:
        return JaxMarlCoinState(
            players=jnp.stack([state.red_pos, state.blue_pos]).astype(jnp.int8),
            coins=jnp.stack([state.red_coin_pos, state.blue_coin_pos]).astype(jnp.int8),
        )

    def _restored(self, state: JaxMarlCoinState) -> Any:
        kinds = jax.eval_shape(self.env.reset, jax.random.key(0))[1]
        players, coins = (cells.astype(kinds.red_pos.dtype) for cells in state)
        return jax.tree.map(lambda kind: jnp.zeros(kind.shape, kind.dtype), kinds).replace(
            red_pos=players[0], blue_pos=players[1], red_coin_pos=coins[0], blue_coin_pos=coins[1]
        )

    def _measures(self, after: Any) -> dict[str, Float[Array, "2"]]:
        """Coins picked up in the step: of the player's own colour, and of the other's."""
        own, others = [after.red_coop, after.blue_coop], [after.red_defect, after.blue_defect]
        return {
            "own_coins": jnp.stack(own).sum(1).astype(float),
            "other_coins": jnp.stack(others).sum(1).astype(float),
        }


def _jaxmarl(name: str) -> Any:
    """The package."""
    try:
        import jaxmarl
    except ImportError as error:
        raise ConfigurationError(
            f'environment.name: {name!r}: JaxMARL cannot be imported ({error}); pip install "coalactl[jaxmarl]"'
        ) from error
    return jaxmarl


def _made(jaxmarl: Any, name: str, keys: Mapping[str, Any]) -> Any:
    """JaxMARL's own environment; its constructors complain in many ways."""
    try:
        return jaxmarl.make(name.removeprefix(PREFIX), **keys)
    except (ArithmeticError, AssertionError, AttributeError, ImportError, LookupError, TypeError, ValueError) as error:
        raise ConfigurationError(f"environment: {name!r} refuses its keys: {first_line(error)}") from error


def _clock(env: Any) -> str | None:
    """The argument that sets when a game begins anew, where there is one."""
    constructors = [vars(kind)["__init__"] for kind in type(env).__mro__ if "__init__" in vars(kind)]
    named = {argument for constructor in constructors for argument in inspect.signature(constructor).parameters}
    return next((clock for clock in _CLOCKS if clock in named), None)


def _is_beyond(steps: object, episode_length: int) -> bool:
    # In the last step before it begins anew the coin game pays nothing: a clock as long as an episode is too short.
    return isinstance(steps, int) and steps > episode_length


def _check_two_equal_players(env: Any, name: str) -> None:
    """Refuses what cannot be played here."""
    agents = list(env.agents)
    if len(agents) != 2:
        raise ConfigurationError(f"environment.name: {name!r} is for {len(agents)} agents; two play here")
    spaces = [env.action_space(agent) for agent in agents]
    if any(not hasattr(space, "n") for space in spaces):
        raise ConfigurationError(f"environment.name: {name!r} takes other actions than the numbers of a choice")
    try:
        sizes = _seen(env)
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise ConfigurationError(
            f"environment.name: {name!r} does not show its states to each agent by get_obs(state): {first_line(error)}"
        ) from error
    if sizes[0] != sizes[1] or spaces[0].n != spaces[1].n:
        raise ConfigurationError(
            f"environment.name: {name!r} shows {sizes[0]} and {sizes[1]} numbers to its two agents, which have "
            f"{spaces[0].n} and {spaces[1].n} actions; both players have one network's shape here and must be equal"
        )


def _seen(env: Any) -> tuple[int, int]:
    """How many numbers each of two agents sees."""
    observations = jax.eval_shape(lambda key: env.get_obs(env.reset(key)[1]), jax.random.key(0))
    first, second = (sum(part.size for part in jax.tree.leaves(observations[agent])) for agent in env.agents)
    return first, second
