"""The game as a trained agent sees it: what actions are called, what is observed, and both seats to play in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Int, Key, Num, Shaped

from coalactl_core.envs.base import Environment, FewObservations, MemoryOneGame
from coalactl_core.games import words_of
from coalactl_core.play.rollout import recalling_of, sight_of
from coalactl_core.types import FORGOTTEN, EnvironmentState


@dataclass(frozen=True)
class AgentGame:
    """A game as an agent sees it whose memory crosses inner episodes by ``crossing``.

    Observations are numbers where the environment numbers them (:class:`FewObservations`), vectors of features in
    other games. :meth:`reset`, :meth:`step` and :meth:`observe` are of one game; ``jax.vmap`` makes a batch of them.
    """

    name: str
    environment: Environment
    crossing: int
    _known: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def actions(self) -> tuple[str, ...]:
        """What the actions are called, in their order; their numbers where nobody has named them."""
        named = words_of(self.name).actions
        return tuple(named[: self.num_actions]) or tuple(map(str, range(self.num_actions)))

    @property
    def num_actions(self) -> int:
        """Actions of each player."""
        return self.environment.num_actions

    @property
    def episode_length(self) -> int:
        """Steps of one inner episode, T."""
        return self.environment.episode_length

    @cached_property
    def vocabulary(self) -> Float[np.ndarray, "vocabulary features"] | None:
        """All observations where these are numbers, each as its features; None of other games."""
        return self.environment.vocabulary if isinstance(self.environment, FewObservations) else None

    def start(self, last: tuple[Any, Any] | None = None) -> Any:
        """What is observed at the start of an inner episode, in a game of memory-one observations.

        ``last``: own and other action at the end of the inner episode before, numbers or arrays of them. It is shown
        where the environment recalls it and the agent does not forget it.

        Raises:
            TypeError: the game is another one.
            ValueError: there is no such action.
        """
        situations = self._situations()
        return _plain(situations[0]) if last is None else self._at(situations[5:], *last)

    def after(self, own: Any, other: Any) -> Any:
        """What is observed after a step in which the agent and the other player took these actions.

        Numbers give a number, arrays an array; in a game of memory-one observations.

        Raises:
            TypeError: the game is another one.
            ValueError: there is no such action.
        """
        return self._at(self._situations()[1:5], own, other)

    def reset(self, key: Key[Array, ""], last: EnvironmentState | None = None) -> EnvironmentState:
        """The state at the start of an inner episode; ``last``: that at the end of the one before, if there was one."""
        return _reset(key, last, game=self)

    def step(
        self, key: Key[Array, ""], state: EnvironmentState, actions: Any
    ) -> tuple[EnvironmentState, Float[Array, "2"], Any]:
        """The next state, both players' rewards, and what else happened, as the environment tells it.

        ``actions`` are both players', the first one's first.
        """
        return _step(key, state, jnp.asarray(actions), game=self)

    def observe(self, state: EnvironmentState, player: int = 0) -> Num[Array, "*features"]:
        """What the agent sees of a state in a seat; who forgets does not see how the inner episode before ended."""
        return _observe(state, game=self, player=player)

    def sees(self, player: int) -> Callable[[EnvironmentState], Num[Array, "*features"]]:
        """:meth:`observe` of a seat, as a function that is not compiled by itself."""
        few = self.environment if isinstance(self.environment, FewObservations) else None
        observe = self.environment.observe if few is None else few.observe_number
        return sight_of(player, observe, recalling_of(self.environment), self.crossing == FORGOTTEN)

    def _situations(self) -> Any:
        """What player 0 observes at the start and after CC, CD, DC, DD; then at the start after each."""
        if not isinstance(self.environment, MemoryOneGame):
            raise TypeError(f"{self.name} is no game of memory-one observations; use reset, step and observe")
        if "situations" not in self._known:
            situations = _situations(game=self)
            if isinstance(situations, jax.core.Tracer):  # It belongs to the program that is being traced.
                return situations
            self._known["situations"] = np.asarray(situations)
        return self._known["situations"]

    def _at(self, situations: Any, own: Any, other: Any) -> Any:
        number = 2 * self._action("own", own) + self._action("other", other)
        return _plain((jnp.asarray(situations) if isinstance(number, Array) else situations)[number])

    def _action(self, whose: str, action: Any) -> Any:
        """Actions as an array; those on the host are of this game."""
        if isinstance(action, Array):
            return action
        given = np.asarray(action)
        if not (np.issubdtype(given.dtype, np.integer) and ((given >= 0) & (given < self.num_actions)).all()):
            raise ValueError(f"{whose} action: {action} given; {self.name} has 0 to {self.num_actions - 1}")
        return given


@partial(jax.jit, static_argnames="game")
def _reset(key: Key[Array, ""], last: EnvironmentState | None, *, game: AgentGame) -> EnvironmentState:
    state, recalling = game.environment.reset(key), recalling_of(game.environment)
    return state if recalling is None or last is None else recalling.recall(state, last)


@partial(jax.jit, static_argnames="game")
def _step(key: Key[Array, ""], state: EnvironmentState, actions: Int[Array, "2"], *, game: AgentGame) -> Any:
    return game.environment.step(key, state, actions)


@partial(jax.jit, static_argnames=("game", "player"))
def _observe(state: EnvironmentState, *, game: AgentGame, player: int) -> Num[Array, "*features"]:
    return game.sees(player)(state)


@partial(jax.jit, static_argnames="game")
def _situations(*, game: AgentGame) -> Shaped[Array, "situations *features"]:
    environment, recalling = game.environment, recalling_of(game.environment)
    key = jax.random.key(0)  # In such a game nothing is left to chance but actions.
    start = environment.reset(key)
    joint = jnp.asarray([(own, other) for own in range(2) for other in range(2)])
    ends = jax.vmap(lambda actions: environment.step(key, start, actions)[0])(joint)
    see = game.sees(0)
    starts = jax.vmap(lambda last: start if recalling is None else recalling.recall(start, last))(ends)
    return jnp.concatenate([see(start)[None], jax.vmap(see)(ends), jax.vmap(see)(starts)])


def _plain(observation: Any) -> Any:
    """A Python number of a number on the host, an array as it is."""
    return observation if isinstance(observation, Array) or np.ndim(observation) else observation.item()
