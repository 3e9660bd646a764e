"""Reciprocators against a NumPy transcription of their reward, in float64: the reward alone, and on games played."""

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from reference import advantage_alignment, loqa
from reference import reciprocator as reference
from support import meta_hyper, naive_hyper, played_with, recurrent_policy, rollout_of, score_function_updater

from coalactl_core.envs.matrix_game import MatrixGame
from coalactl_core.learning.models import Model
from coalactl_core.learning.objectives import log_probs_and_entropy
from coalactl_core.nets.policy import unroll_from_start
from coalactl_core.rules.reciprocator import (
    Reciprocator,
    expected_of,
    influences,
    model_outputs,
    reciprocal_rewards,
    reciprocator_rule,
    returns_of,
)
from coalactl_core.rules.score_function import score_function_rule
from coalactl_core.rules.seam import Met, Numbers
from coalactl_core.types import FIXED, META, NAIVE

pytestmark = pytest.mark.usefixtures("float64")

EPISODES, LENGTH, BATCH = 2, 3, 3
STEPS = EPISODES * LENGTH
ENVIRONMENT = MatrixGame(episode_length=LENGTH, recalls=True)
POLICY = recurrent_policy()
MODEL_POLICY = recurrent_policy(outputs=model_outputs(2))
ROLLOUT = rollout_of(ENVIRONMENT, POLICY, BATCH, EPISODES)
# One plain step of A2C and one of the model.
UPDATER = score_function_updater(POLICY, ENVIRONMENT, 2)
KINDS = [META, NAIVE, FIXED, META]
ALL = (NAIVE, META, FIXED)
RULE = reciprocator_rule(Reciprocator(UPDATER, ALL, Model(MODEL_POLICY, 0, UPDATER, steps=1), 2))
HYPER = {"discount": 0.9, "gae_lambda": 0.7, "td_lambda": 1.0, "reward_scale": 0.5}
SETTINGS = {"weight": 1.3, "decay": 0.8, "repayment": 0.6, "discount": 0.7, "learning_rate": 0.05}
# Sums of some tens of numbers of order 1 in float64.
close = partial(np.testing.assert_allclose, rtol=1e-12, atol=1e-12)


def test_the_reward_is_that_of_the_transcription() -> None:
    """With three actions, of which the agent's are rows of the tables."""
    random = np.random.default_rng(0)
    outputs = random.normal(size=(BATCH, STEPS, model_outputs(3)))
    actions, others = random.integers(3, size=(2, BATCH, STEPS))
    q, q_other = (outputs[..., 9 * table : 9 * table + 9].reshape(BATCH, STEPS, 3, 3) for table in range(2))
    p, p_other = (reference.softmax(outputs[..., first : first + 3]) for first in (18, 21))
    wanted = reference.influences(q, q_other, p, p_other, actions, others)

    found = influences(expected_of(jnp.asarray(outputs), 3), jnp.asarray(actions), jnp.asarray(others))
    jax.tree.map(close, found, wanted)
    by_step = [jnp.asarray(each.T) for each in wanted]
    close(
        reciprocal_rewards(*by_step, decay=0.8, repayment=0.6).T,
        reference.reciprocal_rewards(*wanted, decay=0.8, repayment=0.6),
    )
    close(returns_of(by_step[0], 0.7).T, loqa.returns(wanted[0], 0.7))


def test_what_was_expected_has_no_influence() -> None:
    """Influence is 0 on average over the expected policy, and of who is known to act so."""
    random = np.random.default_rng(1)
    expected = expected_of(jnp.asarray(random.normal(size=model_outputs(3))), 3)
    chances = reference.softmax(np.asarray(expected.other_logits))
    of_each = [influences(expected, jnp.asarray(2), jnp.asarray(other))[0] for other in range(3)]
    close(np.dot(chances, of_each), 0)
    assert np.abs(of_each).max() > 0.1
    known = expected._replace(other_logits=jnp.asarray([0.0, 1e3, 0.0]))
    close(influences(known, jnp.asarray(2), jnp.asarray(1))[0], 0)


@cache
def played() -> tuple[Any, Met]:
    """An agent's parameters, and what came of its meta-episodes against two meta agents, a naive and a fixed one."""
    params, opponents, kept = played_with(ROLLOUT, KINDS, RULE.keep)
    return params, Met(kept.kept, kept.outcomes, opponents)


def numbers(weight: float = SETTINGS["weight"], **changes: Any) -> Numbers:
    settings = {name: jnp.asarray(value) for name, value in (SETTINGS | {"weight": weight}).items()}
    return Numbers(meta_hyper("batch-unaware", **{**HYPER, **changes}), naive_hyper(), settings)


@cache
def update() -> Callable[..., Any]:
    return jax.jit(RULE.update)


def of_member(leaf: Any, member: int) -> np.ndarray:
    return np.asarray(leaf[member]).reshape(STEPS, BATCH).T


def modelled(params: Any, met: Met, member: int) -> np.ndarray:
    """The model's outputs step by step, with a memory of all that the agent saw in the meta-episode."""
    params = jax.tree.map(np.asarray, params)
    states = np.asarray(met.kept.trajectory.states[member]).reshape(STEPS, BATCH)
    shown = np.asarray(jax.vmap(jax.vmap(partial(ENVIRONMENT.observe, player=0)))(states))
    outputs = np.zeros((BATCH, STEPS, 12))
    for b in range(BATCH):
        hidden = np.zeros(params["value"].shape)
        for t in range(STEPS):
            hidden = np.tanh(shown[t, b] @ params["inputs"] + hidden @ params["recurrent"])
            outputs[b, t] = hidden @ params["policy"]
    return outputs


def expected_credit(model: Any, met: Met) -> tuple[np.ndarray, np.ndarray]:
    """What is added to rewards, and GAE of the sum, of all meta-episodes, (meta_batch, steps, batch)."""
    rewards, credit = [], []
    for member in range(len(KINDS)):
        trajectory = met.kept.trajectory
        mine, values, actions, others = (
            of_member(leaf, member)
            for leaf in (trajectory.rewards, trajectory.values, trajectory.actions, met.kept.actions)
        )
        out = modelled(model, met, member)
        q, q_other = (out[..., 4 * table : 4 * table + 4].reshape(BATCH, STEPS, 2, 2) for table in range(2))
        p, p_other = reference.softmax(out[..., 8:10]), reference.softmax(out[..., 10:12])
        both = reference.influences(q, q_other, p, p_other, actions, others)
        added = 1.3 * reference.reciprocal_rewards(*both, decay=0.8, repayment=0.6)
        rewards.append(added.T)
        credit.append(advantage_alignment.gae(0.5 * (mine + added), values, 0.9, 0.7).T)
    return np.stack(rewards), np.stack(credit)


def test_an_update_is_that_of_the_transcription_against_every_kind_of_coplayer() -> None:
    """With A2C and plain steps: of the policy by −mean(A log π), of the model by its errors and log-probabilities."""
    params, met = played()
    before = RULE.init(jax.random.key(1), params)
    added, credit = expected_credit(before.state.params, met)
    trajectory = met.kept.trajectory
    states, actions, others = (
        leaf.reshape(len(KINDS), STEPS, BATCH) for leaf in (trajectory.states, trajectory.actions, met.kept.actions)
    )
    returns, other_returns = (
        np.stack([loqa.returns(of_member(leaf, member), 0.7).T for member in range(len(KINDS))])
        for leaf in (trajectory.rewards, met.kept.rewards)
    )
    joint = 2 * actions.astype(int) + others

    def output(policy: Any, params: Any) -> Any:
        seen = jax.vmap(jax.vmap(jax.vmap(lambda state: ENVIRONMENT.observe(state, 0))))(states)
        return jax.vmap(partial(unroll_from_start, policy, params))(seen).logits

    def loss(params: Any, model: Any) -> jax.Array:
        tables = output(MODEL_POLICY, model)
        q, q_other = (jnp.take_along_axis(tables, (joint + first)[..., None], -1)[..., 0] for first in (0, 4))
        errors = (q - returns) ** 2 / 2 + (q_other - other_returns) ** 2 / 2
        errors -= log_probs_and_entropy(tables[..., 8:10], actions)[0]
        errors -= log_probs_and_entropy(tables[..., 10:12], others)[0]
        return jnp.mean(errors) - jnp.mean(credit * log_probs_and_entropy(output(POLICY, params), actions)[0])

    gradients = jax.jit(jax.grad(loss, (0, 1)))(params, before.state.params)
    after, report = update()(jax.random.key(2), before, met, numbers())
    jax.tree.map(lambda new, old, slope: close(new, old - 0.1 * slope), after.params, params, gradients[0])
    moved = after.state.params, before.state.params, gradients[1]
    jax.tree.map(lambda new, old, slope: close(new, old - 0.05 * slope), *moved)
    close(report["reciprocal_reward"], added.mean())
    close(report["reciprocal_scale"], added.std())
    assert report["reciprocal_scale"] > 0.05
    assert report["reciprocator_model_loss"] > 0.05


def test_without_weight_it_is_the_plain_policy_gradient() -> None:
    params, met = played()
    changes = {"value_coefficient": 0.5, "entropy": 0.1, "normalize_advantages": True, "meta_opponent_weight": 2.0}
    key, learner = jax.random.key(2), RULE.init(jax.random.key(1), params)

    plain = jax.jit(score_function_rule(UPDATER, ALL).update)
    expected = plain(key, learner, met._replace(kept=met.kept.trajectory), numbers(**changes))[0]
    found, moved_by_it = (update()(key, learner, met, numbers(weight=weight, **changes))[0] for weight in (0.0, 1.0))
    jax.tree.map(close, found.params, expected.params)
    moved = jax.tree.map(lambda a, b: np.abs(a - b).max(), moved_by_it.params, expected.params)
    assert max(jax.tree.leaves(moved)) > 1e-3
