"""Naive co-players that learn otherwise than by A2C: each update beside NumPy alone, each learner in the dilemma."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support import a2c_with, naive_hyper, opponents_like, reactive_policy, recurrent_policy, rollout_of

from coalactl_core.configuration.learning import NaiveConfig
from coalactl_core.coplayers import ALGORITHMS
from coalactl_core.envs.base import Environment
from coalactl_core.envs.cleanup_lite import CleanUpLite
from coalactl_core.envs.matrix_game import MatrixGame
from coalactl_core.errors import ConfigurationError
from coalactl_core.learning.optimizers import fresh_learner, sgd
from coalactl_core.nets.policy import Policy, PolicyOutput
from coalactl_core.opponents.q_learning import epsilon_greedy
from coalactl_core.opponents.registry import build_coplayer
from coalactl_core.opponents.seam import Coplayer, CoplayerSetting
from coalactl_core.play.meta_episodes import play_meta_episodes
from coalactl_core.play.trajectories import ego_trajectory
from coalactl_core.types import META, NAIVE, Experience, Learner

LENGTH, BATCH = 4, 3
TABLES = reactive_policy()
GAME = MatrixGame(episode_length=LENGTH)
NO_OUTPUT = PolicyOutput(jnp.zeros(2), jnp.zeros(()))
OWN = {"a2c": {}, "ppo": {"clip": 0.2}, "reinforce": {}, "q-learning": {"exploration": 0.1}}


def coplayer(algorithm: str, policy: Policy = TABLES, game: Environment = GAME, **config: Any) -> Coplayer:
    return build_coplayer(CoplayerSetting(NaiveConfig(algorithm=algorithm, **config), policy, game))


def played(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Numbers of observations, actions and rewards, each (steps, batch)."""
    draws = np.random.default_rng(seed)
    shape = LENGTH, BATCH
    return draws.integers(0, 5, shape), draws.integers(0, 2, shape), draws.normal(size=shape)


def as_experience(seen: np.ndarray, actions: np.ndarray, rewards: np.ndarray) -> Experience:
    return Experience(jnp.eye(5)[seen], jnp.asarray(actions), jnp.asarray(rewards))


def returns(rewards: np.ndarray, discount: float) -> np.ndarray:
    found = np.zeros_like(rewards)
    for t, b in np.ndindex(rewards.shape):
        found[t, b] = sum(discount ** (k - t) * rewards[k, b] for k in range(t, LENGTH))
    return found


def softmax(logits: np.ndarray) -> np.ndarray:
    return np.exp(logits) / np.exp(logits).sum()


# --- PPO ------------------------------------------------------------------------------------------------------------

NUMBERS = {"discount": 0.9, "td_lambda": 0.7, "gae_lambda": 0.6, "value_coefficient": 0.4, "entropy": 0.1}


def targets_of(rewards: np.ndarray, values: np.ndarray, discount: float, lambda_: float) -> np.ndarray:
    """Sums of TD errors discounted by γλ, with the value 0 after the end."""
    after = np.concatenate([values[1:], np.zeros((1, BATCH))])
    return returns(rewards + discount * after - values, discount * lambda_)


def ppo_by_hand(params: dict[str, np.ndarray], seed: int, epochs: int, clip: float, rate: float) -> tuple[Any, int]:
    """The parameters after all epochs, and how many samples were held by the clip."""
    seen, actions, rewards = played(seed)
    logits, values = params["logits"].copy(), params["values"].copy()
    old = np.asarray(
        [[softmax(logits[s])[a] for s, a in zip(*row, strict=True)] for row in zip(seen, actions, strict=True)]
    )
    before = values[seen]
    advantages = targets_of(rewards, before, NUMBERS["discount"], NUMBERS["gae_lambda"])
    advantages -= advantages.mean()
    targets = before + targets_of(rewards, before, NUMBERS["discount"], NUMBERS["td_lambda"])
    held = 0
    for _ in range(epochs):
        of_logits, of_values = np.zeros_like(logits), np.zeros_like(values)
        for at in np.ndindex(seen.shape):
            row, action = seen[at], actions[at]
            chances = softmax(logits[row])
            ratio, advantage = chances[action] / old[at], advantages[at]
            moves = ratio < 1 + clip if advantage > 0 else ratio > 1 - clip
            held += not moves
            score = np.eye(2)[action] - chances
            of_logits[row] -= moves * advantage * ratio * score
            # ∂H/∂z_k = −p_k (log p_k + H).
            entropy = -np.sum(chances * np.log(chances))
            of_logits[row] += NUMBERS["entropy"] * chances * (np.log(chances) + entropy)
            of_values[row] += NUMBERS["value_coefficient"] * (values[row] - targets[at])
        logits -= rate * of_logits / seen.size
        values -= rate * of_values / seen.size
    return {"logits": logits, "values": values}, held


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("epochs", [1, 5])
def test_ppo_is_what_is_written_down(epochs: int) -> None:
    params = TABLES.init(jax.random.key(3))
    naive = coplayer("ppo", optimizer="sgd", epochs=epochs)
    hyper = naive_hyper(**NUMBERS, learning_rate=2.0, own={"clip": 0.2})
    found = jax.jit(naive.update)(naive.init(params), as_experience(*played(5)), hyper).params
    expected, held = ppo_by_hand(jax.tree.map(np.asarray, params), 5, epochs, clip=0.2, rate=2.0)
    assert (held > 0) == (epochs > 1)  # the clip is met
    for name, part in expected.items():
        np.testing.assert_allclose(found[name], part, atol=1e-10)


@pytest.mark.usefixtures("float64")
def test_one_epoch_of_ppo_is_a2c() -> None:
    policy = recurrent_policy()
    naive = coplayer("ppo", policy, optimizer="sgd", epochs=1)
    hyper, experience = naive_hyper(**NUMBERS, own={"clip": 0.01}), as_experience(*played(0))
    learner = fresh_learner(sgd, policy.init(jax.random.key(0)))
    found = jax.jit(naive.update)(learner, experience, hyper).params
    a2c = jax.jit(coplayer("a2c", policy, optimizer="sgd").update)
    expected = a2c(learner, experience, hyper).params
    for name, part in expected.items():
        np.testing.assert_allclose(found[name], part, atol=1e-13)


# --- REINFORCE ------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("baseline", ["none", "batch-mean"])
def test_reinforce_is_what_is_written_down(baseline: str) -> None:
    params = TABLES.init(jax.random.key(1))
    seen, actions, rewards = played(2)
    weights = returns(0.5 * rewards, 0.9)
    if baseline == "batch-mean":
        weights = np.asarray([row - row.mean() for row in weights])
    before = np.asarray(params["logits"])
    expected = before.copy()
    for at in np.ndindex(seen.shape):
        score = np.eye(2)[actions[at]] - softmax(before[seen[at]])
        expected[seen[at]] += 0.3 * weights[at] * score / seen.size
    naive = coplayer("reinforce", optimizer="sgd", baseline=baseline)
    hyper = naive_hyper(discount=0.9, reward_scale=0.5, learning_rate=0.3, value_coefficient=1.0)
    found = naive.update(naive.init(params), as_experience(seen, actions, rewards), hyper).params
    np.testing.assert_allclose(found["logits"], expected, atol=1e-12)
    np.testing.assert_array_equal(found["values"], params["values"])


# --- Q-learning -----------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("takes_indices", [False, True])
@pytest.mark.parametrize("epochs", [1, 3])
def test_q_learning_is_what_is_written_down(epochs: int, takes_indices: bool) -> None:
    seen, actions, rewards = played(4)
    start = np.random.default_rng(0).normal(size=(5, 2))
    table = start.copy()
    for _ in range(epochs):
        errors: dict[tuple[int, int], list[float]] = {}
        for t, b in np.ndindex(seen.shape):
            cell = int(seen[t, b]), int(actions[t, b])
            following = 0.9 * max(table[seen[t + 1, b]]) if t + 1 < LENGTH else 0.0
            errors.setdefault(cell, []).append(0.5 * rewards[t, b] + following - table[cell])
        for cell, of_cell in errors.items():
            table[cell] += 0.3 * np.mean(of_cell)
    naive = coplayer("q-learning", TABLES._replace(takes_indices=takes_indices), epochs=epochs)
    experience = as_experience(seen, actions, rewards)
    if takes_indices:
        experience = experience._replace(observations=jnp.asarray(seen))
    hyper = naive_hyper(discount=0.9, reward_scale=0.5, learning_rate=0.3, own={"exploration": 0.1})
    learner = naive.update(Learner((), state=jnp.asarray(start)), experience, hyper)
    np.testing.assert_allclose(learner.state, table, atol=1e-12)


def test_it_explores_and_shares_chances_among_equally_good_actions() -> None:
    hyper = naive_hyper(own={"exploration": 0.3})
    table = jnp.asarray([[1.0, 2.0, 2.0], [0.0, 0.0, 0.0], [-3.0, -1.0, -2.0]])
    expected = [[0.1, 0.45, 0.45], [1 / 3, 1 / 3, 1 / 3], [0.1, 0.8, 0.1]]
    for row, chances in enumerate(expected):
        found = epsilon_greedy(Learner((), state=table), jnp.asarray(row), NO_OUTPUT, hyper, number=lambda seen: seen)
        np.testing.assert_allclose(np.exp(found), chances, atol=1e-6)
    greedy = naive_hyper(own={"exploration": 0.0})
    found = epsilon_greedy(Learner((), state=table), jnp.asarray(2), NO_OUTPUT, greedy, number=lambda seen: seen)
    np.testing.assert_array_equal(jax.random.categorical(jax.random.key(0), found, shape=(99,)), 1)


@pytest.mark.parametrize("recalls", [False, True])
def test_observations_are_numbered_as_the_game_numbers_them(recalls: bool) -> None:
    game = MatrixGame(episode_length=LENGTH, recalls=recalls)
    naive = coplayer("q-learning", game=game)
    states = range(9 if recalls else 5)
    table = jnp.arange(2.0 * len(states)).reshape(-1, 2) % 7
    hyper = naive_hyper(own={"exploration": 0.5})
    for state in states:
        found = naive.behave(Learner((), state=table), game.observe(jnp.int8(state), 1), NO_OUTPUT, hyper)
        best = np.argmax(table[int(game.observe_number(jnp.int8(state), 1))])
        np.testing.assert_allclose(np.exp(found)[best], 0.75, rtol=1e-6)


def test_a_table_needs_numbered_observations() -> None:
    with pytest.raises(ConfigurationError, match=r"naive\.algorithm.*'q-learning'.*use 'a2c', 'ppo' or 'reinforce'"):
        coplayer("q-learning", game=CleanUpLite(episode_length=LENGTH))


# --- all ------------------------------------------------------------------------------------------------------------

# In rewards as they are.
RATES = {"a2c": 0.2, "ppo": 0.1, "reinforce": 0.2, "q-learning": 0.3}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_each_learns_to_defect_in_the_dilemma(algorithm: str) -> None:
    """Defection pays 1 more than cooperation in each step, whatever the other does; 25 inner episodes of 16 × 10."""
    environment = MatrixGame()
    naive = coplayer(algorithm, game=environment)
    rollout = rollout_of(environment, TABLES, batch_size=16, inner_episodes=25, naive=naive)
    other = jax.tree.map(jnp.zeros_like, TABLES.init(jax.random.key(0)))
    # What an entry of Q is worth depends on the steps that are left, which nobody sees: noise that discounts take away.
    hyper = naive_hyper(discount=0.5, learning_rate=RATES[algorithm], value_coefficient=0.5, own=OWN[algorithm])
    play = jax.jit(play_meta_episodes, static_argnames=("rollout", "keep"))
    for sign in (1, -1):  # always cooperates, always defects
        ego = {"logits": sign * jnp.asarray([30.0, -30.0]) * jnp.ones((5, 1)), "values": jnp.zeros(5)}
        met = opponents_like(other, [NAIVE] * 2)
        outcomes = play(jax.random.key(0), ego, met, hyper, rollout=rollout, keep=ego_trajectory).outcomes
        defection = np.asarray(outcomes["defection"])[..., 1]  # of two naive learners, by inner episode
        # 320 actions that are even at first, by one standard error .03; of ε = .1 half are cooperation.
        np.testing.assert_allclose(defection[:, 0].mean(), 0.5, atol=0.1)
        assert (defection[:, -5:].mean(1) > 0.9).all()


def test_beside_meta_agents_naive_ones_alone_go_by_their_tables() -> None:
    """Networks that cooperate, against tables at 0, which are even, and then learn."""
    rollout = rollout_of(GAME, TABLES, batch_size=64, inner_episodes=8, naive=coplayer("q-learning", game=GAME))
    cooperates = {"logits": jnp.asarray([30.0, -30.0]) * jnp.ones((5, 1)), "values": jnp.zeros(5)}
    hyper = naive_hyper(discount=0.5, learning_rate=0.3, own={"exploration": 0.0})
    play = jax.jit(play_meta_episodes, static_argnames=("rollout", "keep"))
    met = opponents_like(cooperates, [META, NAIVE, META])
    outcomes = play(jax.random.key(0), cooperates, met, hyper, rollout=rollout, keep=ego_trajectory).outcomes
    defection = np.asarray(outcomes["defection"])[..., 1]
    np.testing.assert_array_equal(defection[[0, 2]], 0)
    # 256 actions, one standard error .03; what has learnt does not explore.
    np.testing.assert_allclose(defection[1, 0], 0.5, atol=0.1)
    assert defection[1, -1] == 1


def test_the_table_of_algorithms_is_the_configurations() -> None:
    for algorithm, row in ALGORITHMS.items():
        config = NaiveConfig(algorithm=algorithm)
        assert set(config.own_numbers) == set(OWN[algorithm])
        assert set(row.keys) <= set(NaiveConfig.model_fields)
        assert coplayer(algorithm).differentiable == (algorithm == "a2c")


def test_the_papers_row_is_the_update_of_the_paper() -> None:
    assert coplayer("a2c", optimizer="sgd").update.func is a2c_with(sgd, TABLES).update.func
