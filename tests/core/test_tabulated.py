"""Hawk on observations that are a few indices: equal to the general path, forward, backward and over resets."""

from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from coalactl_core.configuration.sizes import NetworkConfig
from coalactl_core.envs.matrix_game import MatrixGame
from coalactl_core.nets.policy import Policy
from coalactl_core.nets.registry import build_policy
from coalactl_core.nets.tabulated import Windows

VOCABULARY = np.random.default_rng(1).normal(size=(3, 4)).astype(np.float32)
STEPS = 12
# 3 + 9 + 27 + 81 windows: fewer uses compute their own, more look them up in a table.
USES = pytest.mark.parametrize("uses", [119, 120], ids=["computed", "tabulated"])
# float32, sums of some hundred terms; the engine's promise for tables.
TOLERANCE = 1e-6
# Of sums of gradients in another order, which processors round otherwise.
OF_GRADIENTS = 4e-6


@cache
def policies(depth: int = 1) -> tuple[Policy, Policy]:
    config = NetworkConfig(width=6, heads=2, mlp_width=7, depth=depth)
    sizes: dict[str, Any] = {"observation_size": 4, "num_actions": 2, "scan": "sequential"}
    return build_policy(config, **sizes), build_policy(config, **sizes, vocabulary=VOCABULARY)


def awake(policy: Policy) -> Any:
    leaves, structure = jax.tree.flatten(policy.init(jax.random.key(0)))
    keys = jax.random.split(jax.random.key(1), len(leaves))
    return jax.tree.unflatten(
        structure, [leaf + 0.3 * jax.random.normal(key, leaf.shape) for leaf, key in zip(leaves, keys, strict=True)]
    )


def numbers() -> jax.Array:
    return jnp.asarray(np.random.default_rng(2).integers(0, 3, STEPS))


def loss(policy: Policy, uses: int, params: Any, resets: Any) -> Any:
    seen = numbers() if policy.takes_indices else jnp.asarray(VOCABULARY)[numbers()]
    output, _ = policy.unroll(policy.prepare(params, uses), seen, policy.initial_carry(), resets)
    return jnp.sum(jnp.sin(output.logits)) + jnp.sum(jnp.square(output.value)), output


@USES
@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("resets", [None, (0, 1, 5, 11)], ids=["no-resets", "resets"])
def test_outputs_and_gradients_equal_the_general_paths(uses, depth, resets) -> None:
    given = None if resets is None else jnp.isin(jnp.arange(STEPS), jnp.asarray(resets))
    plain, tabulated = policies(depth)
    found, expected = (
        jax.jit(jax.value_and_grad(lambda params, policy=policy: loss(policy, uses, params, given), has_aux=True))(
            awake(plain)
        )
        for policy in (tabulated, plain)
    )
    scale = max(float(jnp.max(jnp.abs(leaf))) for leaf in jax.tree.leaves(expected[1]))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=OF_GRADIENTS * scale), found, expected)


@USES
def test_stepping_is_unrolling_and_memory_is_carried(uses) -> None:
    _, policy = policies()
    prepared = policy.prepare(awake(policy), uses)
    whole, last = jax.jit(policy.unroll)(prepared, numbers(), policy.initial_carry(), None)
    step, carry = jax.jit(policy.step), policy.initial_carry()
    for t, number in enumerate(numbers()):
        output, carry = step(prepared, number, carry)
        jax.tree.map(lambda one, all_, t=t: np.testing.assert_allclose(one, all_[t], atol=TOLERANCE), output, whole)
    jax.tree.map(lambda one, other: np.testing.assert_allclose(one, other, atol=TOLERANCE), carry, last)


def test_long_use_looks_windows_up() -> None:
    """Otherwise the two cases above would be one."""
    _, policy = policies()
    assert policy.prepare(awake(policy), 119).table is None
    assert policy.prepare(awake(policy), 120).table.decays.shape == (120, 6)


def test_windows_are_all_the_pasts_that_can_be() -> None:
    windows = Windows(3)
    assert windows.count == 3 + 9 + 27 + 81
    assert len({tuple(row) for row in windows.letters}) == windows.count
    assert windows.fresh.sum() == 3  # those of one observation


def test_a_large_vocabulary_takes_the_general_path() -> None:
    large = np.eye(8, dtype=np.float32)
    assert not Windows.fit(len(large))
    policy = build_policy(NetworkConfig(), observation_size=8, num_actions=2, scan="sequential", vocabulary=large)
    assert not policy.takes_indices


@pytest.mark.parametrize(("recalls", "states"), [(False, 5), (True, 9)])
@pytest.mark.parametrize("player", [0, 1])
def test_numbers_of_a_matrix_game_stand_for_its_observations(player, recalls, states) -> None:
    game = MatrixGame(recalls=recalls)
    assert len(game.vocabulary) == states
    for state in range(states):
        number = game.observe_number(jnp.int8(state), player)
        np.testing.assert_array_equal(game.vocabulary[number], game.observe(jnp.int8(state), player))
