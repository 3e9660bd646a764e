"""The GRU policy: acting is learning on a sequence of one, and a reset is a fresh start."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from coalactl_core.configuration.experiment import SequenceExperiment
from coalactl_core.configuration.sizes import NetworkConfig
from coalactl_core.envs.registry import build_environment
from coalactl_core.errors import ConfigurationError
from coalactl_core.nets.gru_policy import gru_policy
from coalactl_core.nets.policy import Policy, packed
from coalactl_core.nets.registry import build_policy
from coalactl_core.play.policies import observe_of, packed_policy

pytestmark = pytest.mark.usefixtures("float64")

FEATURES, STEPS, WIDTH = 5, 7, 6
close = partial(np.testing.assert_allclose, atol=1e-12, rtol=1e-12)


def made() -> tuple[Policy, Any, jax.Array]:
    """A policy, parameters away from read-outs of zero, and a sequence of observations."""
    config = NetworkConfig(name="gru", width=WIDTH, embedding=4)
    policy = build_policy(config, observation_size=FEATURES, num_actions=2, scan="sequential")
    draws = np.random.default_rng(0)
    params = jax.tree.map(lambda leaf: leaf + 0.3 * draws.normal(size=leaf.shape), policy.init(jax.random.key(0)))
    return policy, params, jnp.asarray(draws.normal(size=(STEPS, FEATURES)))


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def test_outputs_are_those_of_the_formula() -> None:
    """h = (1 - z) n + z h, with z and r of input and state, n = tanh(W x + r (U h + b)); Swish, then the read-outs."""
    policy, params, seen = made()
    output, last = policy.unroll(params, seen, policy.initial_carry(), None)
    cell = {name: {key: np.asarray(leaf) for key, leaf in layer.items()} for name, layer in params["cell"].items()}

    def layer(values: dict[str, Any], x: np.ndarray) -> np.ndarray:
        return x @ np.asarray(values["kernel"]) + np.asarray(values.get("bias", 0.0))

    state = np.zeros(WIDTH)
    for number, x in enumerate(layer(params["embedding"], np.asarray(seen))):
        reset = sigmoid(layer(cell["ir"], x) + layer(cell["hr"], state))
        keep = sigmoid(layer(cell["iz"], x) + layer(cell["hz"], state))
        proposed = np.tanh(layer(cell["in"], x) + reset * layer(cell["hn"], state))
        state = (1 - keep) * proposed + keep * state
        hidden = state * sigmoid(state)
        close(output.logits[number], layer(params["policy"], hidden))
        close(output.value[number], layer(params["value"], hidden)[0])
    close(last, state)


def test_unrolling_is_repeated_stepping_and_memory_is_carried() -> None:
    policy, params, seen = made()
    whole, last = policy.unroll(params, seen, policy.initial_carry(), None)
    step, carry = jax.jit(policy.step), policy.initial_carry()
    for number, observation in enumerate(seen):
        output, carry = step(params, observation, carry)
        jax.tree.map(lambda one, all_, number=number: close(one, all_[number]), output, whole)
    close(carry, last)


def test_a_reset_inside_a_sequence_equals_a_fresh_start() -> None:
    policy, params, seen = made()
    carried = policy.unroll(params, seen, policy.initial_carry(), None)[1]
    found, last = policy.unroll(params, seen, carried, jnp.arange(STEPS) == 3)
    fresh, fresh_last = policy.unroll(params, seen[3:], policy.initial_carry(), None)
    jax.tree.map(lambda all_, tail: close(all_[3:], tail), found, fresh)
    close(last, fresh_last)
    ordinary = policy.unroll(params, seen, carried, None)[0]
    close(found.logits[:3], ordinary.logits[:3])
    assert not np.allclose(found.logits[3], ordinary.logits[3], atol=1e-6)


@pytest.mark.parametrize("resets", [None, (0, 3)], ids=["no-resets", "resets"])
def test_numbers_of_a_few_observations_give_what_their_features_do(resets) -> None:
    """Outputs, memory and gradients."""
    vocabulary = np.random.default_rng(1).normal(size=(4, FEATURES))
    numbers = jnp.asarray([1, 3, 0, 0, 2, 1, 3])
    plain, params, _ = made()
    config = NetworkConfig(name="gru", width=WIDTH, embedding=4)
    tabulated = build_policy(config, observation_size=FEATURES, num_actions=2, scan="sequential", vocabulary=vocabulary)
    assert tabulated.takes_indices
    given = None if resets is None else jnp.isin(jnp.arange(STEPS), jnp.asarray(resets))

    def loss(params: Any, policy: Policy, seen: Any) -> Any:
        output, last = policy.unroll(policy.prepare(params, STEPS), seen, jnp.ones(WIDTH), given)
        return jnp.sum(jnp.sin(output.logits)) + jnp.sum(output.value**2), (output, last)

    found, expected = (
        jax.value_and_grad(loss, has_aux=True)(params, policy, seen)
        for policy, seen in ((tabulated, numbers), (plain, jnp.asarray(vocabulary)[numbers]))
    )
    jax.tree.map(close, found, expected)


GAME = {"payoffs": [[3.0, -1.0], [4.0, 0.5]], "boundary": "last-joint-action"}


@pytest.mark.parametrize("network", ["gru", pytest.param("hawk", marks=pytest.mark.long), "test_gru:build"])
def test_a_network_may_take_in_the_own_last_action_and_reward(network) -> None:
    """Hidden at a start, unless that recalls the step before; told to networks that take features, too."""
    experiment = SequenceExperiment.model_validate(
        {
            "environment": GAME,
            "network": {"name": network, "inputs": "observation-action-reward", "width": 4},
            "compute": {"scan": "sequential"},
        }
    )
    environment = build_environment(experiment)
    policy, _ = packed_policy(experiment, environment)
    told = [(0, 0, 0), (1, 0, 3), (1, 0, -1), (0, 1, 4), (0, 1, 0.5)]
    rows = np.concatenate([environment.vocabulary, [*told, *told[1:]]], -1)
    sizes: dict[str, Any] = {"observation_size": 8, "num_actions": 2, "scan": "sequential"}
    plain, _ = packed(build_policy(experiment.network, **sizes))
    params = jax.random.normal(jax.random.key(1), policy.init(jax.random.key(0)).shape)
    see, values = observe_of(environment, policy), set()
    step, plain_step = jax.jit(policy.step), jax.jit(plain.step)
    for state in range(9):
        seen = see(jnp.int8(state), 1)
        found = step(policy.prepare(params, 1), seen, policy.initial_carry())[0]
        expected = plain_step(plain.prepare(params, 1), jnp.asarray(rows)[seen], plain.initial_carry())[0]
        jax.tree.map(partial(np.testing.assert_allclose, atol=1e-6), found, expected)
        values.add(float(found.value))
    assert len(values) == 9


def build(config: NetworkConfig, observation_size: int, num_actions: int, scan: str) -> Policy:
    """A network of another package, which takes features."""
    del scan
    return gru_policy(config, observation_size, num_actions)


@pytest.mark.parametrize(
    "environment", [{"name": "coin-game"}, {"payoffs": [[1, -1], [-1, 1]], "payoffs_second": [[-1, 1], [1, -1]]}]
)
def test_a_game_whose_observations_do_not_tell_the_last_step_is_refused(environment) -> None:
    experiment = SequenceExperiment.model_validate(
        {"environment": environment, "network": {"inputs": "observation-action-reward"}}
    )
    with pytest.raises(ConfigurationError, match=r"network\.inputs: 'observation-action-reward' given; only"):
        packed_policy(experiment, build_environment(experiment))


@pytest.mark.parametrize(("name", "key"), [("gru", "depth"), ("gru", "mlp_width"), ("hawk", "embedding")])
def test_a_key_that_it_does_not_read_is_refused(name: str, key: str) -> None:
    with pytest.raises(ValueError, match=f"network.{key}: '{name}' has no use for it"):
        NetworkConfig.model_validate({"name": name, key: 4})


def test_read_outs_start_at_zero_so_that_every_action_is_as_likely() -> None:
    policy, _, seen = made()
    output, _ = policy.unroll(policy.init(jax.random.key(1)), seen, policy.initial_carry(), None)
    assert not output.logits.any()
    assert not output.value.any()
