"""Credit from a critic of the batch against loops, and what must not matter to it, in float64."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from reference import algorithm1, batch_critic
from support import meta_hyper, opponents_like

from coalactl_core.credit.batch_credit import batch_critic_advantages
from coalactl_core.credit.batch_critic import Predictions
from coalactl_core.rules.score_function import learning_targets
from coalactl_core.types import FIXED, META, NAIVE, CriticHyperparameters, MetaEpisode, Targets, Trajectory

pytestmark = pytest.mark.usefixtures("float64")

BATCH, EPISODES, LENGTH = 3, 4, 3
STEPS = EPISODES * LENGTH
# Sums of some tens of numbers of order 1 in float64.
close = partial(np.testing.assert_allclose, atol=1e-12, rtol=0)
compiled = jax.jit(partial(batch_critic_advantages, inner_episode_length=LENGTH))
NUMBERS = {"discount": 0.9, "episode_lambda": 0.7}


def random_game(seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    at_starts, after_episodes = rng.normal(size=(2, EPISODES))
    return {"rewards": rng.normal(size=(BATCH, STEPS)), "at_starts": at_starts, "after_episodes": after_episodes}


def ours(game: dict[str, np.ndarray], normalize: bool = True, **changes: float) -> np.ndarray:
    numbers = {"discount": 1.0, "episode_lambda": 1.0, **changes}
    return np.asarray(compiled(**game, **numbers, normalize_current_episode=jnp.asarray(normalize)))


@pytest.mark.parametrize("normalize", [True, False], ids=["over-b", "whole"])
@pytest.mark.parametrize(("discount", "episode_lambda"), [(1, 1), (0.9, 0.7), (1, 0.5), (0.5, 0), (0, 1)])
def test_advantages_are_the_formula(discount, episode_lambda, normalize) -> None:
    for seed in range(3):
        game = random_game(seed)
        found = ours(game, normalize, discount=float(discount), episode_lambda=float(episode_lambda))
        numbers = discount, episode_lambda, LENGTH, normalize
        close(found, batch_critic.batch_critic_credit(*game.values(), *numbers))


def test_flags_may_be_constants() -> None:
    game = random_game()
    for normalize in (True, False):
        found = batch_critic_advantages(
            **{name: jnp.asarray(leaf) for name, leaf in game.items()},
            **NUMBERS,
            inner_episode_length=LENGTH,
            normalize_current_episode=normalize,
        )
        close(found, ours(game, normalize, **NUMBERS))


@pytest.mark.parametrize(("normalize", "credit"), [(True, "coala_pg_credit"), (False, "m_fos_credit")])
def test_at_lambda_1_it_is_equation_5_or_7_less_what_precedes_the_action(normalize, credit) -> None:
    """U telescopes away but for the baseline: what is left is a number for each step, the same for all."""
    game = random_game()
    found = ours(game, normalize)
    norm = BATCH if normalize else 1
    for b in range(BATCH):
        for step in range(STEPS):
            m, t = divmod(step, LENGTH)
            expected = (game["at_starts"][m] - game["after_episodes"][m]) * (1 - t / LENGTH)
            exact = getattr(algorithm1, credit)(game["rewards"], LENGTH)[b, step]
            close(found[b, step], exact - game["after_episodes"][m] - expected / norm)


def test_at_lambda_0_later_inner_episodes_are_what_the_critic_says() -> None:
    """Rewards of later inner episodes don't count; the expectation at the next one's start does, whole."""
    game, other = random_game(0), random_game(1)
    for m in range(EPISODES - 1):
        start = (m + 1) * LENGTH
        rewards = np.concatenate([game["rewards"][:, :start], other["rewards"][:, start:]], 1)
        changed = {**game, "rewards": rewards, "at_starts": game["at_starts"] + (np.arange(EPISODES) == m + 1)}
        difference = ours(changed, episode_lambda=0.0) - ours(game, episode_lambda=0.0)
        close(difference[:, : start - LENGTH], 0)
        close(difference[:, start - LENGTH : start], 1)


def test_rewards_count_in_their_own_inner_episode_and_in_those_before() -> None:
    game, other = random_game(0), random_game(1)
    for m in range(EPISODES):
        rewards = np.where(np.arange(STEPS) // LENGTH == m, other["rewards"], game["rewards"])
        difference = ours({**game, "rewards": rewards}, **NUMBERS) - ours(game, **NUMBERS)
        close(difference[:, (m + 1) * LENGTH :], 0)
        assert np.all(np.abs(difference[:, : (m + 1) * LENGTH]) > 1e-6)


def test_all_trajectories_get_the_same_of_what_comes_later() -> None:
    """Whoever earned it: the rewards of one trajectory in the last inner episode, of which all get 1/B."""
    game = random_game()
    rewards = game["rewards"].copy()
    rewards[1, -LENGTH:] += 1.0
    difference = ours({**game, "rewards": rewards}) - ours(game)
    close(difference[:, :-LENGTH], LENGTH / BATCH)


def test_a_worked_example() -> None:
    """B = 2, M = 3, T = 1; r̄ = 2, 4, 6, λ_e = ½.

    Δ_1 = 4 + 5 − 8 = 1 and Δ_2 = 6 − 5 = 1. C_0 = 8 − 9 + ½ (Δ_1 + ½ Δ_2) = −¼, C_1 = 5 − 3 + ½ = 2½, C_2 = 0 − 2.
    Baselines U − c are 3, 5 and 3, and own rewards count half.
    """
    found = batch_critic_advantages(
        jnp.asarray([[1.0, 4.0, 7.0], [3.0, 4.0, 5.0]]),
        jnp.asarray([12.0, 8.0, 5.0]),
        jnp.asarray([9.0, 3.0, 2.0]),
        discount=1.0,
        episode_lambda=0.5,
        inner_episode_length=1,
        normalize_current_episode=True,
    )
    close(found, [[-1 - 0.25, -0.5 + 2.5, 2 - 2], [0 - 0.25, -0.5 + 2.5, 1 - 2]])


# --- targets of a meta-batch ----------------------------------------------------------------------------------------

KINDS = [NAIVE, META, FIXED, NAIVE]
of_meta_batch = jax.jit(partial(learning_targets, inner_episode_length=LENGTH))


def meta_batch() -> tuple[MetaEpisode, Predictions]:
    rng = np.random.default_rng(2)
    rewards, values = rng.normal(size=(2, len(KINDS), STEPS, BATCH))
    nothing = np.zeros(rewards.shape)
    trajectory = Trajectory(
        states=nothing, actions=nothing.astype(int), rewards=rewards, log_probs=nothing, values=values
    )
    return MetaEpisode(trajectory, outcomes={}), Predictions(*rng.normal(size=(2, len(KINDS), EPISODES)))


def targets(method: str = "coala-pg", *, used: bool = True, asked: bool = True, **changes: Any) -> Targets:
    """Of the meta-batch: ``used`` by the agent, ``asked`` whether the pool has a critic."""
    episodes, expected = meta_batch()
    critic = CriticHyperparameters(used=used, episode_lambda=0.7) if asked else None
    opponents = opponents_like(jnp.zeros(()), KINDS)
    hyper = meta_hyper(method, critic=critic, **changes)
    return of_meta_batch(episodes, opponents, hyper, expected=expected if asked else None)


@pytest.mark.parametrize(("method", "normalize"), [("coala-pg", True), ("m-fos", False)])
def test_against_naive_co_players_credit_is_the_critics_and_against_others_as_without(method, normalize) -> None:
    """What the critic expects is in the environment's scale. The policy's values are still taught as without it."""
    changes = {"reward_scale": 0.5, "discount": 0.9, "gae_lambda": 0.8}
    found, without = targets(method, **changes), targets(method, asked=False, **changes)
    episodes, expected = meta_batch()
    for place, kind in enumerate(KINDS):
        if kind == NAIVE:
            credit = batch_critic.batch_critic_credit(
                0.5 * episodes.trajectory.rewards[place].T,
                0.5 * expected.at_starts[place],
                0.5 * expected.after_episodes[place],
                *(0.9, 0.7, LENGTH, normalize),
            )
            close(found.advantages[place], credit.T)
            assert np.abs(found.advantages[place] - without.advantages[place]).max() > 0.1
        else:
            np.testing.assert_array_equal(found.advantages[place], without.advantages[place])
    np.testing.assert_array_equal(found.value_targets, without.value_targets)
    np.testing.assert_array_equal(found.weight, without.weight)


def test_an_agent_that_does_not_use_it_learns_as_without() -> None:
    jax.tree.map(np.testing.assert_array_equal, targets(used=False), targets(asked=False))


def test_credit_is_centred_after_the_critic() -> None:
    plain, centred = targets(), targets(normalize_advantages=True)
    for kind in (NAIVE, META, FIXED):
        members = np.asarray(KINDS) == kind
        close(centred.advantages[members], plain.advantages[members] - np.mean(plain.advantages[members]))
