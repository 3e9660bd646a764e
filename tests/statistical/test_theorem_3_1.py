"""Theorem 3.1: COALA-PG's expected estimate is the exact gradient of the shaping return, and nobody else's is.

By enumeration of all 65,536 outcomes of the two-step game, through the engine's own naive update, targets and loss.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from statistical import two_step_game as game
from support import meta_hyper, naive_hyper, opponents_like, rollout_of

from coalactl_core.play.trajectories import play_meta_trajectories
from coalactl_core.types import NAIVE

# Sums over 65,536 outcomes in float64; measured about 1e-15.
EXACT = 1e-10


@pytest.fixture(scope="module")
def shaping() -> game.Case:
    with jax.enable_x64(True):
        return game.build_case(game.enumerate_outcomes(), game.NAIVE_STEP)


@pytest.fixture(scope="module")
def unteachable() -> game.Case:
    with jax.enable_x64(True):
        return game.build_case(game.enumerate_outcomes(), 0.0)


@partial(jax.jit, static_argnames="method")
def _expected(outcomes, ego, probabilities, method: str, from_returns: bool, factor: float) -> jax.Array:
    hyper = meta_hyper(method, credit_from_returns=from_returns)
    return game.expected_estimate(outcomes, ego, factor * probabilities, hyper)


def relative_error(case: game.Case, method: str, *, from_returns: bool = False, factor: float = 1.0) -> float:
    """Distance of the expected estimate from the exact gradient, as a fraction of the latter's length."""
    expected = _expected(case.outcomes, case.ego, case.probabilities, method, from_returns, factor)
    return float(jnp.linalg.norm(expected - case.gradient) / jnp.linalg.norm(case.gradient))


pytestmark = pytest.mark.usefixtures("float64")


def test_enumeration_is_a_probability_space_in_which_the_learner_matters(shaping, unteachable) -> None:
    assert len(shaping.probabilities) == 65_536
    np.testing.assert_allclose(jnp.sum(shaping.probabilities), 1, rtol=1e-12)
    np.testing.assert_allclose(jnp.sum(unteachable.probabilities), 1, rtol=1e-12)
    difference = jnp.linalg.norm(shaping.gradient - unteachable.gradient)
    assert difference > 0.05 * jnp.linalg.norm(shaping.gradient)


@pytest.mark.parametrize("from_returns", [False, True], ids=["td-errors", "returns"])
def test_coala_pg_is_unbiased(shaping, unteachable, from_returns) -> None:
    assert relative_error(shaping, "coala-pg", from_returns=from_returns) < EXACT
    assert relative_error(unteachable, "coala-pg", from_returns=from_returns) < EXACT


@pytest.mark.parametrize("from_returns", [False, True], ids=["td-errors", "returns"])
def test_m_fos_is_biased(shaping, unteachable, from_returns) -> None:
    assert relative_error(shaping, "m-fos", from_returns=from_returns) > 0.05
    assert relative_error(unteachable, "m-fos", from_returns=from_returns) > 0.05


@pytest.mark.parametrize("from_returns", [False, True], ids=["td-errors", "returns"])
def test_batch_unaware_is_unbiased_only_if_the_co_player_does_not_learn(shaping, unteachable, from_returns) -> None:
    assert relative_error(shaping, "batch-unaware", from_returns=from_returns) > 0.05
    assert relative_error(unteachable, "batch-unaware", from_returns=from_returns) < EXACT


def test_coala_pg_averaged_over_the_batch_is_off_by_its_size(shaping) -> None:
    np.testing.assert_allclose(relative_error(shaping, "coala-pg", factor=1 / game.BATCH), 0.5, rtol=1e-9)


def test_sampled_gradients_agree_with_the_exact_one(shaping) -> None:
    """200 batches of 256 meta-episodes, each component within 4 standard errors; M-FOS's mean is not."""
    rollout = rollout_of(game.ENVIRONMENT, game.POLICY, game.BATCH, game.EPISODES)
    opponents = opponents_like(shaping.coplayer, [NAIVE] * 256)
    learning = naive_hyper(learning_rate=game.NAIVE_STEP)

    def sample(key: jax.Array) -> tuple[jax.Array, jax.Array]:
        episodes = play_meta_trajectories(key, shaping.ego, opponents, learning, rollout)
        coala_pg = game.estimate(episodes, shaping.ego, meta_hyper("coala-pg"), 1.0)
        return coala_pg, game.estimate(episodes, shaping.ego, meta_hyper("m-fos"), 1.0)

    keys = jax.random.split(jax.random.key(0), 200)
    coala_pg, m_fos = jax.jit(lambda keys: jax.lax.map(sample, keys))(keys)
    visited = np.unique(game.enumerate_outcomes().ego_histories)

    def largest_deviation(samples: jax.Array) -> float:
        samples, exact = np.asarray(samples)[:, visited], np.asarray(shaping.gradient)[visited]
        standard_errors = np.std(samples, 0, ddof=1) / np.sqrt(len(samples))
        return float(np.max(np.abs(np.mean(samples, 0) - exact) / standard_errors))

    assert len(visited) == 25
    assert largest_deviation(coala_pg) < 4
    assert largest_deviation(m_fos) > 10
