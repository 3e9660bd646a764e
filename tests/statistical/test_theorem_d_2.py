"""Theorem D.2/E.1: LOLA's objective, without higher derivatives, is a special case of what COALA-PG ascends.

A policy that sees the inner episode alone meets a learner that starts at another agent's parameters. The expected
COALA-PG estimate, by enumeration of all 65,536 outcomes through the engine, is then the gradient of
Σ_m E[J(φ, ψ + Σ_{q≤m} Δψ(x̄_q))]. That sum is written out here from the inner episode's own 16 trajectories and the
engine's naive update on each of the 256 batches of two.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from statistical import two_step_game as game
from statistical.inner_episode import ACTIONS, POLICY, REWARDS, SEEN, inner_return, probabilities
from support import meta_hyper, naive_hyper

from coalactl_core.learning.optimizers import fresh_learner, sgd
from coalactl_core.opponents.a2c import naive_update
from coalactl_core.types import Experience

# Sums over 65,536 outcomes in float64; measured about 1e-15.
EXACT = 1e-10
NAIVE_STEP = 4.0
pytestmark = pytest.mark.usefixtures("float64")


def learned(other: dict[str, jax.Array]) -> jax.Array:
    """The other agent's logits after its update on each batch of two trajectories, (16, 16, rows, actions)."""

    def learn(first: jax.Array, second: jax.Array) -> jax.Array:
        pair = jnp.stack([first, second], 1)
        experience = Experience(
            observations=jnp.eye(5)[pair[..., 0]], actions=pair[..., 1], rewards=pair[..., 2].astype(float)
        )
        learner = fresh_learner(sgd, other)
        return naive_update(
            learner, experience, naive_hyper(learning_rate=NAIVE_STEP), policy=POLICY, optimizer=sgd
        ).params["logits"]

    own = jnp.stack([SEEN[..., 1], ACTIONS[..., 1], REWARDS[..., 1].astype(int)], -1)
    return jax.vmap(lambda first: jax.vmap(lambda second: learn(first, second))(own))(own)


def summed_objective(ego: jax.Array, other: jax.Array, after: jax.Array) -> jax.Array:
    """J before any update, and its mean over the stochastic updates on batches that depend on both policies."""
    each = probabilities(ego, other)
    later = jax.vmap(jax.vmap(lambda other: inner_return(ego, other)))(after)
    return inner_return(ego, other) + jnp.sum(each[:, None] * each[None, :] * later)


@pytest.fixture(scope="module")
def gradients() -> dict[str, np.ndarray]:
    """That of the summed objective, that without its dependence through the batches, and the expected estimates."""
    with jax.enable_x64(True):
        return jax.tree.map(np.asarray, jax.jit(_gradients)(game.enumerate_outcomes()))


def _gradients(outcomes: game.Outcomes) -> dict[str, jax.Array]:
    ego, other = (POLICY.init(key) for key in jax.random.split(jax.random.key(0)))
    inner = outcomes._replace(ego_histories=outcomes.states.astype(int))
    coplayer = game.coplayer_probabilities(inner, other, naive_hyper(learning_rate=NAIVE_STEP))
    outcome = coplayer * jnp.exp(jnp.sum(game.ego_log_probs(inner, ego), (1, 2)))
    after = learned(other)
    expected = {
        method: game.expected_estimate(inner, ego, outcome, meta_hyper(method), POLICY)
        for method in ("coala-pg", "m-fos", "batch-unaware")
    }
    batches = jax.lax.stop_gradient(probabilities(ego["logits"], other["logits"]))

    def without_learning(logits: jax.Array) -> jax.Array:
        later = jax.vmap(jax.vmap(lambda other: inner_return(logits, other)))(after)
        return inner_return(logits, other["logits"]) + jnp.sum(batches[:, None] * batches[None, :] * later)

    return expected | {
        "summed objective": jax.grad(summed_objective)(ego["logits"], other["logits"], after),
        "without learning": jax.grad(without_learning)(ego["logits"]),
    }


def relative_error(gradients: dict[str, np.ndarray], name: str) -> float:
    exact = gradients["summed objective"]
    return float(np.linalg.norm(gradients[name] - exact) / np.linalg.norm(exact))


@pytest.mark.long
def test_coala_pg_ascends_the_summed_objective(gradients) -> None:
    assert relative_error(gradients, "coala-pg") < EXACT


@pytest.mark.parametrize("name", ["m-fos", "batch-unaware", "without learning"])
def test_what_credits_no_learning_does_not(gradients, name) -> None:
    assert relative_error(gradients, name) > 0.05
