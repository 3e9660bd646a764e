"""Algorithm 1 against its transcription, the closed sums of Eqs. 5-7 and textbook TD(λ), in float64."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from reference import algorithm1

from coalactl_core.credit.returns import batch_lambda_returns, td_errors, values_after

pytestmark = pytest.mark.usefixtures("float64")

# Sums of at most some hundred numbers of order 1 in float64.
TOLERANCE = 1e-12
FLAGS = [(False, False), (False, True), (True, False), (True, True)]
SHAPES = [(1, 1, 1), (1, 3, 2), (2, 2, 2), (3, 4, 1), (4, 1, 5), (5, 3, 4)]


def random_game(batch: int, episodes: int, length: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng([seed, batch, episodes, length])
    rewards, values = rng.normal(size=(2, batch, episodes * length))
    return rewards, values


# Numbers and flags are data, so that each shape compiles once.
compiled = jax.jit(batch_lambda_returns, static_argnames="inner_episode_length")


def ours(rewards, next_values, discount, lambda_, length, average, normalize) -> np.ndarray:
    returns = compiled(
        np.asarray(rewards),
        np.asarray(next_values),
        discount=discount,
        lambda_=lambda_,
        inner_episode_length=length,
        average_future_episodes=average,
        normalize_current_episode=normalize,
    )
    assert returns.dtype == np.float64
    return np.asarray(returns)


@pytest.mark.parametrize(("average", "normalize"), FLAGS)
@pytest.mark.parametrize(("batch", "episodes", "length"), SHAPES)
@pytest.mark.parametrize(("discount", "lambda_"), [(1.0, 1.0), (0.9, 0.7), (0.99, 0.0)])
def test_equals_the_papers_algorithm(batch, episodes, length, discount, lambda_, average, normalize) -> None:
    # Values after the last step are not 0 here: the transcription has to agree as it is printed.
    rewards, next_values = random_game(batch, episodes, length)
    arguments = (rewards, next_values, discount, lambda_, length, average, normalize)
    np.testing.assert_allclose(ours(*arguments), algorithm1.algorithm_1(*arguments), atol=TOLERANCE, rtol=TOLERANCE)


@pytest.mark.parametrize(("batch", "episodes", "length"), SHAPES)
def test_rows_of_the_table_are_equations_5_6_and_7(batch, episodes, length) -> None:
    rewards, _ = random_game(batch, episodes, length)
    undiscounted = partial(ours, rewards, np.zeros_like(rewards), 1.0, 1.0, length)
    close = partial(np.testing.assert_allclose, atol=TOLERANCE, rtol=0)
    close(undiscounted(True, True), algorithm1.coala_pg_credit(rewards, length))
    close(undiscounted(False, False), algorithm1.batch_unaware_credit(rewards))
    close(undiscounted(True, False), algorithm1.m_fos_credit(rewards, length))


@pytest.mark.parametrize(("discount", "lambda_"), [(1.0, 0.3), (0.9, 0.95), (0.8, 0.0)])
def test_alignment_is_that_of_textbook_td_lambda(discount, lambda_) -> None:
    """With λ < 1 the targets tell V(h_{t+1}) from V(h_t): values telescope away only at γ = λ = 1."""
    rewards, values = random_game(3, 2, 4)
    targets = ours(rewards, values_after(jnp.asarray(values)), discount, lambda_, 4, False, False)
    textbook = [algorithm1.td_lambda_targets(r, v, discount, lambda_) for r, v in zip(rewards, values, strict=True)]
    np.testing.assert_allclose(targets, textbook, atol=TOLERANCE)


@pytest.mark.parametrize("lambda_", [0.0, 0.6, 1.0])
def test_lambda_sum_of_td_errors_is_the_target_minus_the_value(lambda_) -> None:
    """GAE with γ·λ and the TD(λ) target are two readings of one number, also at the end of the trajectory."""
    rewards, values = random_game(3, 2, 4)
    errors = td_errors(jnp.asarray(rewards), jnp.asarray(values), discount=0.9)
    advantages = ours(errors, np.zeros_like(rewards), 0.9 * lambda_, 1.0, 4, False, False)
    targets = ours(rewards, values_after(jnp.asarray(values)), 0.9, lambda_, 4, False, False)
    np.testing.assert_allclose(advantages, targets - values, atol=TOLERANCE)


def test_nothing_counts_after_the_end() -> None:
    rewards, values = random_game(2, 2, 3)
    errors = td_errors(jnp.asarray(rewards), jnp.asarray(values), discount=0.9)
    np.testing.assert_allclose(errors[:, -1], rewards[:, -1] - values[:, -1], atol=TOLERANCE)
    np.testing.assert_array_equal(values_after(jnp.asarray(values))[:, -1], 0)
    np.testing.assert_array_equal(values_after(jnp.asarray(values))[:, :-1], values[:, 1:])


@pytest.mark.parametrize("discount", [1.0, 0.9])
def test_a_batch_of_one_makes_all_estimators_equal(discount) -> None:
    rewards, next_values = random_game(1, 3, 4)
    all_returns = [ours(rewards, next_values, discount, 0.8, 4, *flags) for flags in FLAGS]
    for returns in all_returns[1:]:
        np.testing.assert_allclose(returns, all_returns[0], atol=TOLERANCE)


def test_one_inner_episode_leaves_the_own_rewards_only() -> None:
    """At M = 1 averaging future episodes does nothing and trajectories do not mix."""
    rewards, _ = random_game(3, 1, 5)
    to_go = np.cumsum(rewards[:, ::-1], 1)[:, ::-1]
    for average in (False, True):
        none = np.zeros_like(rewards)
        np.testing.assert_allclose(ours(rewards, none, 1.0, 1.0, 5, average, False), to_go, atol=TOLERANCE)
        np.testing.assert_allclose(ours(rewards, none, 1.0, 1.0, 5, average, True), to_go / 3, atol=TOLERANCE)


def test_credit_crosses_the_batch_from_the_next_episode_on_only() -> None:
    """A reward reaches its own trajectory within its episode, and everybody before: the reset comes before the sum."""
    for step in range(6):
        rewards = np.zeros((2, 6))
        rewards[0, step] = 1.0
        returns = ours(rewards, np.zeros_like(rewards), 1.0, 1.0, 3, True, True)
        first_of_episode = step // 3 * 3
        steps = np.arange(6)
        np.testing.assert_allclose(returns[0], np.where(steps <= step, 0.5, 0), atol=TOLERANCE)
        np.testing.assert_allclose(returns[1], np.where(steps < first_of_episode, 0.5, 0), atol=TOLERANCE)


def test_flags_may_be_constants() -> None:
    rewards, next_values = random_game(3, 2, 2)
    for average, normalize in FLAGS:
        found = batch_lambda_returns(
            jnp.asarray(rewards),
            jnp.asarray(next_values),
            discount=0.9,
            lambda_=0.8,
            inner_episode_length=2,
            average_future_episodes=average,
            normalize_current_episode=normalize,
        )
        as_data = ours(rewards, next_values, 0.9, 0.8, 2, average, normalize)
        np.testing.assert_allclose(found, as_data, atol=TOLERANCE)


def test_worked_example() -> None:
    """B = 2, M = 2, T = 1, rewards 1, 2 and 3, 4: own over 2, plus the mean of the second episode, 3."""
    returns = ours([[1.0, 2.0], [3.0, 4.0]], np.zeros((2, 2)), 1.0, 1.0, 1, True, True)
    np.testing.assert_allclose(returns, [[3.5, 1.0], [4.5, 2.0]], atol=TOLERANCE)
