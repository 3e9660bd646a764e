"""Shaping, LOLA-DiCE and mixed groups: values against a transcription, gradients against finite differences."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from reference import analytical_games as paper

from coalactl_core.analytical.games import RepeatedGame
from coalactl_core.analytical.objectives import (
    NaiveStep,
    Opposition,
    Weights,
    look_ahead,
    mean_look_ahead,
    mean_shaping,
    mixed_gradient,
    partial_return,
    summed_look_ahead,
    summed_shaping,
)

pytestmark = pytest.mark.usefixtures("float64")

DILEMMA = np.array([[1.0, -1.0], [2.0, 0.0]])
TIT_FOR_TAT = np.array([1.0, 1, 0, 1, 0])
# Sums of a few returns after a few steps, each exact to the condition of a solve.
EXACT = 1e-11
# Central differences 1e-5 apart of values that are exact to 1e-12.
DIFFERENCES = {"atol": 1e-7, "rtol": 1e-5}
SETTINGS = [(0.9, 5.0), (0.999, 2.0)]


def situation(seed: int = 0, learners: int = 2, others: int = 2, fixed: int = 1) -> tuple[np.ndarray, Opposition]:
    """An agent's logits, and whom it meets."""
    rng = np.random.default_rng(seed)
    policy, *met = (rng.normal(size=shape) for shape in (5, (learners, 5), (others, 5)))
    strategies = np.broadcast_to(TIT_FOR_TAT, (fixed, 5))
    return policy, Opposition(*map(jnp.asarray, (*met, strategies)))


def game_of(discount: float) -> RepeatedGame:
    return RepeatedGame(jnp.asarray(DILEMMA), jnp.asarray(discount))


def against(policy: np.ndarray, others: np.ndarray, discount: float) -> float:
    """The mean normalised return against policies that are given as logits, transcribed."""
    own = paper.sigmoid(policy)
    returns = [paper.values(own, paper.sigmoid(other), DILEMMA, discount)[0] for other in others]
    return float(np.mean(returns)) * (1 - discount)


@partial(jax.jit, static_argnames=("objective", "steps"))
def value_and_gradient(objective, policy, met, game, rate, steps):
    return jax.value_and_grad(lambda at: objective(at, met, game, NaiveStep(rate, steps)))(policy)


@pytest.mark.parametrize(("discount", "rate"), SETTINGS)
def test_shaping_is_equation_17(discount, rate) -> None:
    policy, met = situation()
    assert_sum_over_steps(summed_shaping, mean_shaping, policy, met, met.learners, discount, rate)


def assert_sum_over_steps(summed, mean, policy, met, starts, discount, rate) -> None:
    """The sum and the mean over m = 0..M of the returns against learners from these starts, and their gradients."""
    steps = 3
    found, gradient = value_and_gradient(summed, policy, met, game_of(discount), rate, steps)

    def transcribed(at: np.ndarray) -> float:
        raw = paper.shaping_value(at, np.asarray(starts), DILEMMA, discount, rate * (1 - discount), steps)
        return (1 - discount) * raw

    np.testing.assert_allclose(found, transcribed(policy), atol=EXACT, rtol=0)
    np.testing.assert_allclose(gradient, paper.central_differences(transcribed, policy), **DIFFERENCES)
    mean_value, mean_gradient = value_and_gradient(mean, policy, met, game_of(discount), rate, steps)
    np.testing.assert_allclose((steps + 1) * mean_value, found, atol=EXACT, rtol=0)
    np.testing.assert_allclose((steps + 1) * mean_gradient, gradient, atol=EXACT, rtol=0)


@pytest.mark.parametrize(("discount", "rate"), SETTINGS)
@pytest.mark.parametrize("look_aheads", [1, 4])
def test_look_ahead_is_equation_4(look_aheads, discount, rate) -> None:
    """Differentiated through the other agent's steps, but not through where it starts, also where that is oneself."""
    policy, met = situation(1)
    met = met._replace(others=met.others.at[0].set(policy))
    found, gradient = value_and_gradient(look_ahead, policy, met, game_of(discount), rate, look_aheads)

    def transcribed(at: np.ndarray) -> float:
        one = partial(paper.look_ahead_value, payoffs=DILEMMA, gamma=discount, eta=rate * (1 - discount))
        values = [one(at, other, look_aheads=look_aheads) for other in np.asarray(met.others)]
        return (1 - discount) * float(np.mean(values))

    np.testing.assert_allclose(found, transcribed(policy), atol=EXACT, rtol=0)
    np.testing.assert_allclose(gradient, paper.central_differences(transcribed, policy), **DIFFERENCES)


def test_look_aheads_may_count_on_the_way_too() -> None:
    """The sum and the mean over m = 0..K, from where the other agents are (Theorem D.2/E.1)."""
    policy, met = situation(1)
    assert_sum_over_steps(summed_look_ahead, mean_look_ahead, policy, met, met.others, 0.9, 5.0)


def partial_gradient(policy, others, discount):
    met = situation()[1]._replace(others=jnp.asarray(others))
    return np.asarray(jax.jit(jax.grad(partial_return))(jnp.asarray(policy), met, game_of(discount)))


@pytest.mark.parametrize("discount", [0.0, 0.9, 0.999])
def test_partial_gradient(discount) -> None:
    policy, met = situation(2)
    others = np.asarray(met.others)
    differences = paper.central_differences(lambda at: against(at, others, discount), policy)
    np.testing.assert_allclose(partial_gradient(policy, others, discount), differences, **DIFFERENCES)


def test_without_naive_steps_shaping_is_the_partial_gradient_against_the_learners() -> None:
    policy, met = situation(3)
    _, gradient = value_and_gradient(mean_shaping, policy, met, game_of(0.9), 5.0, 0)
    np.testing.assert_allclose(gradient, partial_gradient(policy, met.learners, 0.9), atol=EXACT, rtol=0)


@pytest.mark.parametrize(("rate", "look_aheads"), [(0.0, 4), (5.0, 0)])
def test_look_ahead_without_learning_is_the_partial_gradient(rate, look_aheads) -> None:
    policy, met = situation(4)
    _, gradient = value_and_gradient(look_ahead, policy, met, game_of(0.9), rate, look_aheads)
    np.testing.assert_allclose(gradient, partial_gradient(policy, met.others, 0.9), atol=EXACT, rtol=0)


def test_shaping_is_more_than_the_partial_gradient_along_the_way() -> None:
    """What shaping adds is the effect on the learner's updates: it vanishes where the trajectory is held fixed."""
    policy, met = situation(5)
    _, gradient = value_and_gradient(mean_shaping, policy, met, game_of(0.9), 5.0, 3)
    learner = paper.naive_learner(np.asarray(met.learners[0]), policy, DILEMMA, 0.9, 0.5, 3)
    other = paper.naive_learner(np.asarray(met.learners[1]), policy, DILEMMA, 0.9, 0.5, 3)
    held = paper.central_differences(lambda at: against(at, np.stack(learner + other), 0.9), policy)
    assert np.abs(gradient - held).max() > 0.01


@partial(jax.jit, static_argnames="objective")
def mixed(policy, met, game, weights, objective=mean_shaping):
    return mixed_gradient(policy, met, game, NaiveStep(jnp.asarray(5.0), 2), weights, objective)


def shares(p_naive: float, fixed: float = 0.0) -> Weights:
    """p_naive and the rest, where fixed policies have no part in them."""
    return Weights(*map(jnp.asarray, (p_naive, 1 - p_naive, [fixed])))


@pytest.mark.parametrize("p_naive", [0.0, 0.3, 1.0])
def test_mixed_group_is_the_convex_mixture(p_naive) -> None:
    policy, met = situation(6)
    found = mixed(jnp.asarray(policy), met, game_of(0.9), shares(p_naive))

    def transcribed(at: np.ndarray) -> float:
        shaping = paper.shaping_value(at, np.asarray(met.learners), DILEMMA, 0.9, 0.5, 2) * 0.1 / 3
        return p_naive * shaping + (1 - p_naive) * against(at, np.asarray(met.others), 0.9)

    np.testing.assert_allclose(found, paper.central_differences(transcribed, policy), **DIFFERENCES)


def test_fixed_policies_enter_with_their_weights() -> None:
    policy, met = situation(7)
    found = mixed(jnp.asarray(policy), met, game_of(0.9), shares(0.4, fixed=0.5))
    rest = mixed(jnp.asarray(policy), met, game_of(0.9), shares(0.4))

    def transcribed(at: np.ndarray) -> float:
        return 0.5 * 0.1 * paper.values(paper.sigmoid(at), TIT_FOR_TAT, DILEMMA, 0.9)[0]

    np.testing.assert_allclose(found - rest, paper.central_differences(transcribed, policy), **DIFFERENCES)


@pytest.mark.parametrize("p_naive", [0.05, 0.5])
def test_sum_and_mean_mix_in_the_same_direction_with_the_documented_shares(p_naive) -> None:
    """The direction of the mean with p is that of the sum with p / (p + (M + 1)(1 - p)); docs/analytical.md."""
    policy, met = situation(8)

    def direction(objective, p: float) -> np.ndarray:
        gradient = np.asarray(mixed(jnp.asarray(policy), met, game_of(0.9), shares(p), objective=objective))
        return gradient / np.linalg.norm(gradient)

    of_sum = p_naive / (p_naive + 3 * (1 - p_naive))
    np.testing.assert_allclose(direction(mean_shaping, p_naive), direction(summed_shaping, of_sum), atol=EXACT)
