"""The coin game: two players on a torus each have a coin of their colour, and both gain by any coin (arXiv:1709.04326).

A coin of the other's colour costs the other more than it brings: a social dilemma in which cooperating takes skill.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float, Int, Key

from coalactl_core.configuration.environments import CoinGameConfig

SIDE = 3
CELLS = SIDE * SIDE
RIGHT, LEFT, DOWN, UP, STAY = range(5)

# Rows and columns that an action goes, in the order of the actions.
MOVES = ((0, 1), (0, -1), (1, 0), (-1, 0), (0, 0))

COIN, LOSS = 1.0, 2.0
"""What any coin brings, and what one costs its owner that the other takes."""

ABSENT = -1
"""The cell of a coin that does not lie on the grid."""

# Places among cells are drawn as whole numbers below this, so that scaling them to few cells is exact.
PLACES = 1 << 24

Placing = Literal["free", "anywhere"]


class CoinState(NamedTuple):
    """Four bytes: cells of the players and of the coins of their colours, counted row by row."""

    players: Int[Array, "players"]
    coins: Int[Array, "players"]


class CoinEvents(NamedTuple):
    """Who took a coin of its own colour in a step, and who one of the other's."""

    own: Bool[Array, "players"]
    other: Bool[Array, "players"]


class CoinGame(NamedTuple):
    """Coins on a 3×3 torus; actions are right, left, down, up and, with ``stay``, stay.

    Players move at once. Whoever stands on a coin then takes it: a reward of 1, and of -2 for the owner of the colour
    where that is the other player. Two who come to one coin both take it. A coin that was taken is placed anew.

    With one coin the colour changes each time that it is taken, which is the game of LOLA, POLA, LOQA and Advantage
    Alignment; with two, one of each colour lies on the grid at any time, as in M-FOS and JaxMARL, which also have
    ``stay`` and place coins ``anywhere``. A ``free`` cell has no player in it and no other coin.
    """

    episode_length: int = 16
    coins: int = 2
    placing: Placing = "free"
    stay: bool = False

    @property
    def observation_size(self) -> int:
        """A plane of cells for each player and each colour."""
        return 4 * CELLS

    @property
    def num_actions(self) -> int:
        """Four moves; staying is a fifth."""
        return 5 if self.stay else 4

    def reset(self, key: Key[Array, ""]) -> CoinState:
        """Players on random cells; with one coin its colour is random too."""
        player_key, place_key, colour_key = jax.random.split(key, 3)
        players = jax.random.randint(player_key, (2,), 0, CELLS, jnp.int8)
        appears = (jax.random.randint(colour_key, (), 0, 2) == jnp.arange(2)) | (self.coins == 2)
        none = jnp.full(2, ABSENT, jnp.int8)
        return CoinState(players=players, coins=self._placed(none, players, appears, _places(place_key)))

    def step(
        self, key: Key[Array, ""], state: CoinState, actions: Int[Array, "2"]
    ) -> tuple[CoinState, Float[Array, "2"], CoinEvents]:
        """One step, in which the places of new coins are the only chance."""
        return self.advance(state, actions, _places(key))

    def advance(
        self, state: CoinState, actions: Int[Array, "2"], places: Int[Array, "2"]
    ) -> tuple[CoinState, Float[Array, "2"], CoinEvents]:
        """The step that these places make, one for each colour: of n cells, that at ``place * n // PLACES``."""
        players = _moved(state.players, actions)
        own, other = players == state.coins, players == state.coins[::-1]
        taken = own | other[::-1]
        rewards = COIN * (own.astype(float) + other) - LOSS * other[::-1]
        left = jnp.where(taken, ABSENT, state.coins).astype(jnp.int8)
        appears = taken if self.coins == 2 else taken[::-1]
        after = CoinState(players=players, coins=self._placed(left, players, appears, places))
        return after, rewards, CoinEvents(own=own, other=other)

    def observe(self, state: CoinState, player: int) -> Float[Array, "features"]:
        """Planes one-hot in cells: oneself, the other, the coin of one's own colour, that of the other's."""
        mine = jnp.asarray([player, 1 - player])
        cells = jnp.concatenate([state.players[mine], state.coins[mine]])
        return (cells[:, None] == jnp.arange(CELLS)).ravel().astype(float)

    def describe(self, state: CoinState, actions: Int[Array, "2"], events: CoinEvents) -> dict[str, Float[Array, "2"]]:
        """Coins that each player took of its own colour and of the other's."""
        del state, actions
        return {"own_coins": events.own.astype(float), "other_coins": events.other.astype(float)}

    def _placed(
        self, coins: Int[Array, "2"], players: Int[Array, "2"], appears: Bool[Array, "2"], places: Int[Array, "2"]
    ) -> Int[Array, "2"]:
        """Those that appear on cells of their own, the first colour before the second."""
        for colour in range(2):
            taken = jnp.concatenate([players, coins]) if self.placing == "free" else jnp.zeros(0, jnp.int8)
            cell = _cell_at(places[colour], taken)
            coins = coins.at[colour].set(jnp.where(appears[colour], cell, coins[colour]).astype(jnp.int8))
        return coins


def _places(key: Key[Array, ""]) -> Int[Array, "2"]:
    """For a coin of each colour, 24 random bits."""
    return (jax.random.bits(key, (2,), jnp.uint32) >> 8).astype(jnp.int32)


def _moved(players: Int[Array, "2"], actions: Int[Array, "2"]) -> Int[Array, "2"]:
    """A cell further; who leaves the grid on one side comes in on the other."""
    rows, columns = jnp.asarray(MOVES, jnp.int8)[actions].T
    return ((players // SIDE + rows) % SIDE * SIDE + (players % SIDE + columns) % SIDE).astype(jnp.int8)


def _cell_at(place: Int[Array, ""], taken: Int[Array, "cells"]) -> Int[Array, ""]:
    """One of the cells that are not taken."""
    free = ~(taken[:, None] == jnp.arange(CELLS)).any(0)
    before = place * free.sum() // PLACES
    return jnp.argmax(free & (jnp.cumsum(free) == before + 1)).astype(jnp.int8)


def build(config: CoinGameConfig, episode_length: int) -> CoinGame:
    """The game of an ``[environment]`` table."""
    return CoinGame(episode_length=episode_length, **config.model_dump(exclude={"name"}))
