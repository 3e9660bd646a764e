"""A naive learner's trajectory: against a transcription, its derivatives through every step, the scale of its rate."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from reference import analytical_games as paper

from coalactl_core.analytical.games import RepeatedGame, normalized_returns, occupancy_of
from coalactl_core.analytical.naive import naive_learning, returns_while_learning

pytestmark = pytest.mark.usefixtures("float64")

DILEMMA = np.array([[1.0, -1.0], [2.0, 0.0]])
STEPS = 4
# A few steps, each of which passes on the rounding of a solve of condition 1 / (1 - γ).
EXACT = 1e-11
CASES = [(0, 0.0, 3.0), (1, 0.9, 5.0), (2, 0.99, 2.0), (3, 0.999, 5.0)]


def naive_trajectory(
    start: jax.Array, opponent: jax.Array, game: RepeatedGame, rate: jax.Array, steps: int
) -> jax.Array:
    return naive_learning(start, jax.nn.sigmoid(opponent), game, rate, steps).logits


@jax.jit
def trajectory_of(start: jax.Array, opponent: jax.Array, game: RepeatedGame, rate: jax.Array) -> jax.Array:
    return naive_trajectory(start, opponent, game, rate, STEPS)


@jax.jit
def slopes_of(start: jax.Array, opponent: jax.Array, game: RepeatedGame, rate: jax.Array) -> tuple[jax.Array, ...]:
    """The derivative of the whole trajectory by the start, by the opponent and by the rate."""
    return jax.jacrev(naive_trajectory, (0, 1, 3))(start, opponent, game, rate, STEPS)


def case(seed: int, discount: float, rate: float) -> tuple[jax.Array, jax.Array, RepeatedGame, jax.Array]:
    start, opponent = np.random.default_rng(seed).normal(size=(2, 5))
    return (
        jnp.asarray(start),
        jnp.asarray(opponent),
        RepeatedGame(jnp.asarray(DILEMMA), jnp.asarray(discount)),
        jnp.asarray(rate),
    )


def transcribed(start, opponent, discount: float, rate: float) -> np.ndarray:
    """The paper's η is of the raw J: η = (1 - γ) times the rate for normalised returns."""
    return np.stack(paper.naive_learner(start, opponent, DILEMMA, discount, rate * (1 - discount), STEPS))


@pytest.mark.parametrize(("seed", "discount", "rate"), CASES)
def test_equals_plain_gradient_steps_on_its_own_return(seed, discount, rate) -> None:
    start, opponent, game, traced = case(seed, discount, rate)
    found = trajectory_of(start, opponent, game, traced)
    assert found.shape == (STEPS + 1, 5)
    expected = transcribed(np.asarray(start), np.asarray(opponent), discount, rate)
    np.testing.assert_allclose(found, expected, atol=EXACT, rtol=0)


@pytest.mark.parametrize(("seed", "discount", "rate"), CASES)
def test_is_differentiated_through_every_step(seed, discount, rate) -> None:
    """Central differences of the transcription by the start, the opponent and the rate."""
    start, opponent, game, traced = case(seed, discount, rate)
    by_start, by_opponent, by_rate = slopes_of(start, opponent, game, traced)
    own, other = np.asarray(start), np.asarray(opponent)
    differences = {
        "start": paper.central_differences(lambda at: transcribed(at, other, discount, rate), own),
        "opponent": paper.central_differences(lambda at: transcribed(own, at, discount, rate), other),
        "rate": paper.central_differences(lambda at: transcribed(own, other, discount, at[0]), np.array([rate]))[0],
    }
    # Rounding 1e-13 over a width of 1e-5, and curvature 1e-10; slopes are of order 1.
    close = {"atol": 1e-7, "rtol": 1e-6}
    np.testing.assert_allclose(np.moveaxis(np.asarray(by_start), -1, 0), differences["start"], **close)
    np.testing.assert_allclose(np.moveaxis(np.asarray(by_opponent), -1, 0), differences["opponent"], **close)
    np.testing.assert_allclose(by_rate, differences["rate"], **close)
    # In a single round of this dilemma defecting pays 1 whatever the other does; else it matters what the other does.
    assert (np.abs(by_opponent[-1]).max() > 0.01) == (discount > 0)


def test_a_small_step_increases_its_return() -> None:
    start, opponent, game, _ = case(4, 0.99, 0.0)
    path = trajectory_of(start, opponent, game, jnp.asarray(0.05))
    rewards = np.asarray(jax.vmap(normalized_returns, (0, None, None))(path, opponent, game))[:, 0]
    assert (np.diff(rewards) > 0).all()


def test_returns_are_those_along_the_trajectory_with_the_agent_first() -> None:
    start, opponent, game, rate = case(1, 0.9, 5.0)
    found = jax.jit(returns_while_learning, static_argnums=4)(opponent, start, game, rate, STEPS)
    path = transcribed(np.asarray(start), np.asarray(opponent), 0.9, 5.0)
    agent = paper.sigmoid(np.asarray(opponent))
    expected = [0.1 * paper.values(agent, paper.sigmoid(learner), DILEMMA, 0.9) for learner in path]
    np.testing.assert_allclose(found, expected, atol=EXACT, rtol=0)


def test_outcomes_are_those_along_the_trajectory_with_the_opponents_action_first() -> None:
    start, opponent, game, rate = case(2, 0.9, 5.0)
    cooperation = jax.nn.sigmoid(opponent)
    learning = jax.jit(naive_learning, static_argnums=4)(start, cooperation, game, rate, STEPS)
    expected = jax.vmap(lambda logits: occupancy_of(cooperation, jax.nn.sigmoid(logits), game))(learning.logits)
    np.testing.assert_allclose(learning.outcomes, expected, atol=EXACT, rtol=0)


def test_no_steps_leave_the_start() -> None:
    start, opponent, game, rate = case(0, 0.5, 1.0)
    np.testing.assert_array_equal(naive_trajectory(start, opponent, game, rate, 0), start[None])
