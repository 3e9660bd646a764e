"""Exact returns: against simulation and an independent transcription, closed forms, symmetry, all derivatives."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from reference import analytical_games as paper

from coalactl_core.analytical.games import RepeatedGame, normalized_returns, occupancy, occupancy_of, own_gradient

pytestmark = pytest.mark.usefixtures("float64")

# Rounding of a solve whose condition is about 1 / (1 - γ), 1000 at most here.
EXACT = 1e-12
# Central differences 1e-5 apart: rounding 1e-16 / 1e-5 times the condition of the solve, curvature 1e-10.
DIFFERENCES = 2e-7
DILEMMA = np.array([[1.0, -1.0], [2.0, 0.0]])
CASES = [(seed, discount) for seed in range(4) for discount in (0.0, 0.5, 0.95, 0.999)]

ALWAYS_DEFECT, ALWAYS_COOPERATE, TIT_FOR_TAT = np.zeros(5), np.ones(5), np.array([1.0, 1, 0, 1, 0])
GRIM = np.array([1.0, 1, 0, 0, 0])

returns_compiled = jax.jit(normalized_returns)
occupancy_compiled = jax.jit(occupancy)
outcomes_compiled = jax.jit(occupancy_of)


def random_case(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Logits of two policies, some of them nearly deterministic, and payoffs of any symmetric game."""
    rng = np.random.default_rng(seed)
    first, second = rng.normal(size=(2, 5)) * rng.choice([1.0, 3.0], size=(2, 1))
    return first, second, rng.normal(size=(2, 2))


def game_of(payoffs: np.ndarray, discount: float) -> RepeatedGame:
    return RepeatedGame(jnp.asarray(payoffs, float), jnp.asarray(discount, float))


def returns(first: np.ndarray, second: np.ndarray, payoffs: np.ndarray, discount: float) -> np.ndarray:
    found = returns_compiled(jnp.asarray(first), jnp.asarray(second), game_of(payoffs, discount))
    assert found.dtype == np.float64
    return np.asarray(found)


def outcomes_of(first: np.ndarray, second: np.ndarray, discount: float) -> np.ndarray:
    return np.asarray(outcomes_compiled(jnp.asarray(first), jnp.asarray(second), game_of(DILEMMA, discount)))


@pytest.mark.parametrize(("seed", "discount"), CASES)
def test_equals_the_papers_system_of_four_equations(seed, discount) -> None:
    first, second, payoffs = random_case(seed)
    expected = (1 - discount) * paper.values(paper.sigmoid(first), paper.sigmoid(second), payoffs, discount)
    np.testing.assert_allclose(returns(first, second, payoffs, discount), expected, atol=EXACT, rtol=0)


@pytest.mark.parametrize(("seed", "discount"), CASES)
def test_is_the_discounted_sum_of_what_is_played(seed, discount) -> None:
    first, second, payoffs = random_case(seed)
    horizon = 1 + int(30 / (1 - discount))  # What is left out weighs e^-30.
    played = paper.simulated_values(paper.sigmoid(first), paper.sigmoid(second), payoffs, discount, horizon)
    # Sums of up to 3e4 terms, whose weights fall to 1e-13.
    np.testing.assert_allclose(returns(first, second, payoffs, discount), (1 - discount) * played, atol=1e-10, rtol=0)


@pytest.mark.parametrize(("seed", "discount"), CASES)
def test_outcomes_are_a_distribution_and_players_may_swap(seed, discount) -> None:
    first, second, payoffs = random_case(seed)
    game = game_of(payoffs, discount)
    outcomes = np.asarray(occupancy_compiled(jnp.asarray(first), jnp.asarray(second), game))
    swapped = np.asarray(occupancy_compiled(jnp.asarray(second), jnp.asarray(first), game))
    assert (outcomes > -EXACT).all()
    np.testing.assert_allclose(outcomes.sum(), 1, atol=EXACT)
    np.testing.assert_allclose(outcomes, swapped[[0, 2, 1, 3]], atol=EXACT)
    mine, theirs = returns(first, second, payoffs, discount)
    np.testing.assert_allclose(returns(second, first, payoffs, discount), [theirs, mine], atol=EXACT)


@pytest.mark.parametrize("discount", [0.0, 0.5, 0.999])
def test_fixed_strategies_in_closed_form(discount) -> None:
    """Outcomes CC, CD, DC, DD by hand; the first step has weight 1 - γ, all later ones γ."""
    now, later = 1 - discount, discount
    half = now / (1 - discount**2)  # Weight of every second step, from the first on.
    close = partial(np.testing.assert_allclose, atol=EXACT, rtol=0)
    close(outcomes_of(TIT_FOR_TAT, TIT_FOR_TAT, discount), [1, 0, 0, 0])
    close(outcomes_of(ALWAYS_DEFECT, ALWAYS_DEFECT, discount), [0, 0, 0, 1])
    close(outcomes_of(ALWAYS_COOPERATE, ALWAYS_DEFECT, discount), [0, 1, 0, 0])
    close(outcomes_of(ALWAYS_DEFECT, TIT_FOR_TAT, discount), [0, 0, now, later])
    close(outcomes_of(TIT_FOR_TAT, ALWAYS_DEFECT, discount), [0, now, 0, later])
    close(outcomes_of(TIT_FOR_TAT, ALWAYS_COOPERATE, discount), [1, 0, 0, 0])
    # A tit-for-tat that starts with defection against one that does not: they take turns.
    suspicious = np.array([0.0, *TIT_FOR_TAT[1:]])
    close(outcomes_of(suspicious, TIT_FOR_TAT, discount), [0, 1 - half, half, 0])
    # Grim trigger meets a player who turns to D after own C and to C after own D: betrayed at the second step.
    alternating = np.array([1.0, 0, 0, 1, 1])
    second_step = now * later
    grim_later = later**2
    found = outcomes_of(GRIM, alternating, discount)
    # From the third step on grim defects, and the other goes on alternating, C first.
    dc = grim_later * half
    close(found, [now, second_step, dc, grim_later - dc])


def test_discount_zero_counts_the_first_step_only() -> None:
    first, second, payoffs = random_case(7)
    chance, other = paper.sigmoid(first)[0], paper.sigmoid(second)[0]
    expected = np.array([chance, 1 - chance]) @ payoffs @ np.array([other, 1 - other])
    np.testing.assert_allclose(returns(first, second, payoffs, 0.0)[0], expected, atol=EXACT)


def test_returns_are_in_the_dtype_of_what_comes_in() -> None:
    narrow = jnp.zeros(5, jnp.float32)
    game = RepeatedGame(jnp.asarray(DILEMMA, jnp.float32), jnp.asarray(0.9, jnp.float32))
    assert normalized_returns(narrow, narrow, game).dtype == jnp.float32


@pytest.mark.parametrize("discount", [0.5, 0.999])
def test_gradients_by_everything_that_is_data(discount) -> None:
    """By both policies, the payoffs and the discount, for both players."""
    first, second, payoffs = random_case(11)
    sizes = [5, 5, 4, 1]
    at = np.concatenate([first, second, payoffs.reshape(4), [discount]])

    def parts(flat):
        one, two, table, gamma = (flat[end - size : end] for size, end in zip(sizes, np.cumsum(sizes), strict=True))
        return one, two, table.reshape(2, 2), gamma[0]

    def ours(flat: jax.Array) -> jax.Array:
        one, two, table, gamma = parts(flat)
        return normalized_returns(one, two, RepeatedGame(table, gamma))

    def transcribed(player: int, flat: np.ndarray) -> float:
        one, two, table, gamma = parts(flat)
        return (1 - gamma) * paper.values(paper.sigmoid(one), paper.sigmoid(two), table, gamma)[player]

    found = np.asarray(jax.jit(jax.jacrev(ours))(jnp.asarray(at)))
    exact = np.stack([paper.slopes(partial(transcribed, player), at.astype(complex)) for player in range(2)])
    np.testing.assert_allclose(found[:, :-1], exact[:, :-1], atol=EXACT, rtol=0)
    # By the discount the transcription takes a difference of numbers of size J, 1 / (1 - γ), that are 1e-13 exact.
    np.testing.assert_allclose(found[:, -1], exact[:, -1], atol=1e-10, rtol=0)
    forward = np.asarray(jax.jit(jax.jacfwd(ours))(jnp.asarray(at)))
    np.testing.assert_allclose(forward, found, atol=EXACT, rtol=1e-10)
    differences = np.stack([paper.central_differences(partial(transcribed, player), at, 1e-6) for player in range(2)])
    np.testing.assert_allclose(found[:, :-1], differences[:, :-1], atol=DIFFERENCES, rtol=0)


@pytest.mark.parametrize("discount", [0.5, 0.999])
def test_own_gradient_is_the_derivative_and_has_derivatives(discount) -> None:
    """The slopes without differentiation are those with it; their derivative by both policies is that of slopes."""
    first, second, payoffs = random_case(5)
    own, other = jnp.asarray(paper.sigmoid(first)), jnp.asarray(paper.sigmoid(second))
    game = game_of(payoffs, discount)

    def one_solve(own: jax.Array, other: jax.Array) -> jax.Array:
        return jnp.stack(own_gradient(tuple(own), tuple(other), game))

    def differentiated(own: jax.Array, other: jax.Array) -> jax.Array:
        return jax.grad(lambda own: occupancy_of(own, other, game) @ game.payoffs.reshape(4))(own)

    found, second_order = jax.jit(lambda: (one_solve(own, other), jax.jacrev(one_solve, (0, 1))(own, other)))()
    expected, expected_second = jax.jit(
        lambda: (differentiated(own, other), jax.jacfwd(differentiated, (0, 1))(own, other))
    )()
    np.testing.assert_allclose(found, expected, atol=EXACT, rtol=1e-10)
    np.testing.assert_allclose(second_order, expected_second, atol=EXACT, rtol=1e-9)

    def transcribed(own: np.ndarray) -> complex:
        return (1 - discount) * paper.values(own, np.asarray(other), payoffs, discount)[0]

    np.testing.assert_allclose(found, paper.slopes(transcribed, np.asarray(own, complex)), atol=EXACT, rtol=1e-10)
    by_other = paper.central_differences(
        lambda other: np.asarray(one_solve_at(own, jnp.asarray(other), game)), np.asarray(other), 1e-6
    )
    # Relative: second derivatives reach the square of 1 / (1 - γ) times rounding over the width.
    np.testing.assert_allclose(np.asarray(second_order[1]).T, by_other, atol=1e-6, rtol=1e-4)


@jax.jit
def one_solve_at(own: jax.Array, other: jax.Array, game: RepeatedGame) -> jax.Array:
    return jnp.stack(own_gradient(tuple(own), tuple(other), game))
