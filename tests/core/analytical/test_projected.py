"""Gradients by probabilities: against finite differences, at mutual defection, and projected onto the box."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from reference import analytical_games as paper

from coalactl_core.analytical.games import RepeatedGame
from coalactl_core.analytical.objectives import NaiveStep, Opposition, mean_shaping, partial_return
from coalactl_core.analytical.projected import GradientParts, ascend, gradient_parts, mixture, projected

pytestmark = pytest.mark.usefixtures("float64")

DILEMMA = np.array([[1.0, -1.0], [2.0, 0.0]])
DEFECTION = np.zeros(5)
EXACT = 1e-12


@partial(jax.jit, static_argnames="steps")
def parts_of(cooperation, other, learners, game, rate, steps) -> GradientParts:
    return gradient_parts(cooperation, other, learners, game, NaiveStep(rate, steps))


def game_of(discount: float) -> RepeatedGame:
    return RepeatedGame(jnp.asarray(DILEMMA), jnp.asarray(discount))


def at_defection(learners: int = 4096) -> GradientParts:
    """At exact mutual defection, with γ .999, η 5 on normalised returns and M 20."""
    starts = jax.random.normal(jax.random.key(0), (learners, 5), float)
    defection = jnp.asarray(DEFECTION)
    return parts_of(defection, defection, starts, game_of(0.999), jnp.asarray(5.0), 20)


def test_parts_against_central_differences_of_the_transcription() -> None:
    rng = np.random.default_rng(0)
    own, other = rng.uniform(0.1, 0.9, size=(2, 5))
    starts, discount, rate, steps = rng.normal(size=(2, 5)), 0.9, 5.0, 3
    found = parts_of(*map(jnp.asarray, (own, other, starts)), game_of(discount), jnp.asarray(rate), steps)

    def shaping(at: np.ndarray) -> float:
        # The transcription takes logits.
        logits = np.log(at / (1 - at))
        total = paper.shaping_value(logits, starts, DILEMMA, discount, rate * (1 - discount), steps)
        return (1 - discount) * total / (steps + 1)

    def alone(at: np.ndarray) -> float:
        return (1 - discount) * paper.values(at, other, DILEMMA, discount)[0]

    # Rounding 1e-13 over a width of 1e-5, and curvature 1e-10.
    np.testing.assert_allclose(found.learners, paper.central_differences(shaping, own), atol=1e-7)
    np.testing.assert_allclose(found.others, paper.central_differences(alone, own), atol=1e-7)


def test_parts_times_the_slope_of_the_sigmoid_are_those_by_logits() -> None:
    logits, other, *starts = jnp.asarray(np.random.default_rng(1).normal(size=(4, 5)))
    starts = jnp.stack(starts)
    game, naive = game_of(0.99), NaiveStep(jnp.asarray(5.0), 3)
    own = jax.nn.sigmoid(logits)
    found = parts_of(own, jax.nn.sigmoid(other), starts, game, naive.rate, 3)
    met = Opposition(learners=starts, others=other[None], fixed=jnp.zeros((0, 5)))
    shaping, alone = jax.jit(
        lambda at: (jax.grad(mean_shaping)(at, met, game, naive), jax.grad(partial_return)(at, met, game))
    )(logits)
    slope = own * (1 - own)
    np.testing.assert_allclose(found.learners * slope, shaping, atol=EXACT)
    np.testing.assert_allclose(found.others * slope, alone, atol=EXACT)


def test_at_mutual_defection_the_parts_are_those_measured_before() -> None:
    """(−.0001, 0, 0, +.258, −.166) and (−.001, 0, 0, 0, −.999), with other code on other learners."""
    parts = at_defection()
    # The standard deviation over learners is .2 in DC, .6 in DD and 4e-4 at the start: three standard errors in DD, and
    # at the start the rounding of what was written down.
    np.testing.assert_allclose(parts.learners[3:], [0.258, -0.166], atol=0.03)
    np.testing.assert_allclose(parts.learners[0], -0.0001, atol=6e-5)
    # After own C nothing is ever played.
    np.testing.assert_allclose(parts.learners[1:3], 0, atol=EXACT)
    np.testing.assert_allclose(parts.others, [-0.001, 0, 0, 0, -0.999], atol=EXACT)


@pytest.mark.parametrize("p_naive", [0.0, 0.25, 1.0])
def test_mixture_is_convex(p_naive) -> None:
    learners, others = np.random.default_rng(2).normal(size=(2, 5))
    found = mixture(GradientParts(jnp.asarray(learners), jnp.asarray(others)), jnp.asarray(p_naive))
    np.testing.assert_allclose(found, others + p_naive * (learners - others), atol=EXACT)


@pytest.mark.parametrize("p_naive", [0.001, 0.05, 0.5, 0.95, 0.999])
def test_at_mutual_defection_only_cooperation_after_dc_survives(p_naive) -> None:
    """Fig. 9: the way out of defection is to pay the learner's cooperation back, whatever the mixture.

    The start's component is below 0 by seven standard errors, that of DD by seventeen.
    """
    left = np.asarray(projected(mixture(at_defection(), jnp.asarray(p_naive)), jnp.asarray(DEFECTION)))
    np.testing.assert_allclose(left[[0, 1, 2, 4]], 0, atol=EXACT)
    assert left[3] > 0.2 * p_naive


def test_without_naive_learners_mutual_defection_is_not_left() -> None:
    left = projected(mixture(at_defection(), jnp.asarray(0.0)), jnp.asarray(DEFECTION))
    np.testing.assert_allclose(left, 0, atol=EXACT)


def test_projection_removes_what_leads_out_of_the_box_and_nothing_else() -> None:
    cooperation = jnp.asarray([0.0, 0.0, 1.0, 1.0, 0.5])
    gradient = jnp.asarray([-1.0, 2.0, 3.0, -4.0, -5.0])
    np.testing.assert_array_equal(projected(gradient, cooperation), [0, 2, 0, -4, -5])
    np.testing.assert_array_equal(projected(-gradient, cooperation), [1, 0, -3, 0, 5])


def test_a_small_step_of_ascent_follows_the_projected_gradient() -> None:
    """The tangent cone is the limit of projected steps; a long one ends on the box."""
    rng = np.random.default_rng(3)
    cooperation = jnp.asarray(np.clip(rng.uniform(-0.5, 1.5, size=(50, 5)), 0, 1))
    gradient = jnp.asarray(rng.normal(size=(50, 5)))
    moved = jax.vmap(ascend, (0, 0, None))(cooperation, gradient, jnp.asarray(1e-6))
    # A probability of order 1, over the rate.
    np.testing.assert_allclose((moved - cooperation) / 1e-6, jax.vmap(projected)(gradient, cooperation), atol=1e-9)
    far = ascend(cooperation[0], gradient[0], jnp.asarray(1e6))
    np.testing.assert_array_equal(far, np.asarray(gradient[0]) > 0)
