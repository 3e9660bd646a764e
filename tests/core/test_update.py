"""The meta agents' update against a loop over single samples, whole or in chunks, in float64."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from reference import slow_losses
from support import meta_hyper, recurrent_policy, score_function_updater

from coalactl_core.envs.matrix_game import MatrixGame
from coalactl_core.learning.objectives import a2c_policy_loss, ppo_policy_loss
from coalactl_core.learning.optimizers import adam, fresh_learner, sgd
from coalactl_core.learning.update import LearningBatch, Updater, minibatch_gradient, update_agent
from coalactl_core.types import Targets, Trajectory

pytestmark = pytest.mark.usefixtures("float64")

META_BATCH, STEPS, BATCH = 4, 5, 2
POLICY = recurrent_policy()
COEFFICIENTS = {"clip": 0.2, "value_clip": 0.3, "value_coefficient": 0.7, "entropy": 0.05}
# Sums of a few hundred numbers of order 1 in float64.
close = partial(np.testing.assert_allclose, atol=1e-12, rtol=1e-12)
gradient = jax.jit(minibatch_gradient, static_argnames="updater")


ENVIRONMENT = MatrixGame(episode_length=STEPS)


def updater(**changes: Any) -> Updater:
    plain = score_function_updater(POLICY, ENVIRONMENT, META_BATCH, policy_loss=ppo_policy_loss, optimizer=adam)
    return plain._replace(**changes)


def params(seed: int = 0) -> Any:
    return POLICY.init(jax.random.key(seed))


def learning_batch() -> LearningBatch:
    """Random meta-episodes; old probabilities and values far from the policy's, so that both kinds of clipping act."""
    rng = np.random.default_rng(0)
    shape = META_BATCH, STEPS, BATCH
    return LearningBatch(
        trajectory=Trajectory(
            states=jnp.asarray(rng.integers(0, 5, shape), jnp.int8),
            actions=jnp.asarray(rng.integers(0, 2, shape), jnp.int8),
            rewards=jnp.asarray(rng.normal(size=shape)),
            log_probs=jnp.asarray(np.log(rng.uniform(0.2, 0.9, shape))),
            values=jnp.asarray(rng.normal(size=shape)),
        ),
        targets=Targets(
            advantages=jnp.asarray(rng.normal(size=shape)),
            value_targets=jnp.asarray(rng.normal(size=shape)),
            weight=jnp.asarray([2.0, 1.0, 4.0, 0.5]),
        ),
    )


def slow_step(params: Any, observation: jax.Array, memory: Any) -> tuple[jax.Array, jax.Array, Any]:
    output, memory = POLICY.step(params, observation, memory)
    return output.logits, output.value, memory


@pytest.mark.parametrize(("algorithm", "policy_loss"), [("ppo", ppo_policy_loss), ("a2c", a2c_policy_loss)])
def test_gradient_is_that_of_a_loop_over_samples(algorithm, policy_loss) -> None:
    batch = learning_batch()
    trajectory, targets = jax.tree.map(np.asarray, batch)
    numbers = slow_losses.MetaLossNumbers(algorithm=algorithm, **COEFFICIENTS)
    slow = partial(
        slow_losses.meta_loss,
        slow_step,
        memory=POLICY.initial_carry(),
        observations=np.eye(5)[trajectory.states],
        actions=trajectory.actions,
        old_log_probs=trajectory.log_probs,
        old_values=trajectory.values,
        advantages=targets.advantages,
        value_targets=targets.value_targets,
        weights=targets.weight,
        numbers=numbers,
    )
    expected_loss, expected = jax.value_and_grad(slow)(params())
    found, losses = gradient(params(), batch, meta_hyper(**COEFFICIENTS), updater(policy_loss=policy_loss))
    jax.tree.map(close, found, expected)
    close(losses.policy_loss + 0.7 * losses.value_loss - 0.05 * losses.entropy, expected_loss)
    if algorithm == "ppo":
        assert 0.1 < losses.clip_fraction < 0.9
    assert losses.kl > 0


@pytest.mark.parametrize(
    ("chunk", "trajectory_chunk"), [(1, BATCH), (2, BATCH), (3, BATCH), (1, 1), (2, 1), (META_BATCH, 2)]
)
def test_chunks_equal_the_whole(chunk, trajectory_chunk) -> None:
    """Equal up to the order of summation; 3 does not divide 4, so 2 are taken."""
    arguments = params(), learning_batch(), meta_hyper(**COEFFICIENTS)
    whole = gradient(*arguments, updater())
    chunked = gradient(*arguments, updater(chunk=chunk, trajectory_chunk=trajectory_chunk))
    jax.tree.map(close, chunked, whole)


@pytest.mark.parametrize("copies", [2, 3, 16])
def test_copies_of_parameters_equal_one(copies) -> None:
    """Each part of the batch adds to the gradient of its own copy; 3 and 16 do not divide 8, so 2 and 8 are taken."""
    arguments = params(), learning_batch(), meta_hyper(**COEFFICIENTS)
    jax.tree.map(close, gradient(*arguments, updater(copies=copies)), gradient(*arguments, updater()))


def test_rematerialising_changes_nothing() -> None:
    arguments = params(), learning_batch(), meta_hyper(**COEFFICIENTS)
    jax.tree.map(close, gradient(*arguments, updater(rematerialize=True)), gradient(*arguments, updater()))


def test_kl_and_clip_fraction_are_zero_for_the_acting_policy() -> None:
    batch = learning_batch()
    observations = jnp.eye(5)[batch.trajectory.states]
    unroll = jax.vmap(lambda one: POLICY.unroll(params(), one, POLICY.initial_carry(), None)[0])
    logits = jax.vmap(unroll, 2, 2)(observations).logits
    log_probs = jnp.take_along_axis(jax.nn.log_softmax(logits), batch.trajectory.actions[..., None], -1)[..., 0]
    batch = batch._replace(trajectory=batch.trajectory._replace(log_probs=log_probs))
    _, losses = gradient(params(), batch, meta_hyper(**COEFFICIENTS), updater())
    close(losses.kl, 0)
    close(losses.clip_fraction, 0)


def test_each_epoch_visits_each_meta_episode_once() -> None:
    """With plain SGD on advantages so small that parameters hardly move, E epochs add up E times the whole gradient."""
    batch = learning_batch()
    tiny = 1e-7
    hyper = meta_hyper(**COEFFICIENTS, learning_rate=tiny)
    several = updater(optimizer=sgd, epochs=3, minibatches=2)
    learner, _ = jax.jit(update_agent, static_argnames="updater")(
        jax.random.key(0), fresh_learner(sgd, params()), batch, hyper, several
    )
    whole, _ = gradient(params(), batch, hyper, updater())
    # Each of 2 minibatches has a mean over half of the meta-episodes: the two add up to twice the whole mean.
    moved = jax.tree.map(lambda new, old: (old - new) / tiny, learner.params, params())
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-5), moved, jax.tree.map(lambda g: 6 * g, whole))


def test_gradient_norm_is_reported_before_clipping_and_steps_are_clipped() -> None:
    batch = learning_batch()
    hyper = meta_hyper(**COEFFICIENTS, learning_rate=1.0, max_grad_norm=1e-3)
    update = jax.jit(update_agent, static_argnames="updater")
    learner, losses = update(jax.random.key(0), fresh_learner(sgd, params()), batch, hyper, updater(optimizer=sgd))
    whole, _ = gradient(params(), batch, hyper, updater())
    norm = np.sqrt(sum(np.sum(np.square(leaf)) for leaf in jax.tree.leaves(whole)))
    np.testing.assert_allclose(losses.grad_norm, norm, rtol=1e-9)
    jax.tree.map(
        partial(np.testing.assert_allclose, atol=1e-12),
        learner.params,
        jax.tree.map(lambda old, g: old - 1e-3 * g / norm, params(), whole),
    )
