"""Gradient balance (Fig. 12): parts that add up to the estimators' gradients, and exact ratios."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from statistical import two_step_game as game
from support import (
    a2c_with,
    as_data,
    meta_hyper,
    naive_hyper,
    opponents_like,
    reactive_policy,
    recurrent_policy,
    rollout_of,
    score_function_updater,
)

from coalactl_core.credit.estimators import ESTIMATORS
from coalactl_core.envs.matrix_game import MatrixGame
from coalactl_core.learning.optimizers import Optimizer, adam, fresh_learner, sgd
from coalactl_core.learning.update import LearningBatch, Updater, minibatch_gradient
from coalactl_core.loops.chunks import agent_map
from coalactl_core.nets.policy import Policy
from coalactl_core.opponents.population import Population
from coalactl_core.play.rollout import Rollout
from coalactl_core.play.trajectories import play_meta_trajectories
from coalactl_core.rules.score_function import learning_targets
from coalactl_core.training.gradient_balance import Balance, Credit, credit_of, gradient_balance, gradient_parts, ratios
from coalactl_core.types import NAIVE, Hyperparameters, Learner, MetaAgents, TrainState

# Sums in float64 in another order; measured about 1e-15.
EXACT = 1e-11
NAIVE_STEP = 4.0


def updater(policy: Policy, length: int, chunk: int) -> Updater:
    return score_function_updater(policy, MatrixGame(episode_length=length), chunk)


def rollout(policy: Policy, batch_size: int, episodes: int, length: int) -> Rollout:
    return rollout_of(MatrixGame(episode_length=length), policy, batch_size, episodes)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("discount", [1.0, 0.9])
def test_credit_is_what_comes_in_the_own_episode_and_what_comes_later(discount: float) -> None:
    """Against sums written out, of three inner episodes of two steps and two trajectories."""
    rewards = np.random.default_rng(0).normal(size=(6, 2))
    found = credit_of(jnp.asarray(rewards), discount=discount, inner_episode_length=2)
    for step in range(6):
        end = 2 * (step // 2) + 2
        for b in range(2):
            later = [sum(discount ** (k - step) * rewards[k, c] for k in range(end, 6)) for c in range(2)]
            current = sum(discount ** (k - step) * rewards[k, b] for k in range(step, end))
            np.testing.assert_allclose(found.current[step, b], current, rtol=1e-12)
            np.testing.assert_allclose(found.future[step, b], later[b], rtol=1e-12, atol=1e-15)
            np.testing.assert_allclose(found.shared_future[step, b], np.mean(later), rtol=1e-12, atol=1e-15)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("discount", [1.0, 0.9])
@pytest.mark.parametrize("method", ESTIMATORS)
def test_the_two_parts_add_up_to_the_estimators_gradient(method: str, discount: float) -> None:
    """Of sampled meta-episodes of a recurrent policy, as the engine's learner computes it from returns."""
    policy, count, batch = recurrent_policy(), 6, 3
    params, coplayer = policy.init(jax.random.key(0)), policy.init(jax.random.key(1))
    opponents = opponents_like(coplayer, [NAIVE] * count)
    played = play_meta_trajectories(
        jax.random.key(2), params, opponents, naive_hyper(learning_rate=0.5), rollout(policy, batch, 3, 4)
    )
    hyper = meta_hyper(method, credit_from_returns=True, discount=discount)
    learning = updater(policy, 4, 2)
    targets = learning_targets(played, opponents, hyper, inner_episode_length=4)
    expected, _ = minibatch_gradient(params, LearningBatch(played.trajectory, targets), hyper, learning)
    # Neither the value loss nor the entropy of the learner is part of a policy gradient.
    busy = hyper._replace(value_coefficient=jnp.asarray(0.5), entropy=jnp.asarray(0.1))
    credit = jax.vmap(partial(credit_of, discount=discount, inner_episode_length=4))(played.trajectory.rewards)
    parts = gradient_parts(params, played.trajectory, credit, jnp.ones(count), busy, learning)
    row = ESTIMATORS[method]
    current = parts.current / (batch if row.normalize_current_episode else 1)
    future = parts.shared_future if row.average_future_episodes else parts.future
    whole = (batch if row.sum_over_batch else 1) * (current + future)
    expected = -jax.flatten_util.ravel_pytree(expected)[0]
    assert jnp.linalg.norm(whole) > 0.1
    np.testing.assert_allclose(whole, expected, rtol=EXACT, atol=EXACT)


# --- the two-step game, enumerated ----------------------------------------------------------------------------------


def exact_parts(outcomes: game.Outcomes, ego: Any, coplayer: jax.Array) -> Credit:
    """The three gradients in the ego agent's logits, by differentiating only what each may credit.

    A part is the derivative of the expected rewards of an episode in the probabilities of some of the own actions: all
    other actions are drawn as they are, and are not differentiated.
    """
    reward = jnp.stack([outcomes.ego_rewards[:, :2].sum(1), outcomes.ego_rewards[:, 2:].sum(1)], 1)  # episode, batch

    def derivative(rewards: jax.Array, steps: slice, trajectories: slice) -> jax.Array:
        def expected(logits: jax.Array) -> jax.Array:
            log_probs = game.ego_log_probs(outcomes, {**ego, "logits": logits})
            held = jax.lax.stop_gradient(log_probs)
            moved = held.at[:, steps, trajectories].set(log_probs[:, steps, trajectories])
            return jnp.sum(coplayer * jnp.exp(jnp.sum(moved, (1, 2))) * rewards)

        return jax.grad(expected)(ego["logits"])

    first, second, one, both = slice(0, 2), slice(2, 4), [slice(0, 1), slice(1, 2)], slice(0, 2)
    # Sums over b; "current" has each trajectory's actions beside its own rewards in the same episode.
    current = sum(
        derivative(reward[:, place, b], steps, one[b]) for place, steps in enumerate((first, second)) for b in range(2)
    )
    future = sum(derivative(reward[:, 1, b], first, one[b]) for b in range(2))
    shared = derivative(reward[:, 1].mean(1), first, both)
    return Credit(current=current, future=future, shared_future=shared)


@pytest.fixture(scope="module")
def enumerated() -> tuple[game.Outcomes, Any, Any, jax.Array, Credit, Credit]:
    with jax.enable_x64(True):
        outcomes = game.enumerate_outcomes()
        ego, coplayer = game.random_players()

        @jax.jit
        def compute(outcomes: game.Outcomes) -> tuple[jax.Array, Credit, Credit]:
            learned = game.coplayer_probabilities(outcomes, coplayer, naive_hyper(learning_rate=NAIVE_STEP))
            chances = learned * jnp.exp(jnp.sum(game.ego_log_probs(outcomes, ego), (1, 2)))
            trajectory = game.as_trajectories(outcomes, ego)
            weights = chances * chances.shape[0]
            credit = jax.vmap(partial(credit_of, discount=1.0, inner_episode_length=2))(trajectory.rewards)
            learning = updater(game.POLICY, 2, len(weights))
            parts = gradient_parts(ego, trajectory, credit, weights, meta_hyper(), learning)
            return learned, parts, exact_parts(outcomes, ego, learned)

        learned, parts, exact = compute(outcomes)
        return outcomes, ego, coplayer, learned, parts, exact


@pytest.mark.usefixtures("float64")
def test_expected_parts_and_ratios_are_the_exact_ones(enumerated) -> None:
    outcomes, ego, _, learned, parts, exact = enumerated
    # Means over steps and batch; the values, whose rows come after the logits, have no part in a policy gradient.
    scale = game.STEPS * game.BATCH
    logits = slice(0, ego["logits"].size)
    for found, expected in zip(parts, exact, strict=True):
        np.testing.assert_allclose(scale * found[logits], expected.ravel(), rtol=1e-9, atol=1e-12)
        np.testing.assert_array_equal(found[logits.stop :], 0)
    norms = Credit(*(jnp.linalg.norm(part) for part in exact))
    found = ratios(parts, batch_size=game.BATCH)
    np.testing.assert_allclose(found["coala-pg"], norms.shared_future / (norms.current / game.BATCH), rtol=1e-9)
    np.testing.assert_allclose(found["m-fos"], norms.shared_future / norms.current, rtol=1e-9)
    np.testing.assert_allclose(found["batch-unaware"], norms.future / norms.current, rtol=1e-9)
    # COALA-PG's parts are those of the exact gradient of the shaping return.
    whole = exact.shared_future + exact.current / game.BATCH
    np.testing.assert_allclose(whole, game.exact_gradient(outcomes, ego, learned), rtol=1e-9, atol=1e-12)


def one_run(ego: Any, naive: Any, hyper: Hyperparameters, kept: Any = None) -> TrainState:
    """A run of one agent and one naive initialisation, with the state that its optimiser goes on from."""
    lead = partial(jax.tree.map, lambda leaf: leaf[None])
    return TrainState(
        key=jax.random.key(5),
        step=jnp.int32(0),
        hyperparameters=hyper,
        meta=MetaAgents(lead(ego), opt_states=(), states=()),
        naive=Learner(lead(naive), opt_state=lead(kept)),
    )


def measured(
    policy: Policy,
    ego: Any,
    naive: Any,
    batch: int,
    portions: int,
    size: int = 512,
    optimizer: Optimizer = sgd,
    kept: Any = None,
) -> dict[str, float]:
    """What the engine measures on portions of so many meta-episodes of two inner episodes of two steps."""
    population = Population(
        meta=1,
        naive=1,
        meta_batch_size=size,
        has_naive=True,
        has_meta=False,
        strategies=(),
        stratified=False,
        dynamic_naive=False,
    )
    hyper = Hyperparameters(
        meta=jax.tree.map(lambda leaf: leaf[None], meta_hyper()),
        naive=naive_hyper(learning_rate=NAIVE_STEP),
        population=as_data(()),
        rules={},
    )
    balance = Balance(
        every=1,
        portions=portions,
        rollout=rollout(policy, batch, 2, 2)._replace(naive=a2c_with(optimizer, policy)),
        updater=updater(policy, 2, min(size, 64)),
        population=population,
        map_agents=agent_map(1),
    )
    found = jax.jit(lambda state: gradient_balance(state, hyper, balance))(one_run(ego, naive, hyper, kept))
    return {name.removeprefix("gradient_balance_"): float(value[0]) for name, value in found.items()}


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("size", [4, 512], ids=["small-portions", "large-portions"])
def test_sampled_ratios_agree_with_the_exact_ones(enumerated, size: int) -> None:
    """82,000 meta-episodes; the baseline of a portion biases nothing, however few it is taken from."""
    _, ego, coplayer, _, _, exact = enumerated
    found = measured(game.POLICY, ego, coplayer, batch=2, portions=81_920 // size, size=size)
    norms = Credit(*(float(jnp.linalg.norm(part)) for part in exact))
    np.testing.assert_allclose(found["coala_pg"], 2 * norms.shared_future / norms.current, rtol=0.05)
    np.testing.assert_allclose(found["batch_unaware"], norms.future / norms.current, rtol=0.05)
    np.testing.assert_allclose(found["m_fos"] * 2, found["coala_pg"], rtol=1e-12)


@pytest.mark.usefixtures("float64")
@pytest.mark.long
def test_ratios_scale_with_the_batch_as_the_theory_says() -> None:
    """An agent without memory: all that it changes of the future, it changes through the co-player's update.

    Four times the batch: COALA-PG's ratio stays, the others' are a quarter. 41,000 meta-episodes each.
    """
    policy = reactive_policy()
    ego, coplayer = (policy.init(jax.random.key(seed)) for seed in (0, 1))
    small, large = (measured(policy, ego, coplayer, batch, portions=80) for batch in (8, 32))
    assert small["coala_pg"] > 0.2
    change = {name: large[name] / small[name] for name in small}
    np.testing.assert_allclose(change["coala_pg"], 1, rtol=0.2)
    np.testing.assert_allclose(change["m_fos"], 1 / 4, rtol=0.2)
    np.testing.assert_allclose(change["batch_unaware"], 1 / 4, rtol=0.2)


@pytest.mark.usefixtures("float64")
@pytest.mark.long
def test_co_players_go_on_from_the_optimiser_states_that_are_kept() -> None:
    """A fresh state that is kept changes nothing; one of large squares all but stops Adam, and so the future part."""
    policy = reactive_policy()
    ego, coplayer = (policy.init(jax.random.key(seed)) for seed in (0, 1))
    measure = partial(measured, policy, ego, coplayer, 8, portions=1, size=64, optimizer=adam)
    fresh = fresh_learner(adam, coplayer).opt_state
    assert measure(kept=fresh) == measure()
    stopped = fresh._replace(count=fresh.count + 100, nu=jax.tree.map(lambda leaf: leaf + 1e20, fresh.nu))
    assert abs(measure(kept=stopped)["coala_pg"] / measure()["coala_pg"] - 1) > 0.1
