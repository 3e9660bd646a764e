"""CleanUp-lite: what is drawn is drawn as often as it should be, and everywhere."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cleanup_worlds import count, state_like

from coalactl_core.envs.cleanup_lite import NOOP, ZAP, CleanUpLite

MANY = 40_000


def assert_frequency(found: np.ndarray, expected: float) -> None:
    """Within four standard errors of a share of independent draws."""
    error = np.sqrt(expected * (1 - expected) / found.shape[0])
    assert np.all(np.abs(found.mean(0) - expected) <= 4 * error)


@pytest.mark.parametrize("patches", range(6))
def test_apples_and_dirt_appear_as_often_as_they_should_and_everywhere(patches: int) -> None:
    env = CleanUpLite()
    state = state_like(env, dirt=2**patches - 1, apples=0b01010)
    after = jax.vmap(lambda key: env.step(key, state, jnp.asarray([NOOP, NOOP]))[0])(many_keys(patches))
    new_dirt, new_apple = (
        cells(bits, env.rows) & ~cells(old, env.rows) for bits, old in zip(after[2:4], state[2:4], strict=True)
    )
    clean = env.rows - patches
    if clean:
        assert_frequency(new_dirt[:, patches:], env.p_pollution / clean)
    assert not new_dirt[:, :patches].any()
    for more in (0, 1):
        where = new_dirt.any(-1) == more
        if where.any():
            chance = 1 - min(1, (patches + more) / 3)
            assert_frequency(new_apple[where][:, [0, 2, 4]], chance / 3)
    assert not new_apple[:, [1, 3]].any()


@pytest.mark.parametrize(("rows", "columns"), [([2, 2], [1, 1]), ([2, 2], [0, 2]), ([1, 2], [1, 2])])
def test_zaps_hit_as_often_as_they_should(rows: list[int], columns: list[int]) -> None:
    env = CleanUpLite()
    state = state_like(env, rows=rows, columns=columns)
    hits = jax.vmap(lambda key: env.step(key, state, jnp.asarray([ZAP, ZAP]))[2].zapped)(many_keys(0))
    assert_frequency(np.asarray(hits), env.p_zap)
    assert_frequency(np.asarray(hits).all(-1), env.p_zap**2)


def test_either_player_gets_what_both_stand_on_half_of_the_time() -> None:
    env = CleanUpLite()
    state = state_like(env, rows=[1, 1], columns=[0, 0], apples=0b00010)
    got = jax.vmap(lambda key: env.step(key, state, jnp.asarray([NOOP, NOOP]))[1])(many_keys(1))
    np.testing.assert_array_equal(np.sum(got, -1), 1)
    assert_frequency(np.asarray(got), 0.5)


@pytest.mark.parametrize("keys", [{}, {"rows": 3, "columns": 2, "initial_dirt": 1}])
def test_starts_are_random(keys: dict[str, Any]) -> None:
    env = CleanUpLite(**keys)
    starts = jax.vmap(env.reset)(many_keys(2))
    places = np.asarray(starts.rows).astype(int) * env.columns + np.asarray(starts.columns)
    assert_frequency(places[..., None] == np.arange(env.rows * env.columns), 1 / (env.rows * env.columns))
    np.testing.assert_array_equal(count(starts.dirt), env.initial_dirt)
    assert_frequency(cells(starts.dirt, env.rows), env.initial_dirt / env.rows)
    assert not np.any(starts.apples)
    assert not np.any(starts.frozen)


def test_impossible_and_certain_events() -> None:
    env = CleanUpLite(p_pollution=0.0, p_zap=1.0)
    state = state_like(env, rows=[2, 2], columns=[1, 1])
    after, _, events = jax.vmap(lambda key: env.step(key, state, jnp.asarray([ZAP, ZAP])))(many_keys(3))
    assert not np.any(after.dirt)
    assert np.all(count(after.apples) == 1)
    assert np.all(events.zapped)


def many_keys(seed: int) -> jax.Array:
    return jax.random.split(jax.random.key(seed), MANY)


def cells(bits: Any, rows: int) -> np.ndarray:
    """Which of the cells have their bit."""
    return (np.asarray(bits)[..., None] >> np.arange(rows)) & 1 == 1
