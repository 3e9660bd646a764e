"""LOLA-DiCE with the Hawk policy: the derivative through a look-ahead on fixed samples, and what surrounds it."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import support
from jax.flatten_util import ravel_pytree
from support import (
    clock_policy,
    going_by_outcomes,
    keep_start,
    lola_of,
    meta_hyper,
    naive_hyper,
    opponents_like,
    reactive_policy,
)

from coalactl_core.configuration.sizes import NetworkConfig
from coalactl_core.envs.matrix_game import MatrixGame
from coalactl_core.learning.objectives import log_probs_and_entropy
from coalactl_core.learning.optimizers import adam, clip_by_global_norm, differentiable_adam, fresh_learner, sgd
from coalactl_core.nets.policy import unroll_from
from coalactl_core.nets.registry import build_policy
from coalactl_core.opponents.a2c import naive_update
from coalactl_core.opponents.automata import STATE
from coalactl_core.opponents.population import opponents_of
from coalactl_core.play.meta_episodes import play_meta_episodes
from coalactl_core.play.rollout import Rollout
from coalactl_core.rules.look_ahead import Situation, look_ahead, meta_gradient, situation_loss
from coalactl_core.types import CARRIED, FIXED, FORGOTTEN, META, NAIVE, Experience, Pairing

pytestmark = pytest.mark.usefixtures("float64")

LENGTH, BATCH = 3, 4
ENVIRONMENT = MatrixGame(episode_length=LENGTH)


def rollout_of(policy: Any, **changes: Any) -> Rollout:
    return support.rollout_of(ENVIRONMENT, policy, BATCH, 3)._replace(**changes)


def situation_of(rollout: Rollout, params: Any, *, kind: int = NAIVE, automata: Any = None) -> Situation:
    carry = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (BATCH, *leaf.shape)), rollout.policy.initial_carry())
    state = None if automata is None else jnp.zeros(BATCH, STATE)
    return Situation(
        key=jax.random.key(3),
        opponent=opponents_of(jnp.asarray(kind), jnp.asarray(0), (), automata=automata),
        start=Pairing(learner=fresh_learner(sgd, params), ego_carry=carry, coplayer_carry=carry, strategy_state=state),
    )


def hawk() -> tuple[Any, Any, Any]:
    """A small Hawk policy, its parameters in one vector, and those of two players, in float64 and different from 0."""
    config = NetworkConfig(width=4, heads=2, mlp_width=4)
    policy = build_policy(config, observation_size=5, num_actions=2, scan="sequential")
    keys = jax.random.split(jax.random.key(0))
    params = jax.tree.map(lambda leaf: leaf.astype(float), policy.init(keys[0]))
    start, unpack = ravel_pytree(params)
    ego, other = (start + 0.3 * jax.random.normal(key, start.shape) for key in keys)
    return policy._replace(prepare=lambda params, uses: unpack(params)), ego, other


@pytest.mark.long
@pytest.mark.parametrize("optimizer", [sgd, differentiable_adam], ids=["sgd", "adam"])
def test_derivative_on_fixed_samples_agrees_with_finite_differences(optimizer) -> None:
    """What is sampled stays as it is, weighed by how likely the other policies make it; then the step is plain."""
    policy, ego, other = hawk()
    rollout = rollout_of(policy)
    lola = lola_of(rollout, look_ahead_optimizer=optimizer)
    situation = situation_of(rollout, other)
    hyper = naive_hyper(
        learning_rate=0.5, discount=0.9, value_coefficient=0.5, entropy=0.1, adam_epsilon=0.1, gae_lambda=0.8
    )
    key = jax.random.split(situation.key, 1)[0]
    record = lola.sample(policy.prepare(ego, 1), key, situation.opponent, situation.start, naive_hyper())
    seen = [jax.vmap(jax.vmap(partial(ENVIRONMENT.observe, player=player)))(record.state) for player in (0, 1)]

    def log_probs(params: Any, player: int) -> jax.Array:
        logits = unroll_from(policy, policy.prepare(params, 1), seen[player], situation.start.ego_carry).logits
        return jnp.cumsum(log_probs_and_entropy(logits, record.actions[..., player])[0], 0)

    as_sampled = log_probs(ego, 0) + log_probs(other, 1)

    def by_hand(ego: jax.Array, other: jax.Array) -> jax.Array:
        experience = Experience(
            observations=seen[1],
            actions=record.actions[..., 1],
            rewards=record.rewards[..., 1],
            likelihood=jnp.exp(log_probs(ego, 0) + log_probs(other, 1) - as_sampled),
        )
        learner = fresh_learner(optimizer, other)
        return naive_update(learner, experience, hyper, policy=policy, optimizer=optimizer).params

    def engine(ego: jax.Array, other: jax.Array) -> jax.Array:
        start = situation.start._replace(learner=fresh_learner(sgd, other))
        return look_ahead(policy.prepare(ego, 1), situation._replace(start=start), hyper, lola).params

    read_out = jax.random.normal(jax.random.key(1), other.shape)
    gradients = jax.jit(jax.grad(lambda *players: read_out @ engine(*players), (0, 1)))(ego, other)
    by_hand_jit = jax.jit(by_hand)
    np.testing.assert_allclose(jax.jit(engine)(ego, other), by_hand_jit(ego, other), atol=1e-12)
    for place, gradient in enumerate(gradients):
        assert jnp.linalg.norm(gradient) > 1e-3
        for number in range(3):
            direction = jax.random.normal(jax.random.fold_in(key, number), ego.shape)
            moved = [
                [player + sign * 1e-5 * direction * (place == p) for p, player in enumerate((ego, other))]
                for sign in (1, -1)
            ]
            difference = read_out @ (by_hand_jit(*moved[0]) - by_hand_jit(*moved[1])) / 2e-5
            # Errors of central differences of third order and of rounding, 1e-10 to 1e-9 here.
            np.testing.assert_allclose(gradient @ direction, difference, rtol=1e-6, atol=1e-8)


def test_fixed_strategies_do_not_learn_and_meta_agents_count_by_their_weight() -> None:
    policy = reactive_policy()
    rollout = rollout_of(policy)
    lola = lola_of(rollout)
    ego, other = (policy.init(key) for key in jax.random.split(jax.random.key(0)))
    automata = going_by_outcomes([0.5] * 5)
    loss = jax.jit(jax.grad(situation_loss, has_aux=True), static_argnums=4)

    def gradient(kind: int, rate: float, weight: float = 1.0) -> tuple[Any, Any]:
        situation = situation_of(rollout, other, kind=kind, automata=automata)
        hyper = meta_hyper(meta_opponent_weight=weight)
        return loss(ego, situation, hyper, naive_hyper(learning_rate=rate), lola)

    fixed, losses = gradient(FIXED, 3.0)
    np.testing.assert_array_equal(fixed["logits"], gradient(FIXED, 0.0)[0]["logits"])
    assert losses.look_ahead_norm == 0
    meta, losses = gradient(META, 3.0)
    assert losses.look_ahead_norm > 0.1
    np.testing.assert_allclose(gradient(META, 3.0, 2.5)[0]["logits"], 2.5 * meta["logits"], rtol=1e-12)
    np.testing.assert_array_equal(gradient(NAIVE, 3.0, 2.5)[0]["logits"], meta["logits"])


@pytest.mark.long
def test_chunks_change_nothing() -> None:
    policy = reactive_policy()
    rollout = rollout_of(policy)
    ego, *others = (policy.init(key) for key in jax.random.split(jax.random.key(0), 5))
    each = [situation_of(rollout, other)._replace(key=jax.random.key(place)) for place, other in enumerate(others)]
    situations = jax.tree.map(lambda *leaves: jnp.stack(leaves), *each)
    gradient = jax.jit(meta_gradient, static_argnums=4)
    lola = lola_of(rollout, look_aheads=2)
    whole, parts = (
        gradient(ego, situations, meta_hyper(), naive_hyper(), lola._replace(chunk=chunk))[0] for chunk in (4, 3)
    )
    np.testing.assert_allclose(parts["logits"], whole["logits"], rtol=1e-12)


def test_optimiser_goes_on_from_the_naive_learners_moments() -> None:
    policy = reactive_policy()
    rollout = rollout_of(policy)
    ego, other = (policy.init(key) for key in jax.random.split(jax.random.key(0)))
    situation = situation_of(rollout, other)
    moved = fresh_learner(adam, other)
    moments = jax.tree.map(lambda leaf: leaf + 1, moved.opt_state)
    start = situation.start._replace(learner=moved._replace(opt_state=moments))
    ahead = {
        goes_on: look_ahead(
            ego,
            situation._replace(start=start),
            naive_hyper(),
            lola_of(rollout, look_ahead_optimizer=differentiable_adam, continues=goes_on),
        )
        for goes_on in (True, False)
    }
    assert int(jax.tree.leaves(ahead[True].opt_state)[0]) == 2
    assert int(jax.tree.leaves(ahead[False].opt_state)[0]) == 1
    assert jnp.abs(ahead[True].params["logits"] - ahead[False].params["logits"]).max() > 1e-3


def test_starts_are_what_each_inner_episode_begins_with() -> None:
    """The learner after each update; a memory that forgets begins afresh where another goes on."""
    policy = clock_policy(20)
    ego, other = (policy.init(key) for key in jax.random.split(jax.random.key(0)))
    opponents = opponents_like(other, [NAIVE, META])
    play = jax.jit(partial(play_meta_episodes, keep=keep_start), static_argnames="rollout")

    def starts(*, crossing: int) -> Pairing:
        rollout = rollout_of(policy, crossing=crossing)
        found: Pairing = play(jax.random.key(0), ego, opponents, naive_hyper(), rollout=rollout).kept
        return found

    begun = starts(crossing=CARRIED)
    np.testing.assert_array_equal(begun.ego_carry[0, :, 0], [-1, LENGTH - 1, 2 * LENGTH - 1])
    np.testing.assert_array_equal(begun.coplayer_carry[:, :, 0], [[-1] * 3, [-1, LENGTH - 1, 2 * LENGTH - 1]])
    logits = begun.learner.params["logits"]
    np.testing.assert_array_equal(logits[:, 0], jnp.stack([other["logits"]] * 2))
    assert jnp.abs(logits[0, 1:] - logits[0, :-1]).max((1, 2)).min() > 0
    np.testing.assert_array_equal(logits[1, 1:], logits[1, :-1])
    forgetful = starts(crossing=FORGOTTEN)
    np.testing.assert_array_equal(forgetful.ego_carry, -jnp.ones((2, 3, BATCH)))
    np.testing.assert_array_equal(forgetful.coplayer_carry, -jnp.ones((2, 3, BATCH)))


@pytest.mark.parametrize("limit", [0.5, 100.0, np.inf])
def test_clipping_has_a_finite_derivative_everywhere(limit) -> None:
    vector = jnp.asarray([3.0, -4.0])

    def clip(vector: jax.Array) -> jax.Array:
        return clip_by_global_norm({"a": vector[:1], "b": vector[1:]}, jnp.asarray(limit))["a"][0]

    expected = jax.grad(lambda v: limit * v[0] / jnp.linalg.norm(v))(vector) if limit < 5 else jnp.asarray([1.0, 0.0])
    np.testing.assert_allclose(jax.grad(clip)(vector), expected, rtol=1e-12, atol=1e-15)
    np.testing.assert_array_equal(jax.grad(clip)(jnp.zeros(2)), [1.0, 0.0])
