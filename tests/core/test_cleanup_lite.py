"""CleanUp-lite: equal to a plain simulator, conservation, symmetry, frozen players."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cleanup_worlds import advance, count, draws_like, state_like
from reference.cleanup_lite import Player, Rules, World

from coalactl_core.envs.base import DerivesMeasures, Environment, FewObservations
from coalactl_core.envs.cleanup_lite import DOWN, LEFT, NOOP, RIGHT, UP, ZAP, CleanUpLite, CleanUpState, Draws

# Both orders, both metrics, other grids; 9 and 17 rows need the next larger types.
VARIANTS = {
    "paper": {},
    "moving first": {"order_of_moving": "first"},
    "chebyshev": {"zap_metric": "chebyshev"},
    "both": {"order_of_moving": "first", "zap_metric": "chebyshev", "zap_range": 1},
    "3 x 3": {"rows": 3, "columns": 3},
    "1 x 2": {"rows": 1, "columns": 2, "initial_dirt": 1, "zap_range": 0, "t_zap": 1},
    "4 x 5": {"rows": 4, "columns": 5, "p_pollution": 0.9, "pollution_threshold": 2.5, "p_zap": 0.3, "t_zap": 2},
    "9 x 3": {"rows": 9, "columns": 3, "pollution_threshold": 9.0, "t_zap": 127},
    "32 x 2": {"rows": 32, "columns": 2, "initial_dirt": 32, "pollution_threshold": 30.0, "order_of_moving": "first"},
    "17 x 32": {"rows": 17, "columns": 32, "zap_range": 20, "pollution_threshold": 17.0},
}
variants = pytest.mark.parametrize("keys", VARIANTS.values(), ids=VARIANTS)
WORLDS, STEPS = 400, 8


def random_states(env: CleanUpLite, count: int, seed: int = 0) -> CleanUpState:
    """Any that may occur; half of the players in the orchard or in the river, half of the pairs in one cell."""
    rng = np.random.default_rng(seed)
    kinds = env.reset(jax.random.key(0))
    rows, columns = rng.integers(0, env.rows, (count, 2)), rng.integers(0, env.columns, (count, 2))
    edge = rng.random((count, 2)) < 0.5
    columns[edge] = rng.choice([0, env.columns - 1], np.sum(edge))
    together = rng.random(count) < 0.5
    rows[together, 1], columns[together, 1] = rows[together, 0], columns[together, 0]
    bits = (2 ** np.arange(env.rows)).astype(np.uint64)
    given = CleanUpState(
        rows=rows,
        columns=columns,
        dirt=(rng.random((count, env.rows)) < 0.4) @ bits,
        apples=(rng.random((count, env.rows)) < 0.5) @ bits,
        frozen=rng.integers(0, env.t_zap + 1, (count, 2)) * (rng.random((count, 2)) < 0.3),
    )
    return jax.tree.map(lambda leaf, kind: jnp.asarray(leaf, kind.dtype), given, kinds)


@jax.jit(static_argnames="env")
def play(env: CleanUpLite, state: CleanUpState, key: jax.Array, weights: jax.Array) -> Any:
    """States before and after, actions, draws, rewards, events and both players' observations, step by step."""

    def step(state: CleanUpState, key: jax.Array) -> Any:
        action_key, draw_key = jax.random.split(key)
        actions = jax.random.categorical(action_key, jnp.log(weights), shape=(2,))
        draws = env.draws(draw_key)
        after, rewards, events = env.advance(state, actions, draws)
        seen = [env.observe(after, player) for player in (0, 1)]
        return after, (state, after, actions, draws, rewards, events, seen)

    return jax.lax.scan(step, state, jax.random.split(key, STEPS))[1]


advance_all = jax.jit(lambda env, *given: jax.vmap(jax.vmap(env.advance))(*given), static_argnums=0)


def played(keys: dict[str, Any], seed: int = 0) -> Any:
    """As :func:`play`, of many worlds; leaves lead with (worlds, steps)."""
    env = CleanUpLite(**keys)
    weights = jnp.asarray([1, 1, 1, 1, 4, 2]) / 10
    many = jax.vmap(lambda state, key: play(env, state, key, weights))
    return env, many(random_states(env, WORLDS, seed), jax.random.split(jax.random.key(seed), WORLDS))


def world_of(state: CleanUpState, env: CleanUpLite) -> World:
    rules = Rules(**{entry.name: getattr(env, entry.name) for entry in fields(Rules)})
    players = [Player(*(int(each) for each in given)) for given in zip(*(state[0], state[1], state[4]), strict=True)]
    dirt, apples = ({row for row in range(env.rows) if int(bits) >> row & 1} for bits in (state.dirt, state.apples))
    return World(rules, players, dirt, apples)


def swapped(tree: Any) -> Any:
    """What has an entry for each player the other way round; the favourite is the other one."""
    turned = jax.tree.map(lambda leaf: leaf[..., ::-1] if leaf.shape[-1:] == (2,) else leaf, tree)
    return turned._replace(first=1 - tree.first) if isinstance(tree, Draws) else turned


@variants
def test_every_step_is_that_of_the_plain_simulator(keys: dict[str, Any]) -> None:
    env, given = played(keys)
    before, after, actions, draws, rewards, events, seen = jax.tree.map(np.asarray, given)
    for number in range(WORLDS):
        world = world_of(jax.tree.map(lambda leaf, number=number: leaf[number, 0], before), env)
        for step in range(STEPS):
            chance = {name: leaf[number, step] for name, leaf in draws._asdict().items()}
            told = world.step(actions[number, step].tolist(), chance)
            assert world == world_of(jax.tree.map(lambda leaf, at=(number, step): leaf[at], after), env)
            assert told == {name: leaf[number, step].tolist() for name, leaf in events._asdict().items()}
            np.testing.assert_array_equal(rewards[number, step], told["harvested"])
            for player in (0, 1):
                np.testing.assert_array_equal(seen[player][number, step], world.observation(player))


def test_the_random_worlds_come_to_everything_there_is() -> None:
    """Both players on one apple and on one patch, and two hits at once: what the comparison is for."""
    env, given = played({})
    before, after, actions, draws, _, events, _ = jax.tree.map(np.asarray, given)
    together = (before.rows[..., 0] == before.rows[..., 1]) & (before.columns[..., 0] == before.columns[..., 1])
    for took, column in ((events.harvested, 0), (events.cleaned, env.columns - 1)):
        assert np.sum(took, (0, 1)).min() > 50
        contested = together & (before.columns[..., 0] == column) & (before.frozen == 0).all(-1) & took.any(-1)
        assert contested.sum() > 5
        np.testing.assert_array_equal(np.argmax(took[contested], -1), draws.first[contested])
    assert np.sum(events.zapped.all(-1)) > 5
    assert np.sum((before.frozen > 0) & (after.frozen == 0)) > 50
    assert set(np.unique(actions)) == {RIGHT, LEFT, UP, DOWN, ZAP, NOOP}


@variants
def test_players_may_swap(keys: dict[str, Any]) -> None:
    env, (before, after, actions, draws, rewards, events, _) = played(keys, seed=1)
    again = advance_all(env, swapped(before), swapped(actions), swapped(draws))
    jax.tree.map(np.testing.assert_array_equal, again, (swapped(after), swapped(rewards), swapped(events)))
    look = jax.vmap(jax.vmap(lambda state: (env.observe(state, 0), env.observe(state, 1))))
    for one, other in zip(look(before), reversed(look(swapped(before))), strict=True):
        np.testing.assert_array_equal(one, other)


@variants
def test_apples_and_dirt_are_spawned_taken_or_there(keys: dict[str, Any]) -> None:
    env, (before, after, actions, draws, _, events, _) = played(keys, seed=2)
    grown = advance_all(env, before._replace(frozen=jnp.ones_like(before.frozen)), actions, draws)[0]
    for name, took in (("apples", events.harvested), ("dirt", events.cleaned)):
        there, more, left = (count(getattr(state, name)) for state in (before, grown, after))
        assert np.isin(more - there, (0, 1)).all()
        np.testing.assert_array_equal(left, more - np.sum(took, -1))
        assert (more - there).any()
        assert np.asarray(took).any()


@pytest.mark.parametrize("action", range(6))
@pytest.mark.parametrize("column", [0, 3])
@pytest.mark.parametrize("order", ["last", "first"])
def test_a_frozen_player_does_nothing_and_cannot_be_zapped(action: int, column: int, order: str) -> None:
    env = CleanUpLite(order_of_moving=order)
    everywhere = 2**env.rows - 1
    state = state_like(env, rows=[2, 2], columns=[column, 1], dirt=everywhere, apples=everywhere, frozen=[3, 0])
    after, rewards, events = advance(env, state, jnp.asarray([action, ZAP]), draws_like())
    assert (int(after.rows[0]), int(after.columns[0]), int(after.frozen[0])) == (2, column, 2)
    assert not events.harvested[0]
    assert not events.cleaned[0]
    assert not np.any(events.zapped)
    assert rewards[0] == 0
    assert int(after.frozen[1]) == 0


@pytest.mark.parametrize("t_zap", [1, 5])
@pytest.mark.parametrize("order", ["last", "first"])
def test_a_hit_lasts_for_the_steps_that_follow(t_zap: int, order: str) -> None:
    """With moving last the player does not move in the step of the hit either; with moving first it has moved."""
    env = CleanUpLite(t_zap=t_zap, order_of_moving=order)
    state = state_like(env, rows=[2, 2], columns=[0, 1])
    state = advance(env, state, jnp.asarray([ZAP, RIGHT]), draws_like())[0]
    moved = order == "first"
    assert int(state.columns[1]) == 1 + moved
    for _ in range(t_zap):
        assert env.observe(state, 0)[-1] == 1
        state = advance(env, state, jnp.asarray([NOOP, RIGHT]), draws_like())[0]
        assert int(state.columns[1]) == 1 + moved
    assert env.observe(state, 0)[-1] == 0
    assert int(advance(env, state, jnp.asarray([NOOP, RIGHT]), draws_like())[0].columns[1]) == 2 + moved


def test_no_apple_appears_at_three_or_more_patches() -> None:
    env = CleanUpLite()
    dirt = jnp.arange(2**env.rows, dtype=jnp.uint8)
    grow = jax.vmap(lambda dirt: advance(env, state_like(env)._replace(dirt=dirt), jnp.asarray([NOOP, NOOP]), draws)[0])
    draws = draws_like(apple=0.0)
    np.testing.assert_array_equal(count(grow(dirt).apples), count(dirt) < 3)


@pytest.mark.parametrize(("metric", "pairs"), [("manhattan", 174), ("chebyshev", 266)])
def test_the_number_of_positions_in_range(metric: str, pairs: int) -> None:
    """43.5% and 66.5% of the 400 pairs of cells on the paper's grid."""
    env = CleanUpLite(zap_metric=metric)
    places = jnp.stack(jnp.meshgrid(*[jnp.arange(20)] * 2), -1).reshape(-1, 2)
    near = jax.vmap(
        lambda places: advance(
            env,
            state_like(env)._replace(rows=(places // 4).astype(jnp.int8), columns=(places % 4).astype(jnp.int8)),
            jnp.asarray([ZAP, NOOP]),
            draws_like(),
        )[2].zapped[0]
    )(places)
    assert int(jnp.sum(near)) == pairs


def test_measures_of_a_step() -> None:
    env = CleanUpLite()
    state = state_like(env, rows=[2, 2], columns=[0, 3], dirt=0b10100, apples=0b00101)
    _, _, events = advance(env, state, jnp.asarray([NOOP, NOOP]), draws_like())
    found = env.describe(state, jnp.asarray([NOOP, NOOP]), events._replace(zapped=jnp.asarray([True, False])))
    expected = {
        "harvest": [1, 0],
        "cleaning": [0, 1],
        "zapping": [1, 0],
        "zapped": [0, 1],
        "pollution_level": [2, 2],
        "apple_level": [2, 2],
    }
    assert {name: values.tolist() for name, values in found.items()} == expected
    derived = env.derive({"cleaning": jnp.asarray([0.25, 0.75])})
    assert {name: values.tolist() for name, values in derived.items()} == {"cleaning_discrepancy": [0.5, 0.5]}


def test_sizes_and_types() -> None:
    env = CleanUpLite()
    assert (env.observation_size, env.num_actions, env.episode_length) == (102, 6, 64)
    assert isinstance(env, Environment)
    assert isinstance(env, DerivesMeasures)
    assert not isinstance(env, FewObservations)
    state = env.reset(jax.random.key(0))
    assert sum(leaf.nbytes for leaf in state) == 8
    after = env.step(jax.random.key(1), state, jnp.zeros(2, jnp.int8))[0]
    assert jax.tree.map(lambda leaf: leaf.dtype, after) == jax.tree.map(lambda leaf: leaf.dtype, state)
