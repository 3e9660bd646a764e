"""The Hawk policy: acting and learning agree, memories reset as a fresh start, and the initial statistics."""

import operator
from functools import cache, partial, reduce
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from coalactl_core.configuration.sizes import NetworkConfig
from coalactl_core.nets.hawk_policy import hawk_policy
from coalactl_core.nets.policy import Policy, packed

pytestmark = pytest.mark.usefixtures("float64")

FEATURES, ACTIONS, STEPS = 5, 2, 9
# Sums of a few hundred products of order 1 in float64.
close = partial(np.testing.assert_allclose, atol=1e-12, rtol=1e-12)


@cache
def hawk(scan: str = "sequential", **network: int) -> Policy:
    config = NetworkConfig(**{"width": 6, "heads": 2, "mlp_width": 7, **network})
    return hawk_policy(config, FEATURES, ACTIONS, scan)


def awake(policy: Policy, seed: int = 0) -> Any:
    """Parameters moved away from their start, whose read-outs are zero."""
    params = policy.init(jax.random.key(seed))
    leaves, structure = jax.tree.flatten(params)
    keys = jax.random.split(jax.random.key(seed + 1), len(leaves))
    moved = [leaf + 0.3 * jax.random.normal(key, leaf.shape) for leaf, key in zip(leaves, keys, strict=True)]
    return jax.tree.unflatten(structure, moved)


def observations() -> jax.Array:
    return jnp.asarray(np.random.default_rng(0).normal(size=(STEPS, FEATURES)))


@cache
def unroll(policy: Policy) -> Any:
    """The compiled function, one for all tests of a policy."""
    return jax.jit(policy.unroll)


@pytest.mark.parametrize("network", [{}, {"depth": 2}, {"heads": 1}, {"heads": 3}], ids=str)
def test_unrolling_is_repeated_stepping(network) -> None:
    policy = hawk(**network)
    params, carry = awake(policy), policy.initial_carry()
    whole, last = unroll(policy)(params, observations(), carry, None)
    step = jax.jit(policy.step)
    for t, observation in enumerate(observations()):
        output, carry = step(params, observation, carry)
        jax.tree.map(lambda one, all_, t=t: close(one, all_[t]), output, whole)
    jax.tree.map(close, carry, last)


def test_memory_carried_across_two_unrolls_equals_one() -> None:
    policy = hawk(depth=2)
    params = awake(policy)
    whole, last = unroll(policy)(params, observations(), policy.initial_carry(), None)
    first, carry = unroll(policy)(params, observations()[:4], policy.initial_carry(), None)
    second, carry = unroll(policy)(params, observations()[4:], carry, None)
    jax.tree.map(lambda a, b, c: close(jnp.concatenate([a, b]), c), first, second, whole)
    jax.tree.map(close, carry, last)


@pytest.mark.parametrize("reset", [0, 3, STEPS - 1])
def test_a_reset_inside_a_sequence_equals_a_fresh_start(reset) -> None:
    """Also in what is remembered afterwards: the convolution forgets the steps before, though its window holds them."""
    policy = hawk(depth=2)
    params = awake(policy)
    resets = jnp.arange(STEPS) == reset
    _, carried = unroll(policy)(params, observations(), policy.initial_carry(), None)
    found, last = unroll(policy)(params, observations(), carried, resets)
    fresh, fresh_last = unroll(policy)(params, observations()[reset:], policy.initial_carry(), None)
    jax.tree.map(lambda all_, tail: close(all_[reset:], tail), found, fresh)
    # The memories of the convolution hold three steps; those before a fresh start are zero.
    jax.tree.map(close, last, fresh_last)
    ordinary, _ = unroll(policy)(params, observations(), carried, None)
    jax.tree.map(lambda one, other: close(one[:reset], other[:reset]), found, ordinary)
    assert not np.allclose(found.logits[reset], ordinary.logits[reset], atol=1e-6)


def test_the_past_matters() -> None:
    """The memory does something, beyond the four steps of the convolution too."""
    policy = hawk()
    params = awake(policy)
    changed = observations().at[0].add(1.0)
    outputs = [
        unroll(policy)(params, seen, policy.initial_carry(), None)[0].logits for seen in (observations(), changed)
    ]
    assert np.max(np.abs(outputs[0][-1] - outputs[1][-1])) > 1e-6


@pytest.mark.parametrize("resets", [None, jnp.arange(STEPS) % 4 == 0], ids=["no-resets", "resets"])
def test_parallel_and_sequential_scans_agree(resets) -> None:
    sequential, associative = hawk(depth=2), hawk("associative", depth=2)
    params, carry = (
        awake(sequential),
        unroll(sequential)(awake(sequential), observations(), sequential.initial_carry(), None)[1],
    )

    def loss(policy: Policy, params: Any) -> jax.Array:
        output, last = policy.unroll(params, observations(), carry, resets)
        memories = [jnp.sum(block.recurrent) for block in last]
        return jnp.sum(jnp.sin(output.logits)) + jnp.sum(output.value**2) + sum(memories)

    results = [jax.jit(jax.value_and_grad(partial(loss, policy)))(params) for policy in (sequential, associative)]
    jax.tree.map(close, *results)


def test_read_outs_start_at_zero_so_that_every_action_is_as_likely() -> None:
    policy = hawk()
    output, _ = policy.unroll(policy.init(jax.random.key(3)), observations(), policy.initial_carry(), None)
    np.testing.assert_array_equal(output.logits, 0)
    np.testing.assert_array_equal(output.value, 0)


def test_initial_statistics_are_hawks() -> None:
    """Radii uniform by area on the ring .9 to .999, variances of kernels by fan-in (App. B.3); 4 standard errors."""
    width, mlp_width, heads, depth = 128, 96, 2, 2
    params = hawk(width=width, mlp_width=mlp_width, heads=heads, depth=depth).init(jax.random.key(0))
    block = params["block_0"]
    # The decay a = exp(−8 softplus(Λ)) of a fully open gate is the eighth power of the radius.
    radius = np.exp(-np.logaddexp(0, np.asarray(block["rg_lru"]["decay_rate"])))
    assert np.all((radius >= 0.9) & (radius <= 0.999))
    share = (radius**2 - 0.9**2) / (0.999**2 - 0.9**2)
    np.testing.assert_allclose(np.mean(share), 0.5, atol=4 * np.sqrt(1 / 12 / width))
    variances = {
        ("branches", "kernel"): 1 / width,
        ("recurrent_output", "kernel"): 2 / depth / width,
        ("mlp_output", "kernel"): 2 / depth / mlp_width,
        ("mlp_branches", "kernel"): 1 / width,
        ("convolution", "kernel"): 0.01,
        ("rg_lru", "gates", "kernel"): heads / width,
    }
    for layer, variance in variances.items():
        kernel = np.asarray(reduce(operator.getitem, layer, block))
        standard_error = variance * np.sqrt(2 / kernel.size)
        assert abs(np.mean(kernel**2) - variance) < 4 * standard_error, (layer, np.mean(kernel**2), variance)
    np.testing.assert_array_equal(block["recurrent_norm"]["scale"], 0)
    np.testing.assert_array_equal(block["convolution"]["bias"], 0)


def test_heads_keep_gates_apart() -> None:
    """Block-diagonal gates: two heads of half the width have half the parameters of one."""
    sizes = {
        heads: hawk(heads=heads).init(jax.random.key(0))["block_0"]["rg_lru"]["gates"]["kernel"].shape
        for heads in (1, 2, 3)
    }
    assert sizes == {1: (2, 1, 6, 6), 2: (2, 2, 3, 3), 3: (2, 3, 2, 2)}


def test_packed_parameters_are_the_same_policy() -> None:
    policy = hawk(depth=2)
    flat, unpack = packed(policy)
    params = flat.init(jax.random.key(0))
    jax.tree.map(np.testing.assert_array_equal, unpack(params), policy.init(jax.random.key(0)))
    awake_params = params + 0.1
    found = flat.unroll(flat.prepare(awake_params, STEPS), observations(), flat.initial_carry(), None)
    jax.tree.map(close, found, policy.unroll(unpack(awake_params), observations(), policy.initial_carry(), None))


def test_second_derivatives_are_finite_where_a_gate_is_closed() -> None:
    policy = hawk()
    params, carry = awake(policy), policy.initial_carry()
    closed = jax.tree_util.tree_map_with_path(
        lambda path, leaf: jnp.full_like(leaf, -200.0) if "decay_rate" in jax.tree_util.keystr(path) else leaf, params
    )

    def squared_slopes(params: Any) -> jax.Array:
        slopes = jax.grad(lambda params: jnp.sum(jnp.square(policy.unroll(params, observations(), carry, None)[0][0])))
        return optax.tree.norm(slopes(params), squared=True)

    assert np.isfinite(optax.tree.norm(jax.jit(jax.grad(squared_slopes))(closed)))
