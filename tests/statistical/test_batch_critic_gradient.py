"""What credit from a critic of the batch estimates, by enumeration of all outcomes of the two-step game.

At λ_e = 1 it is the exact gradient whatever the critic expects, as long as that precedes the actions. Below, it is the
exact gradient if the critic knows what both trajectories did. Critics that see one trajectory are blind to the effect
that crosses the batch: bootstrapped from them, COALA-PG is the batch-unaware gradient, to rounding.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from statistical import two_step_game as game
from support import meta_hyper

from coalactl_core.credit.batch_critic import Predictions
from coalactl_core.types import CriticHyperparameters, MetaEpisode, MetaHyperparameters

# Sums over 65,536 outcomes in float64; measured about 1e-13.
EXACT = 1e-10
# A bias that is worth the name; all that are found here are larger by far.
OFF = 0.02
DISCOUNT = 0.8

pytestmark = pytest.mark.usefixtures("float64")


@pytest.fixture(scope="module")
def shaping() -> game.Case:
    with jax.enable_x64(True):
        return game.build_case(game.enumerate_outcomes(), game.NAIVE_STEP)


@jax.jit
def _estimate(case: game.Case, hyper: MetaHyperparameters, expected: Predictions, values: jax.Array) -> jax.Array:
    trajectory = game.as_trajectories(case.outcomes, case.ego)._replace(values=values)
    weights = case.probabilities * len(case.probabilities)
    return game.estimate(MetaEpisode(trajectory, outcomes={}), case.ego, hyper, weights, expected=expected)


@jax.jit
def score_function(case: game.Case, credit: jax.Array) -> jax.Array:
    """E[Σ_{t,b} ∇ log π(a_t^b) credit_t^b]; the credit leads with (outcomes, steps, batch)."""

    def weighted(logits: jax.Array) -> jax.Array:
        log_probs = game.ego_log_probs(case.outcomes, {**case.ego, "logits": logits})
        return jnp.sum(case.probabilities[:, None, None] * log_probs * credit)

    return jax.grad(weighted)(case.ego["logits"])


def estimate(
    case: game.Case,
    method: str = "coala-pg",
    *,
    expected: Predictions | None = None,
    values: jax.Array | None = None,
    episode_lambda: float = 1.0,
    **changes: Any,
) -> jax.Array:
    """The engine's expected estimate with a critic of the batch, or without one; values are arbitrary by default."""
    critic = CriticHyperparameters(used=expected is not None, episode_lambda=episode_lambda)
    nothing = jnp.zeros((len(case.probabilities), game.EPISODES))
    hyper = meta_hyper(method, critic=critic, **changes)
    if values is None:
        values = case.ego["values"][case.outcomes.ego_histories]
    return _estimate(case, hyper, expected or Predictions(nothing, nothing), values)


def distance(found: jax.Array, exact: jax.Array) -> float:
    """As a fraction of the latter's length."""
    return float(jnp.linalg.norm(found - exact) / jnp.linalg.norm(exact))


def discounted_gradient(case: game.Case, discount: float) -> jax.Array:
    """Every action is credited with all that both trajectories earn from it on, which assigns no credit at all."""
    rewards = np.mean(case.outcomes.ego_rewards, -1)
    to_go = np.zeros_like(rewards)
    for step in reversed(range(game.STEPS)):
        to_go[:, step] = rewards[:, step] + (discount * to_go[:, step + 1] if step + 1 < game.STEPS else 0)
    return score_function(case, jnp.broadcast_to(to_go[..., None], (*to_go.shape, game.BATCH)))


def second_episode(case: game.Case, discount: float = 1.0) -> np.ndarray:
    """What each trajectory earns in it, (outcomes, batch)."""
    rewards = np.asarray(case.outcomes.ego_rewards)[:, game.LENGTH :]
    return rewards[:, 0] + discount * rewards[:, 1]


def given(case: game.Case, number: np.ndarray, quantity: np.ndarray) -> np.ndarray:
    """E[quantity | number] in each outcome."""
    probabilities = np.asarray(case.probabilities)
    mean = np.bincount(number, probabilities * quantity) / np.maximum(np.bincount(number, probabilities), 1e-300)
    return mean[number]


def arbitrary_critic(case: game.Case, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """U and c, each any function of what the batch holds at an inner episode's start: nothing, or the beginning."""
    rng = np.random.default_rng(seed)
    starts = rng.normal(size=(2, 1)), rng.normal(size=(2, 256))[:, np.asarray(case.outcomes.beginning)]
    at_starts, after_episodes = np.stack(np.broadcast_arrays(*starts), -1)
    return at_starts, after_episodes


def own_beginning(case: game.Case, b: int) -> np.ndarray:
    """The number of what both players did in the first inner episode of one trajectory."""
    actions = np.asarray(case.outcomes.actions)[:, : game.LENGTH, b].reshape(len(case.probabilities), -1)
    return actions @ (2 ** np.arange(actions.shape[1]))


def test_the_reference_is_the_exact_gradient_without_discount(shaping) -> None:
    assert distance(discounted_gradient(shaping, 1.0), shaping.gradient) < EXACT
    assert distance(discounted_gradient(shaping, DISCOUNT), shaping.gradient) > OFF


@pytest.mark.parametrize("discount", [1.0, DISCOUNT])
def test_it_is_unbiased_at_lambda_1_whatever_the_critic_expects(shaping, discount) -> None:
    exact = discounted_gradient(shaping, discount)
    for seed in range(3):
        expected = Predictions(*arbitrary_critic(shaping, seed))
        assert distance(estimate(shaping, expected=expected, discount=discount), exact) < EXACT


def test_it_is_biased_where_the_critic_knows_what_is_yet_to_be_done(shaping) -> None:
    """The condition is needed: c or U of the first start as a function of what is done there."""
    at_starts, after_episodes = arbitrary_critic(shaping)
    late = after_episodes.copy()
    late[:, 0] = after_episodes[:, 1]
    assert distance(estimate(shaping, expected=Predictions(at_starts, late)), shaping.gradient) > OFF
    late = at_starts.copy()
    late[:, 0] = at_starts[:, 1]
    assert distance(estimate(shaping, expected=Predictions(late, after_episodes)), shaping.gradient) > OFF


@pytest.mark.parametrize("discount", [1.0, DISCOUNT])
@pytest.mark.parametrize("episode_lambda", [0.0, 0.5])
def test_below_lambda_1_it_is_unbiased_if_the_critic_knows_what_the_batch_did(
    shaping, episode_lambda, discount
) -> None:
    at_starts, after_episodes = arbitrary_critic(shaping)
    earned = np.mean(second_episode(shaping, discount), -1)
    at_starts[:, 1] = given(shaping, np.asarray(shaping.outcomes.beginning), earned)
    found = estimate(
        shaping, expected=Predictions(at_starts, after_episodes), episode_lambda=episode_lambda, discount=discount
    )
    assert distance(found, discounted_gradient(shaping, discount)) < EXACT


def test_the_bias_below_lambda_1_is_what_the_critic_does_not_know(shaping) -> None:
    """One that expects nothing leaves λ_e of the future part; the rest of it is the error, here a third at λ_e = 0."""
    nothing = np.zeros((len(shaping.probabilities), game.EPISODES))
    errors = [
        distance(estimate(shaping, expected=Predictions(nothing, nothing), episode_lambda=lambda_), shaping.gradient)
        for lambda_ in (0.0, 0.5, 1.0)
    ]
    np.testing.assert_allclose(errors, [0.31668, 0.15834, 0.0], rtol=1e-4, atol=EXACT)


def test_what_a_critic_of_one_trajectory_expects_does_not_depend_on_the_others_actions(shaping) -> None:
    """Given the start, the first inner episodes of trajectories are independent, since the co-player learns later.

    So credit through another trajectory's value is exactly nothing; the exact value of both trajectories' beginning
    has all of the difference between the shaping gradient and the batch-unaware one.
    """
    beginning = np.asarray(shaping.outcomes.beginning)
    earned = second_episode(shaping)
    blind, seeing = np.zeros((2, len(beginning), game.STEPS, game.BATCH))
    for b in range(game.BATCH):
        other = 1 - b
        blind[:, : game.LENGTH, b] = given(shaping, own_beginning(shaping, other), earned[:, other])[:, None]
        seeing[:, : game.LENGTH, b] = given(shaping, beginning, earned[:, other])[:, None]
    across = shaping.gradient - estimate(shaping, "batch-unaware")
    assert distance(across, shaping.gradient - across) > OFF
    assert jnp.linalg.norm(score_function(shaping, blind)) < 1e-12 * jnp.linalg.norm(across)
    assert distance(score_function(shaping, seeing / game.BATCH), across) < EXACT


def test_from_critics_of_one_trajectory_it_is_the_batch_unaware_gradient(shaping) -> None:
    """At λ_e = 0, the mean over b of what each exactly expects of its own trajectory."""
    at_starts, after_episodes = arbitrary_critic(shaping)
    earned = second_episode(shaping)
    own = [given(shaping, own_beginning(shaping, b), earned[:, b]) for b in range(game.BATCH)]
    at_starts[:, 1] = np.mean(own, 0)
    found = estimate(shaping, expected=Predictions(at_starts, after_episodes), episode_lambda=0.0)
    assert distance(found, estimate(shaping, "batch-unaware")) < EXACT
    assert distance(found, shaping.gradient) > OFF


def test_critics_of_one_trajectory_that_expect_the_mean_of_all_see_one_part_in_b_of_the_future(shaping) -> None:
    at_starts, after_episodes = arbitrary_critic(shaping)
    earned = np.mean(second_episode(shaping), -1)
    own = [given(shaping, own_beginning(shaping, b), earned) for b in range(game.BATCH)]
    at_starts[:, 1] = np.mean(own, 0)
    found = estimate(shaping, expected=Predictions(at_starts, after_episodes), episode_lambda=0.0)
    nothing = np.zeros_like(at_starts)
    current = estimate(shaping, expected=Predictions(nothing, nothing), episode_lambda=0.0)
    assert distance(found - current, (shaping.gradient - current) / game.BATCH) < EXACT


@pytest.mark.parametrize(("gae_lambda", "same"), [(0.0, "batch-unaware"), (1.0, "coala-pg")])
def test_temporal_differences_of_exact_values_of_one_trajectory_lose_all_that_crosses_the_batch(
    shaping, gae_lambda, same
) -> None:
    """App. A.3, with values of all that both players did in the own trajectory: at λ_gae = 0 the batch is forgotten."""
    actions = np.asarray(shaping.outcomes.actions)
    rewards = np.asarray(shaping.outcomes.ego_rewards)
    values = np.zeros(rewards.shape)
    for b in range(game.BATCH):
        number = np.zeros(len(rewards), int)
        for step in range(game.STEPS):
            values[:, step, b] = given(shaping, number, np.sum(rewards[:, step:, b], 1))
            number = 4 * number + actions[:, step, b] @ (2, 1)
    found = estimate(shaping, values=values, gae_lambda=gae_lambda)
    exact = {"coala-pg": shaping.gradient, "batch-unaware": estimate(shaping, "batch-unaware")}
    for name, gradient in exact.items():
        assert distance(found, gradient) < EXACT if name == same else distance(found, gradient) > OFF


@pytest.mark.parametrize("discount", [1.0, DISCOUNT])
def test_m_fos_with_a_critic_of_the_batch_is_equation_7(shaping, discount) -> None:
    """From TD errors it is not, for values that are not trained."""
    exact = estimate(shaping, "m-fos", credit_from_returns=True, discount=discount)
    found = estimate(shaping, "m-fos", expected=Predictions(*arbitrary_critic(shaping)), discount=discount)
    assert distance(found, exact) < EXACT
    assert distance(estimate(shaping, "m-fos", discount=discount), exact) > OFF


def test_m_fos_differs_from_coala_pg_by_its_current_part_alone(shaping) -> None:
    expected = Predictions(*arbitrary_critic(shaping))
    nothing = np.zeros_like(expected.at_starts)
    parts = {}
    for method in ("coala-pg", "m-fos"):
        current = estimate(shaping, method, expected=Predictions(nothing, nothing), episode_lambda=0.0)
        parts[method] = current, estimate(shaping, method, expected=expected) - current
    assert distance(parts["m-fos"][0], game.BATCH * parts["coala-pg"][0]) < EXACT
    assert distance(parts["m-fos"][1], parts["coala-pg"][1]) < EXACT
