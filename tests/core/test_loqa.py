"""LOQA against a NumPy transcription of its objective, in float64: the credit alone, and on games that were played."""

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from reference import advantage_alignment
from reference import loqa as reference
from support import meta_hyper, naive_hyper, played_with, recurrent_policy, rollout_of, score_function_updater

from coalactl_core.envs.matrix_game import MatrixGame
from coalactl_core.learning.objectives import log_probs_and_entropy
from coalactl_core.nets.policy import unroll_from_start
from coalactl_core.rules.loqa import Loqa, chances_by_values, loqa_rule, shaping_credit
from coalactl_core.rules.score_function import score_function_rule
from coalactl_core.rules.seam import Met, Numbers
from coalactl_core.types import FIXED, META, NAIVE

pytestmark = pytest.mark.usefixtures("float64")

EPISODES, LENGTH, BATCH = 2, 3, 3
STEPS = EPISODES * LENGTH
ENVIRONMENT = MatrixGame(episode_length=LENGTH, recalls=True)
POLICY = recurrent_policy()
ROLLOUT = rollout_of(ENVIRONMENT, POLICY, BATCH, EPISODES)
# One plain step of A2C and one of the model.
UPDATER = score_function_updater(POLICY, ENVIRONMENT, 2)
KINDS = [META, NAIVE, FIXED, META]
ALL = (NAIVE, META, FIXED)
RULE = loqa_rule(Loqa(ROLLOUT, UPDATER, ALL, steps=1))
HYPER = {"discount": 0.9, "gae_lambda": 0.7, "td_lambda": 1.0, "reward_scale": 0.5}
SETTINGS = {"weight": 1.3, "temperature": 0.6, "decay": 0.8, "learning_rate": 0.05}
FORMULA = {"weight": 1.3, "tau": 0.6, "gamma": 0.9, "delta": 0.8}
# Sums of some tens of numbers of order 1 in float64.
close = partial(np.testing.assert_allclose, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("delta", "plain_dice"), [(0.8, False), (1.0, True)])
def test_the_credit_is_the_derivative_of_the_objective(delta: float, plain_dice: bool) -> None:
    """With three actions; without values and decay also that of the return as DiCE differentiates it."""
    random = np.random.default_rng(0)
    log_p, own, rewards, values = random.normal(size=(4, BATCH, STEPS))
    q, actions = random.normal(size=(BATCH, STEPS, 3)), random.integers(3, size=(BATCH, STEPS))
    values *= not plain_dice
    numbers = FORMULA | {"delta": delta, "plain_dice": plain_dice}
    expected = reference.credit(log_p, own, actions, rewards, values, q, **numbers)

    returns = reference.returns(rewards, 0.9)
    chances = chances_by_values(*map(jnp.asarray, (returns, q, actions)), 0.6)
    by_step = jnp.asarray(own.T), jnp.asarray((returns - values).T), chances.T
    added = shaping_credit(*by_step, weight=1.3, temperature=0.6, discount=0.9, decay=delta)
    close(own + added.T, expected)
    assert (np.asarray(added)[0] == 0).all()
    assert np.abs(added).max() > 0.1


@cache
def played() -> tuple[Any, Met]:
    """An agent's parameters, and what came of its meta-episodes against two meta agents, a naive and a fixed one."""
    params, opponents, kept = played_with(ROLLOUT, KINDS, RULE.keep)
    return params, Met(kept.kept, kept.outcomes, opponents)


def numbers(**changes: Any) -> Numbers:
    settings = {name: jnp.asarray(changes.pop(name, value)) for name, value in SETTINGS.items()}
    return Numbers(meta_hyper("batch-unaware", **{**HYPER, **changes}), naive_hyper(), settings)


@cache
def update() -> Callable[..., Any]:
    return jax.jit(RULE.update)


def of_member(leaf: Any, member: int) -> np.ndarray:
    return np.asarray(leaf[member]).reshape(STEPS, BATCH).T


def modelled(params: Any, met: Met, member: int) -> tuple[np.ndarray, np.ndarray]:
    """Action values and values step by step, with a memory of all that the co-player saw in the meta-episode."""
    params = jax.tree.map(np.asarray, params)
    states = np.asarray(met.kept.trajectory.states[member]).reshape(STEPS, BATCH)
    shown = np.asarray(jax.vmap(jax.vmap(partial(ENVIRONMENT.observe, player=1)))(states))
    q, v = np.zeros((BATCH, STEPS, 2)), np.zeros((BATCH, STEPS))
    for b in range(BATCH):
        hidden = np.zeros(params["value"].shape)
        for t in range(STEPS):
            hidden = np.tanh(shown[t, b] @ params["inputs"] + hidden @ params["recurrent"])
            q[b, t], v[b, t] = hidden @ params["policy"], hidden @ params["value"]
    return q, v


def expected_credit(model: Any, met: Met) -> np.ndarray:
    """A* of all meta-episodes, (meta_batch, steps, batch)."""
    found = []
    for member in range(len(KINDS)):
        trajectory = met.kept.trajectory
        mine, values, log_p = (
            of_member(leaf, member) for leaf in (trajectory.rewards, trajectory.values, trajectory.log_probs)
        )
        own = advantage_alignment.gae(0.5 * mine, values, 0.9, 0.7)
        actions, rewards = (of_member(leaf, member) for leaf in (met.kept.actions, met.kept.rewards))
        q, v = modelled(model, met, member)
        found.append(reference.credit(log_p, own, actions, 0.5 * rewards, v, q, **FORMULA).T)
    return np.stack(found)


def test_an_update_is_that_of_the_transcription_against_every_kind_of_coplayer() -> None:
    """With A2C and plain steps: of the policy by −mean(A* log π), of the model by its squared errors."""
    params, met = played()
    before = RULE.init(jax.random.key(1), params)
    credit = expected_credit(before.state.params, met)
    trajectory = met.kept.trajectory
    states, actions, others = (
        leaf.reshape(len(KINDS), STEPS, BATCH) for leaf in (trajectory.states, trajectory.actions, met.kept.actions)
    )
    rewards = np.stack([of_member(met.kept.rewards, member) for member in range(len(KINDS))])
    returns = np.stack([reference.returns(0.5 * of_one, 0.9).T for of_one in rewards])

    def output(params: Any, player: int) -> Any:
        seen = jax.vmap(jax.vmap(jax.vmap(lambda state: ENVIRONMENT.observe(state, player))))(states)
        return jax.vmap(partial(unroll_from_start, POLICY, params))(seen)

    def loss(params: Any, model: Any) -> jax.Array:
        expected = output(model, 1)
        of_action = jnp.take_along_axis(expected.logits, others[..., None].astype(int), -1)[..., 0]
        errors = (of_action - returns) ** 2 + (expected.value - returns) ** 2
        return jnp.mean(errors / 2) - jnp.mean(credit * log_probs_and_entropy(output(params, 0).logits, actions)[0])

    gradients = jax.jit(jax.grad(loss, (0, 1)))(params, before.state.params)
    after, report = update()(jax.random.key(2), before, met, numbers())
    jax.tree.map(lambda new, old, slope: close(new, old - 0.1 * slope), after.params, params, gradients[0])
    moved = after.state.params, before.state.params, gradients[1]
    jax.tree.map(lambda new, old, slope: close(new, old - 0.05 * slope), *moved)
    assert report["loqa_scale"] > 0.05
    assert report["loqa_model_loss"] > 0.05


def test_without_weight_it_is_the_plain_policy_gradient() -> None:
    params, met = played()
    changes = {"value_coefficient": 0.5, "entropy": 0.1, "normalize_advantages": True, "meta_opponent_weight": 2.0}
    key, learner = jax.random.key(2), RULE.init(jax.random.key(1), params)

    plain = jax.jit(score_function_rule(UPDATER, ALL).update)
    expected = plain(key, learner, met._replace(kept=met.kept.trajectory), numbers(**changes))[0]
    found, shaped = (update()(key, learner, met, numbers(weight=weight, **changes))[0] for weight in (0.0, 1.0))
    jax.tree.map(close, found.params, expected.params)
    moved = jax.tree.map(lambda a, b: np.abs(a - b).max(), shaped.params, expected.params)
    assert max(jax.tree.leaves(moved)) > 1e-3


def test_the_coplayers_returns_are_its_own_whatever_the_critic_learns() -> None:
    """Value targets that average future episodes over the batch are the agent's own, against naive co-players."""
    params, met = played()
    key, learner = jax.random.key(2), RULE.init(jax.random.key(1), params)
    plain, averaged = (
        update()(key, learner, met, numbers(value_targets_average_future=flag, value_coefficient=0.5))
        for flag in (False, True)
    )
    jax.tree.map(close, averaged[0].state.params, plain[0].state.params)
    close(averaged[1]["loqa_scale"], plain[1]["loqa_scale"])
    assert averaged[1]["value_loss"] != plain[1]["value_loss"]
