"""The coin game: equal to a plain simulator, symmetric, coins where they may lie, rewards of simple players."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from reference.coin_game import GRID, World

from coalactl_core.envs.base import Environment
from coalactl_core.envs.coin_game import (
    ABSENT,
    CELLS,
    DOWN,
    LEFT,
    MOVES,
    PLACES,
    RIGHT,
    SIDE,
    STAY,
    UP,
    CoinGame,
    CoinState,
)

# The game of LOLA and its successors, that of M-FOS and JaxMARL, and what lies between.
VARIANTS: dict[str, dict[str, Any]] = {
    "default": {},
    "one coin": {"coins": 1},
    "one coin anywhere": {"coins": 1, "placing": "anywhere", "stay": True},
    "two coins anywhere": {"placing": "anywhere", "stay": True},
}
variants = pytest.mark.parametrize("keys", VARIANTS.values(), ids=VARIANTS)
WORLDS, STEPS = 200, 20


def played(keys: dict[str, Any], seed: int = 0) -> Any:
    """States, actions, places, states after, rewards, events, measures and what both see; lead: worlds, steps."""
    env = CoinGame(**keys)

    def step(state: CoinState, key: jax.Array) -> Any:
        action_key, place_key = jax.random.split(key)
        actions = jax.random.randint(action_key, (2,), 0, env.num_actions)
        places = jax.random.randint(place_key, (2,), 0, PLACES)
        after, rewards, events = env.advance(state, actions, places)
        seen = [env.observe(after, player) for player in (0, 1)]
        return after, (state, actions, places, after, rewards, events, env.describe(state, actions, events), seen)

    def world(key: jax.Array) -> Any:
        start, play = jax.random.split(key)
        return jax.lax.scan(step, env.reset(start), jax.random.split(play, STEPS))[1]

    keys_of_worlds = jax.random.split(jax.random.key(seed), WORLDS)
    return env, jax.tree.map(np.asarray, jax.jit(jax.vmap(world))(keys_of_worlds))


def world_of(state: CoinState, env: CoinGame) -> World:
    coins = {colour: GRID[cell] for colour, cell in enumerate(state.coins) if cell != ABSENT}
    return World([GRID[cell] for cell in state.players], coins, number=env.coins, placing=env.placing)


def at(tree: Any, *place: int) -> Any:
    return jax.tree.map(lambda leaf: leaf[place], tree)


@variants
def test_every_step_is_that_of_the_plain_simulator(keys: dict[str, Any]) -> None:
    env, (before, actions, places, after, rewards, events, measures, seen) = played(keys)
    for number in range(WORLDS):
        world = world_of(at(before, number, 0), env)
        for step in range(STEPS):
            here = number, step
            shares = [Fraction(int(place), PLACES) for place in places[here]]
            paid, own, other = world.step(actions[here].tolist(), shares)
            assert world == world_of(at(after, *here), env)
            assert (paid, own, other) == (
                rewards[here].tolist(),
                events.own[here].tolist(),
                events.other[here].tolist(),
            )
            assert own == measures["own_coins"][here].tolist()
            assert other == measures["other_coins"][here].tolist()
            for player in (0, 1):
                np.testing.assert_array_equal(seen[player][here], world.observation(player))


def test_random_play_comes_to_everything_there_is() -> None:
    """Both on one coin, both coins at once, and anywhere both coins by one player: what the comparison is for."""
    _, (*_, events, _, _) = played(VARIANTS["two coins anywhere"])
    own, other = events.own, events.other
    for happened in (own & other, own & other[..., ::-1], own.all(-1), other.all(-1)):
        assert happened.sum() > 5


@variants
def test_coins_lie_where_they_may(keys: dict[str, Any]) -> None:
    env, (before, _, _, after, _, events, _, _) = played(keys)
    for state in (before, after):
        lying = state.coins != ABSENT
        assert (lying.sum(-1) == env.coins).all()
        assert ((state.coins < CELLS) & (state.players >= 0) & (state.players < CELLS)).all()
        if env.placing == "free":
            assert not (state.players[..., :, None] == state.coins[..., None, :]).any()
            assert not (lying.all(-1) & (state.coins[..., 0] == state.coins[..., 1])).any()
    taken = events.own | events.other[..., ::-1]
    kept = ~taken & ((env.coins == 2) | ~taken[..., ::-1])
    np.testing.assert_array_equal(after.coins[kept], before.coins[kept])
    if env.coins == 1:  # The colours take turns.
        assert (after.coins[taken] == ABSENT).all()


@variants
def test_the_game_is_the_same_from_both_sides(keys: dict[str, Any]) -> None:
    env, (before, actions, places, after, rewards, events, _, seen) = played(keys)

    def turned(tree: Any) -> Any:
        return jax.tree.map(lambda leaf: leaf[..., ::-1], tree)

    step = jax.jit(jax.vmap(jax.vmap(env.advance)))
    mirrored, paid, told = step(turned(before), turned(actions), turned(places))
    np.testing.assert_array_equal(turned(rewards), paid)
    jax.tree.map(np.testing.assert_array_equal, turned(events), told)
    np.testing.assert_array_equal(turned(after.players), mirrored.players)
    # Of two coins placed on free cells at once, the first takes a cell from the second.
    taken = events.own | events.other[..., ::-1]
    alone = ~taken.all(-1) if env.placing == "free" else np.ones_like(taken.all(-1))
    np.testing.assert_array_equal(turned(after.coins)[alone], np.asarray(mirrored.coins)[alone])
    observe = jax.vmap(jax.vmap(env.observe, (0, None)), (0, None))
    for player in (0, 1):
        np.testing.assert_array_equal(seen[player], observe(turned(after), 1 - player))


def state_like(players: list[int], coins: list[int]) -> CoinState:
    return CoinState(players=jnp.asarray(players, jnp.int8), coins=jnp.asarray(coins, jnp.int8))


# Cells of the grid are 0 1 2 / 3 4 5 / 6 7 8; player 0 goes to the middle, player 1 to the top.
@pytest.mark.parametrize(
    ("coins", "paid"),
    [
        ([8, 6], [0, 0]),
        ([4, 8], [1, 0]),
        ([8, 1], [0, 1]),
        ([4, 1], [1, 1]),
        ([8, 4], [1, -2]),
        ([1, 8], [-2, 1]),
        ([1, 4], [-1, -1]),
        ([4, 4], [2, -2]),
        ([1, 1], [-2, 2]),
    ],
)
def test_what_is_paid(coins: list[int], paid: list[float]) -> None:
    env = CoinGame(placing="anywhere")
    _, rewards, _ = env.advance(state_like([3, 2], coins), jnp.asarray([RIGHT, LEFT]), jnp.zeros(2, int))
    assert rewards.tolist() == paid
    assert rewards.dtype == jnp.zeros(()).dtype


@pytest.mark.parametrize(("colour", "paid"), [(0, [-1, 1]), (1, [1, -1])])
def test_both_take_a_coin_that_both_come_to(colour: int, paid: list[float]) -> None:
    coins = [ABSENT, ABSENT]
    coins[colour] = 4
    env = CoinGame(coins=1)
    after, rewards, _ = env.advance(state_like([3, 5], coins), jnp.asarray([RIGHT, LEFT]), jnp.zeros(2, int))
    assert rewards.tolist() == paid
    assert after.coins[colour] == ABSENT
    assert after.coins[1 - colour] == 0


@pytest.mark.parametrize(
    ("action", "cells"), [(RIGHT, [1, 6]), (LEFT, [2, 7]), (DOWN, [3, 2]), (UP, [6, 5]), (STAY, [0, 8])]
)
def test_the_grid_has_no_border(action: int, cells: list[int]) -> None:
    env = CoinGame(stay=True)
    after, _, _ = env.advance(state_like([0, 8], [4, 4]), jnp.full(2, action), jnp.zeros(2, int))
    assert after.players.tolist() == cells


def check_even(cells: np.ndarray, barred: set[int]) -> None:
    """Those that are not barred are equally frequent, by 5 standard errors."""
    expected = np.asarray([cell not in barred for cell in range(CELLS)]) / (CELLS - len(barred))
    error = (expected * (1 - expected) / len(cells)) ** 0.5
    assert (np.abs(np.bincount(cells, minlength=CELLS) / len(cells) - expected) <= 5 * error).all()


@variants
def test_a_game_starts_anywhere(keys: dict[str, Any]) -> None:
    env, count = CoinGame(**keys), 20_000
    start = jax.tree.map(np.asarray, jax.jit(jax.vmap(env.reset))(jax.random.split(jax.random.key(1), count)))
    for cells in (*start.players.T, *start.coins.T):
        check_even(cells[cells != ABSENT], set())
    lying = np.mean(start.coins != ABSENT, 0)
    np.testing.assert_allclose(lying, env.coins / 2, atol=5 * 0.5 / count**0.5)


@variants
def test_a_coin_comes_to_any_cell_where_it_may_lie(keys: dict[str, Any]) -> None:
    """Player 0 goes to its coin in cell 4, player 1 to cell 0; the other coin is in cell 8 or not there."""
    env = CoinGame(**keys)
    state = state_like([3, 2], [4, 8 if env.coins == 2 else ABSENT])
    step = jax.jit(jax.vmap(lambda key: env.step(key, state, jnp.asarray([RIGHT, RIGHT]))))
    coins = np.asarray(step(jax.random.split(jax.random.key(2), 20_000))[0].coins)
    barred = {0, 4, 8} if env.coins == 2 else {0, 4}
    check_even(coins[:, 2 - env.coins], barred if env.placing == "free" else set())


def test_it_is_an_environment_of_few_bytes() -> None:
    env = CoinGame()
    assert isinstance(env, Environment)
    assert hash(env) == hash(CoinGame())
    assert (env.observation_size, env.num_actions, env.episode_length) == (36, 4, 16)
    assert CoinGame(stay=True).num_actions == 5
    assert sum(leaf.nbytes for leaf in jax.tree.leaves(env.reset(jax.random.key(0)))) == 4


# --- simple players -------------------------------------------------------------------------------------------------


def apart(first: jax.Array, second: jax.Array) -> jax.Array:
    """Steps between cells of the torus."""
    axes = jnp.abs(jnp.stack([first // SIDE - second // SIDE, first % SIDE - second % SIDE]))
    return jnp.minimum(axes, SIDE - axes).sum(0)


def nearest(env: CoinGame, state: CoinState, player: int, *, any_colour: bool) -> jax.Array:
    """The move that comes nearest to a coin of any colour, or to one's own and then on no coin of the other's."""
    rows, columns = jnp.asarray(MOVES[: env.num_actions]).T
    here = state.players[player].astype(int)
    there = (here // SIDE + rows) % SIDE * SIDE + (here % SIDE + columns) % SIDE
    coins = state.coins[jnp.asarray([player, 1 - player])].astype(int)
    own, other = (jnp.where(coin == ABSENT, CELLS, apart(there, coin)) for coin in coins)
    return jnp.argmin(jnp.minimum(own, other) if any_colour else own + 10 * (other == 0))


def reward_of(env: CoinGame, play: Any) -> np.ndarray:
    """Both players' mean reward a step over 300 games of 100 steps."""

    def step(state: CoinState, key: jax.Array) -> Any:
        act, place = jax.random.split(key)
        after, rewards, _ = env.step(place, state, play(act, state))
        return after, rewards

    def game(key: jax.Array) -> jax.Array:
        start, keys = jax.random.split(key)
        return jax.lax.scan(step, env.reset(start), jax.random.split(keys, 100))[1].mean(0)

    return np.asarray(jax.jit(jax.vmap(game))(jax.random.split(jax.random.key(3), 300))).mean(0)


@pytest.mark.parametrize(("coins", "cooperation"), [(1, 1 / 3), (2, 2 / 3)])
def test_rewards_of_simple_players(coins: int, cooperation: float) -> None:
    """A coin is a step and a half away on average: each takes its own so often, with one coin in turn."""
    env = CoinGame(coins=coins)

    def pair(any_colour: bool) -> Any:
        return lambda _, state: jnp.stack([nearest(env, state, each, any_colour=any_colour) for each in (0, 1)])

    random = reward_of(env, lambda key, _: jax.random.randint(key, (2,), 0, env.num_actions))
    kind, greedy = reward_of(env, pair(any_colour=False)), reward_of(env, pair(any_colour=True))
    # Over 200,000 steps 0.333 and 0.673: ways around the other's coin are no part of the estimate.
    np.testing.assert_allclose(kind, cooperation, atol=0.03)
    # Five standard errors of 30,000 steps, in which rewards deviate by at most 1.2.
    np.testing.assert_allclose(random, 0, atol=0.035)
    np.testing.assert_allclose(greedy, 0, atol=0.035)
