"""Advantage Alignment against NumPy transcriptions, in float64: the credit alone, and on games that were played."""

from functools import cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from reference import advantage_alignment as reference
from support import meta_hyper, naive_hyper, played_with, recurrent_policy, rollout_of, score_function_updater

from coalactl_core.configuration.experiment import SequenceExperiment
from coalactl_core.envs.matrix_game import MatrixGame
from coalactl_core.learning.objectives import POLICY_LOSSES, log_probs_and_entropy
from coalactl_core.learning.optimizers import adam, fresh_learner, sgd
from coalactl_core.nets.policy import unroll_from_start
from coalactl_core.rules.advantage_alignment import Alignment, aligned, alignment_rule, returns_against_others
from coalactl_core.rules.score_function import score_function_rule
from coalactl_core.rules.seam import Met, Numbers, Rule
from coalactl_core.types import FIXED, META, NAIVE

pytestmark = pytest.mark.usefixtures("float64")

EPISODES, LENGTH, BATCH = 2, 3, 3
ENVIRONMENT = MatrixGame(episode_length=LENGTH, recalls=True)
POLICY = recurrent_policy()
ROLLOUT = rollout_of(ENVIRONMENT, POLICY, BATCH, EPISODES)
KINDS = [META, NAIVE, FIXED, META]
ALL = (NAIVE, META, FIXED)
HYPER = {"discount": 0.9, "gae_lambda": 0.7, "td_lambda": 0.8, "reward_scale": 0.5}
# Sums of some tens of numbers of order 1 in float64.
close = partial(np.testing.assert_allclose, rtol=1e-12, atol=1e-12)


def advantages(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(BATCH, EPISODES * LENGTH))


@pytest.mark.parametrize("discount", [1.0, 0.9])
def test_what_is_added_is_the_papers_sum_or_the_mean_of_its_code(discount: float) -> None:
    own, theirs = advantages(0), advantages(1)
    by_step = jnp.asarray(own.T), jnp.asarray(theirs.T)
    found = aligned(*by_step, beta=1.7, discount=discount)
    close(found, reference.alignment(own, theirs, 1.7, discount).T)
    found = aligned(*by_step, beta=1.7, discount=discount, averages=True)
    close(found, reference.alignment_by_the_mean(own, theirs, 1.7).T)
    assert (np.asarray(found)[0] == 0).all()


def test_without_a_critic_a_return_is_compared_with_those_of_the_other_trajectories() -> None:
    rewards = advantages(2)
    found = returns_against_others(jnp.asarray(rewards.T)[None], 0.9)
    close(found[0], reference.less_the_others(rewards, 0.9).T)


@cache
def played() -> tuple[Any, Met]:
    """An agent's parameters, and what came of its meta-episodes against two meta agents, a naive and a fixed one."""
    params, opponents, kept = played_with(ROLLOUT, KINDS, rule_of("a2c").keep)
    return params, Met(kept.kept, kept.outcomes, opponents)


def updater_for(algorithm: str) -> Any:
    ppo = {"optimizer": adam, "epochs": 2, "minibatches": 2} if algorithm == "ppo" else {}
    return score_function_updater(POLICY, ENVIRONMENT, 4, policy_loss=POLICY_LOSSES[algorithm], **ppo)


def rule_of(algorithm: str, kinds: tuple[int, ...] = ALL, averages: bool = False) -> Rule:
    return alignment_rule(Alignment(ROLLOUT, updater_for(algorithm), kinds, averages))


def numbers(beta: float, **changes: Any) -> Numbers:
    hyper = meta_hyper("batch-unaware", **{**HYPER, **changes})
    return Numbers(hyper, naive_hyper(), {"beta": jnp.asarray(beta)})


def coplayer_values(member: int, met: Met) -> np.ndarray:
    """What a meta co-player's critic said, step by step, with a memory that goes on through the meta-episode."""
    params = jax.tree.map(lambda leaf: np.asarray(leaf[member]), met.opponents.learner.params)
    states = np.asarray(met.kept.trajectory.states[member]).reshape(EPISODES * LENGTH, BATCH)
    shown = np.asarray(jax.vmap(jax.vmap(partial(ENVIRONMENT.observe, player=1)))(states))
    values = np.zeros((BATCH, EPISODES * LENGTH))
    for b in range(BATCH):
        hidden = np.zeros(params["value"].shape)
        for t in range(EPISODES * LENGTH):
            hidden = np.tanh(shown[t, b] @ params["inputs"] + hidden @ params["recurrent"])
            values[b, t] = hidden @ params["value"]
    return values


def expected_advantages(met: Met, beta: float) -> np.ndarray:
    """A* of all meta-episodes, (meta_batch, steps, batch)."""
    gamma, lambda_, scale = HYPER["discount"], HYPER["gae_lambda"], HYPER["reward_scale"]
    found = []
    for member, kind in enumerate(KINDS):
        rewards, values, theirs = (
            np.asarray(leaf[member]).reshape(EPISODES * LENGTH, BATCH).T
            for leaf in (met.kept.trajectory.rewards, met.kept.trajectory.values, met.kept.rewards)
        )
        own = reference.gae(scale * rewards, values, gamma, lambda_)
        if kind == META:
            other = reference.gae(scale * theirs, coplayer_values(member, met), gamma, lambda_)
        else:
            other = reference.less_the_others(scale * theirs, gamma)
        found.append((own + reference.alignment(own, other, beta, gamma)).T)
    return np.stack(found)


def test_the_loss_is_that_of_the_transcription_against_every_kind_of_coplayer() -> None:
    """With A2C −mean(A* log π), whose gradient is one plain step."""
    params, met = played()
    credit = expected_advantages(met, 1.7)
    trajectory = met.kept.trajectory
    states, actions = (leaf.reshape(len(KINDS), -1, BATCH) for leaf in (trajectory.states, trajectory.actions))

    def loss(params: Any) -> jax.Array:
        seen = jax.vmap(jax.vmap(jax.vmap(lambda state: ENVIRONMENT.observe(state, 0))))(states)
        logits = jax.vmap(lambda seen: unroll_from_start(POLICY, params, seen).logits)(seen)
        return -jnp.mean(credit * log_probs_and_entropy(logits, actions)[0])

    value, gradient = jax.jit(jax.value_and_grad(loss))(params)
    update = jax.jit(rule_of("a2c").update)
    learner, report = update(jax.random.key(1), fresh_learner(sgd, params), met, numbers(1.7))
    close(report["policy_loss"], value)
    jax.tree.map(lambda new, old, slope: close(new, old - 0.1 * slope), learner.params, params, gradient)
    plain = expected_advantages(met, 0.0)
    close(report["alignment_scale"], np.std(credit - plain))
    assert report["alignment_scale"] > 0.05


@pytest.mark.parametrize("algorithm", ["ppo", "a2c"])
def test_without_beta_it_is_the_plain_policy_gradient(algorithm: str) -> None:
    params, met = played()
    updater = updater_for(algorithm)
    learner = fresh_learner(updater.optimizer, params)
    changes = {"value_coefficient": 0.5, "entropy": 0.1, "normalize_advantages": True, "meta_opponent_weight": 2.0}
    key, plain = jax.random.key(2), score_function_rule(updater, ALL)

    update, plain_update = jax.jit(rule_of(algorithm).update), jax.jit(plain.update)
    expected = plain_update(key, learner, met._replace(kept=met.kept.trajectory), numbers(0.0, **changes))[0]
    found, with_beta = (update(key, learner, met, numbers(beta, **changes))[0] for beta in (0.0, 1.0))
    jax.tree.map(close, found.params, expected.params)
    moved = jax.tree.map(lambda a, b: np.abs(a - b).max(), with_beta.params, expected.params)
    assert max(jax.tree.leaves(moved)) > 1e-3


POOL = {"meta": 2, "p_naive": 0.0}


@pytest.mark.parametrize(
    ("tables", "complaint"),
    [
        ({"population": {"meta": 1}, "rollout": {"batch_size": 1}}, "rollout.batch_size: 1 given; advantage-alignment"),
        (
            {
                "population": {
                    "meta": [
                        {"method": "advantage-alignment"},
                        {"method": "m-fos", "settings": {"reward_scale": 1.0}},
                    ],
                    "p_naive": 0.5,
                }
            },
            "population.meta: agents differ in meta.reward_scale; advantage-alignment",
        ),
    ],
)
def test_pools_without_a_meaning_for_the_coplayers_advantage_are_refused(tables: Any, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint.replace(".", r"\.")):
        SequenceExperiment.model_validate({"meta": {"method": "advantage-alignment"}, **tables})


def test_alone_among_their_like_one_trajectory_is_enough() -> None:
    tables = {"meta": {"method": "advantage-alignment"}, "population": POOL, "rollout": {"batch_size": 1}}
    assert SequenceExperiment.model_validate(tables).groups[0].method == "advantage-alignment"
