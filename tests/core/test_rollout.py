"""The co-player shaping POMDP: random keys, memories, learning in between, and who is paid what."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support import (
    a2c_with,
    clock_policy,
    going_by_outcomes,
    naive_hyper,
    opponents_like,
    reactive_policy,
    recurrent_policy,
    rollout_of,
)

from coalactl_core.configuration.memory_one import MEMORY_ONE
from coalactl_core.envs.matrix_game import MatrixGame
from coalactl_core.learning.optimizers import adam, fresh_learner, sgd
from coalactl_core.opponents.a2c import naive_update
from coalactl_core.play.meta_episodes import first_trajectory, play_meta_episodes
from coalactl_core.play.rollout import Rollout, Seat
from coalactl_core.play.trajectories import play_meta_trajectories
from coalactl_core.types import FIXED, META, NAIVE, Experience, Learner, MetaEpisode, Trajectory

pytestmark = pytest.mark.usefixtures("float64")

BATCH, EPISODES, LENGTH = 3, 4, 5
STEPS = EPISODES * LENGTH
# Four different payoffs, none symmetric, so that rewards tell who did what.
PAYOFFS = ((3.0, -1.5), (4.0, 0.25))
CERTAIN = 1e3
REACTIVE, RECURRENT = reactive_policy(), recurrent_policy()

compiled = jax.jit(play_meta_trajectories, static_argnames="rollout")
recorded = jax.jit(partial(play_meta_episodes, keep=first_trajectory), static_argnames="rollout")
learn = jax.jit(naive_update, static_argnames=("policy", "optimizer"))


ENVIRONMENT = MatrixGame(payoffs=PAYOFFS, episode_length=LENGTH)


def rollout(policy: Any, **changes: Any) -> Rollout:
    return rollout_of(ENVIRONMENT, policy, BATCH, EPISODES)._replace(**changes)


def play(rules: Rollout, ego: Any, opponents: Any, seed: int = 0, **hyper: Any) -> MetaEpisode:
    episodes = compiled(jax.random.key(seed), ego, opponents, naive_hyper(**hyper), rollout=rules)
    return jax.tree.map(np.asarray, episodes)


def coplayer_actions(trajectory: Trajectory) -> np.ndarray:
    """What the co-player did, from what the ego agent did and was paid."""
    return np.where(trajectory.rewards == np.asarray(PAYOFFS)[trajectory.actions, 0], 0, 1)


def by_episode(leaf: np.ndarray) -> np.ndarray:
    """(meta_batch, steps, batch) as (meta_batch, episodes, episode_steps, batch)."""
    return leaf.reshape(leaf.shape[0], -1, LENGTH, *leaf.shape[2:])


def uniform(policy: Any) -> Any:
    return jax.tree.map(jnp.zeros_like, policy.init(jax.random.key(0)))


def deterministic(actions: np.ndarray) -> Any:
    """Tables of a policy that takes these actions."""
    return {"logits": jnp.asarray(CERTAIN * np.eye(2)[actions]), "values": jnp.arange(len(actions), dtype=float)}


def test_every_opponent_and_trajectory_has_its_own_randomness() -> None:
    """Actions of identical uniform policies are uncorrelated between players, trajectories, opponents and steps.

    A peer's published code gave all opponents the same action noise, which makes these correlations 1.
    """
    policy = REACTIVE
    rules = rollout(policy, inner_episodes=100, learns=False)
    trajectory = play(rules, uniform(policy), opponents_like(uniform(policy), [META] * 3)).trajectory
    # 3 opponents x 3 trajectories x 2 players, each a stream of 500 coin flips.
    flips = np.stack([trajectory.actions, coplayer_actions(trajectory)], 1)
    streams = 2.0 * np.moveaxis(flips, 2, 3).reshape(18, 500) - 1
    four_standard_errors = 4 / np.sqrt(500)
    correlations = streams @ streams.T / 500
    assert np.max(np.abs(correlations - np.eye(18))) < four_standard_errors
    for lag in (1, LENGTH):
        same_stream_later = np.mean(streams[:, lag:] * streams[:, :-lag], 1)
        assert np.max(np.abs(same_stream_later)) < four_standard_errors * np.sqrt(500 / (500 - lag))


def test_actions_are_drawn_with_the_policys_probabilities() -> None:
    policy = REACTIVE
    ego, coplayer = policy.init(jax.random.key(1)), policy.init(jax.random.key(2))
    rules = rollout(policy, batch_size=40, inner_episodes=10, learns=False)
    trajectory = play(rules, ego, opponents_like(coplayer, [META] * 10)).trajectory
    seen_by_coplayer = np.asarray([0, 1, 3, 2, 4])[trajectory.states]
    players = [(ego, trajectory.states, trajectory.actions), (coplayer, seen_by_coplayer, coplayer_actions(trajectory))]
    for params, observations, actions in players:
        expected = np.asarray(jax.nn.softmax(params["logits"]))[:, 1]
        for observation in range(5):
            taken = actions[observations == observation]
            assert len(taken) > 500
            standard_error = np.sqrt(expected[observation] * (1 - expected[observation]) / len(taken))
            assert abs(np.mean(taken) - expected[observation]) < 4 * standard_error


def test_a_record_is_the_first_trajectory_with_both_players() -> None:
    """What is looked at is what is played: naive co-players have learnt from all B trajectories here as there."""
    policy = REACTIVE
    ego, coplayer = policy.init(jax.random.key(1)), policy.init(jax.random.key(2))
    opponents, rules = opponents_like(coplayer, [NAIVE, META]), rollout(policy)
    played = play(rules, ego, opponents, learning_rate=3.0).trajectory
    record = recorded(jax.random.key(0), ego, opponents, naive_hyper(learning_rate=3.0), rollout=rules)
    record = jax.tree.map(np.asarray, record.kept)
    assert record.actions.shape == (2, EPISODES, LENGTH, 2)
    first = jax.tree.map(lambda leaf: by_episode(leaf)[..., 0], played)
    np.testing.assert_array_equal(record.state, first.states)
    np.testing.assert_array_equal(record.actions[..., 0], first.actions)
    np.testing.assert_array_equal(record.actions[..., 1], by_episode(coplayer_actions(played))[..., 0])
    own, other = np.moveaxis(record.actions, -1, 0)
    np.testing.assert_array_equal(record.rewards[..., 0], np.asarray(PAYOFFS)[own, other])
    np.testing.assert_array_equal(record.rewards[..., 1], np.asarray(PAYOFFS)[other, own])
    # Two programs may sum in another order: float64's rounding, some ten operations deep.
    np.testing.assert_allclose(record.log_prob, first.log_probs, atol=1e-12)


def test_recorded_log_probs_and_values_are_those_of_one_unroll_over_all_inner_episodes() -> None:
    policy = RECURRENT
    ego, coplayer = policy.init(jax.random.key(1)), policy.init(jax.random.key(2))
    trajectory = play(rollout(policy), ego, opponents_like(coplayer, [NAIVE, META, NAIVE])).trajectory
    unroll = jax.vmap(lambda states: policy.unroll(ego, jnp.eye(5)[states], policy.initial_carry(), None)[0])
    output = jax.jit(jax.vmap(unroll, in_axes=2, out_axes=2))(trajectory.states)
    log_probs = np.take_along_axis(jax.nn.log_softmax(output.logits), trajectory.actions[..., None].astype(int), -1)
    np.testing.assert_allclose(trajectory.values, output.value, atol=1e-12)
    np.testing.assert_allclose(trajectory.log_probs, log_probs[..., 0], atol=1e-12)


def test_naive_memory_is_reset_at_boundaries_and_every_other_memory_is_carried() -> None:
    policy = clock_policy(STEPS)
    own, other = np.random.default_rng(3).integers(0, 2, size=(2, STEPS))
    rules = rollout(policy)
    opponents = opponents_like(deterministic(other), [NAIVE, META])
    trajectory = play(rules, deterministic(own), opponents, learning_rate=0.0).trajectory
    np.testing.assert_array_equal(trajectory.actions, np.broadcast_to(own[:, None], (2, STEPS, BATCH)))
    np.testing.assert_array_equal(trajectory.values, np.broadcast_to(np.arange(STEPS)[:, None], (2, STEPS, BATCH)))
    seen = coplayer_actions(trajectory)[:, :, 0]
    np.testing.assert_array_equal(seen[0], np.tile(other[:LENGTH], EPISODES))
    np.testing.assert_array_equal(seen[1], other)


@pytest.mark.parametrize("optimizer", [sgd, adam])
def test_naive_co_players_play_what_their_own_updates_made_of_them_and_others_stay(optimizer) -> None:
    """With a huge step the learned tables are certain, so that every later action shows them."""
    policy = REACTIVE
    taught = np.asarray([0, 1, 1, 0, 1])
    rules = rollout(policy, naive=a2c_with(optimizer, policy), batch_size=8)
    opponents = opponents_like(uniform(policy), [NAIVE, META, NAIVE, FIXED])
    params = jax.tree.map(lambda leaf, new: leaf.at[1].set(new), opponents.learner.params, deterministic(taught))
    opponents = opponents._replace(
        learner=Learner(params),
        automata=going_by_outcomes(jnp.broadcast_to(taught, (4, 5))),
    )
    hyper = {"learning_rate": 1e5, "max_grad_norm": 1.0}
    trajectory = play(rules, uniform(policy), opponents, **hyper).trajectory
    observations = by_episode(np.asarray([0, 1, 3, 2, 4])[trajectory.states])
    actions = by_episode(coplayer_actions(trajectory))
    np.testing.assert_array_equal(actions[1], taught[observations[1]])
    np.testing.assert_array_equal(actions[3], 1 - taught[observations[3]])

    own_rewards = np.asarray(PAYOFFS)[actions, by_episode(trajectory.actions)]
    for opponent in (0, 2):
        learner = fresh_learner(optimizer, uniform(policy))
        for episode in range(EPISODES - 1):
            of_episode = opponent, episode
            experience = Experience(
                observations=jnp.asarray(np.eye(5)[observations[of_episode]]),
                actions=jnp.asarray(actions[of_episode]),
                rewards=jnp.asarray(own_rewards[of_episode]),
            )
            learner = learn(learner, experience, naive_hyper(**hyper), policy=policy, optimizer=optimizer)
            logits = np.asarray(learner.params["logits"])[observations[opponent, episode + 1]]
            certain = np.abs(logits[..., 1] - logits[..., 0]) > 50
            assert np.mean(certain) > 0.5
            np.testing.assert_array_equal(actions[opponent, episode + 1][certain], np.argmax(logits, -1)[certain])


def test_a_naive_co_player_with_step_zero_is_a_fixed_one() -> None:
    policy = REACTIVE
    ego, coplayer = policy.init(jax.random.key(1)), policy.init(jax.random.key(2))
    rules = rollout(policy)
    naive = play(rules, ego, opponents_like(coplayer, [NAIVE] * 3), learning_rate=0.0)
    fixed = play(rules, ego, opponents_like(coplayer, [META] * 3), learning_rate=0.0)
    jax.tree.map(np.testing.assert_array_equal, naive, fixed)


@pytest.mark.parametrize("name", ["tit-for-tat", "win-stay-lose-shift", "always-cooperate", "always-defect", "grim"])
def test_fixed_strategies_play_as_they_are_known(name) -> None:
    policy = REACTIVE
    strategies = going_by_outcomes([MEMORY_ONE[name]] * 2)
    opponents = opponents_like(deterministic(np.ones(5, int)), [FIXED, FIXED], strategies)
    trajectory = play(rollout(policy, learns=False), uniform(policy), opponents).trajectory
    own, other = by_episode(trajectory.actions), by_episode(coplayer_actions(trajectory))
    first, last = other[:, :, 0], other[:, :, :-1]
    pleased = own[:, :, :-1] == 0
    defected = np.maximum.accumulate(own | other, 2)
    later = {
        "tit-for-tat": own[:, :, :-1],
        "win-stay-lose-shift": np.where(pleased, last, 1 - last),
        "always-cooperate": np.zeros_like(last),
        "always-defect": np.ones_like(last),
        "grim": defected[:, :, :-1],
    }
    np.testing.assert_array_equal(first, int(name == "always-defect"))
    np.testing.assert_array_equal(other[:, :, 1:], later[name])


def test_each_trajectory_may_have_a_strategy_of_its_own() -> None:
    """Beside a network, which plays by its own table."""
    names = ["always-cooperate", "tit-for-tat", "always-defect"]
    strategies = going_by_outcomes([MEMORY_ONE[name] for name in names] * 2)
    strategies = jax.tree.map(lambda leaf: leaf.reshape(2, BATCH, *leaf.shape[1:]), strategies)
    opponents = opponents_like(deterministic(np.ones(5, int)), [FIXED, META], strategies)
    trajectory = play(rollout(REACTIVE, learns=False), uniform(REACTIVE), opponents).trajectory
    own, (fixed, network) = by_episode(trajectory.actions), by_episode(coplayer_actions(trajectory))
    assert (network == 1).all()
    assert (fixed[..., 0] == 0).all()
    assert (fixed[..., 2] == 1).all()
    np.testing.assert_array_equal(fixed[:, 1:, 1], own[0, :, :-1, 1])
    assert (fixed[:, 0, 1] == 0).all()


@pytest.mark.parametrize("kind", [META, NAIVE])
def test_the_co_player_may_play_by_another_network(kind) -> None:
    """The ego agent cooperates by a table of observations, the co-player goes by a clock, which naive ones set back."""
    pattern = np.arange(STEPS) % 3 == 0
    clock = clock_policy(STEPS)
    rules = rollout(REACTIVE, coplayer=Seat(observe=ENVIRONMENT.observe, policy=clock), learns=kind == NAIVE)
    opponents = opponents_like(deterministic(pattern.astype(int)), [kind] * 2)
    trajectory = play(rules, deterministic(np.zeros(5, int)), opponents, learning_rate=0.0).trajectory
    assert (trajectory.actions == 0).all()
    expected = np.tile(pattern[:LENGTH], EPISODES) if kind == NAIVE else pattern
    np.testing.assert_array_equal(coplayer_actions(trajectory), np.broadcast_to(expected[:, None], (2, STEPS, BATCH)))


def test_both_players_are_paid_by_the_matrix_and_episodes_start_afresh() -> None:
    policy = RECURRENT
    ego, coplayer = policy.init(jax.random.key(1)), policy.init(jax.random.key(2))
    episodes = play(rollout(policy), ego, opponents_like(coplayer, [NAIVE, META, NAIVE]))
    states = by_episode(episodes.trajectory.states)
    np.testing.assert_array_equal(states[:, :, 0], 0)
    # The state after a step tells both actions, whatever the rewards say.
    own, other = (states[:, :, 1:] - 1) // 2, (states[:, :, 1:] - 1) % 2
    np.testing.assert_array_equal(by_episode(episodes.trajectory.actions)[:, :, :-1], own)
    np.testing.assert_array_equal(by_episode(episodes.trajectory.rewards)[:, :, :-1], np.asarray(PAYOFFS)[own, other])

    own, other = by_episode(episodes.trajectory.actions), by_episode(coplayer_actions(episodes.trajectory))
    mean = partial(np.mean, axis=(2, 3))
    payoffs = np.asarray(PAYOFFS)
    reward = np.stack([mean(payoffs[own, other]), mean(payoffs[other, own])], -1)
    np.testing.assert_allclose(episodes.outcomes["reward"], reward, atol=1e-12)
    np.testing.assert_allclose(episodes.outcomes["defection"], np.stack([mean(own), mean(other)], -1), atol=1e-12)


def test_naive_updates_in_chunks_equal_the_whole() -> None:
    policy = RECURRENT
    ego, coplayer = policy.init(jax.random.key(1)), policy.init(jax.random.key(2))
    opponents = opponents_like(coplayer, [NAIVE, META, NAIVE])
    whole = play(rollout(policy), ego, opponents, learning_rate=5.0)
    chunked = play(rollout(policy, naive_chunk=2), ego, opponents, learning_rate=5.0)
    jax.tree.map(partial(np.testing.assert_allclose, atol=1e-12), chunked, whole)


def test_a_pool_without_naive_agents_computes_no_naive_update() -> None:
    """Acting needs single steps only; unrolling a sequence is what learning does."""

    def refuse(*arguments: Any) -> Any:
        raise AssertionError("unrolled")

    policy = REACTIVE._replace(unroll=refuse)
    params = uniform(policy)
    play(rollout(policy, learns=False), params, opponents_like(params, [META]))
    # Nor one where nobody plays what is learnt.
    play(rollout(policy, learns=True)._replace(inner_episodes=1), params, opponents_like(params, [NAIVE]))
    with pytest.raises(AssertionError, match="unrolled"):
        play(rollout(policy, learns=True), params, opponents_like(params, [META]))
