"""What critics of the batch see, and when: all that is past, nothing else, and never their own iteration's answers."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from reference import batch_critic
from support import (
    going_by_outcomes,
    meta_hyper,
    naive_hyper,
    opponents_like,
    reactive_policy,
    rollout_of,
    score_function_updater,
)

from coalactl_core.credit import batch_critic as critics
from coalactl_core.credit.batch_critic import (
    CRITICS,
    RANDOM_FEATURES,
    Predictions,
    build_batch_critic,
    fresh_state,
    returns_from_starts,
)
from coalactl_core.envs.cleanup_lite import CleanUpLite
from coalactl_core.envs.matrix_game import MatrixGame
from coalactl_core.learning.update import LearningBatch, Losses
from coalactl_core.play.trajectories import play_meta_trajectories
from coalactl_core.rules import score_function as learners
from coalactl_core.rules.seam import Met, Numbers
from coalactl_core.types import (
    FIXED,
    META,
    NAIVE,
    CriticHyperparameters,
    Hyperparameters,
    Learner,
    MetaEpisode,
    Opponents,
    PopulationHyperparameters,
    Trajectory,
)

pytestmark = pytest.mark.usefixtures("float64")

EPISODES, LENGTH, BATCH = 4, 3, 2
MEASURES, PLAY = CRITICS
# Sums of some tens of numbers of order 1, or a small system solved, in float64.
close = partial(np.testing.assert_allclose, atol=1e-8, rtol=0)
KINDS = [NAIVE, META, NAIVE, FIXED, NAIVE]
GAME = MatrixGame(episode_length=LENGTH)
POLICY = reactive_policy()


def opponents() -> Opponents:
    return opponents_like(POLICY.init(jax.random.key(1)), KINDS, going_by_outcomes(jnp.full((len(KINDS), 5), 0.5)))


@jax.jit
def _played(key: jax.Array) -> MetaEpisode:
    rollout = rollout_of(GAME, POLICY, BATCH, EPISODES)
    hyper = naive_hyper(learning_rate=2.0)
    return play_meta_trajectories(key, POLICY.init(jax.random.key(0)), opponents(), hyper, rollout)


@pytest.fixture(scope="module")
def episodes() -> MetaEpisode:
    """Of the prisoner's dilemma, against every kind of opponent."""
    with jax.enable_x64(True):
        return jax.tree.map(np.asarray, _played(jax.random.key(2)))


# The last of them as in a game of many observations.
RANDOM = f"{PLAY}, random features"
VARIANTS = [*CRITICS, RANDOM]


def critic_of(variant: str, environment: Any = GAME) -> critics.BatchCritic:
    name, _, random = variant.partition(", ")
    with pytest.MonkeyPatch.context() as patch:
        if random:
            patch.setattr(critics, "MOST_CELLS", 1)
        return build_batch_critic(name, environment)


SEE = {variant: jax.jit(jax.vmap(critic_of(variant).see)) for variant in VARIANTS}


def see(name: str, episodes: MetaEpisode) -> np.ndarray:
    return np.asarray(SEE[name](episodes))


@pytest.mark.parametrize("name", CRITICS)
def test_what_a_critic_sees_is_counted_in_loops(episodes, name) -> None:
    """Of the inner episode before, on average so far, and the mean value now; nothing before the first."""
    found = see(name, episodes)
    states, actions, rewards, values = (
        np.asarray(getattr(episodes.trajectory, field)) for field in ("states", "actions", "rewards", "values")
    )
    for place in range(len(KINDS)):
        of_episodes = []
        for m in range(EPISODES):
            measures = [episodes.outcomes[measure][place, m] for measure in ("defection", "reward")]
            shares, earned = np.zeros((2, 5, 2))
            for step in range(m * LENGTH, (m + 1) * LENGTH):
                for b in range(BATCH):
                    cell = states[place, step, b], actions[place, step, b]
                    shares[cell] += 1 / (LENGTH * BATCH)
                    earned[cell] += rewards[place, step, b] / (LENGTH * BATCH)
            cells = [shares.ravel(), earned.ravel()] if name == PLAY else []
            of_episodes.append(np.concatenate([*measures, *cells]))
        for m in range(EPISODES):
            past = of_episodes[:m] or [np.zeros_like(of_episodes[0])]
            value = np.mean(values[place, m * LENGTH])
            close(found[place, m], [*past[-1], *np.mean(past, 0), value])


def test_random_features_hold_what_cells_hold(episodes) -> None:
    """A mean of an embedding is linear in how often each pair came, so one map takes shares and rewards of all pairs.

    With more features than pairs it loses nothing.
    """

    def of_last_episode(variant: str) -> tuple[np.ndarray, np.ndarray]:
        seen = see(variant, episodes)[:, 1:]
        measures, width = 4, {PLAY: 10, RANDOM: RANDOM_FEATURES}[variant]
        rows = seen[..., measures : measures + 2 * width].reshape(-1, 2, width)
        return rows[:, 0], rows[:, 1]

    cells, embedded = (np.concatenate(of_last_episode(variant)) for variant in (PLAY, RANDOM))
    embedding, *_ = np.linalg.lstsq(cells, embedded, rcond=None)
    close(cells @ embedding, embedded)
    assert np.linalg.matrix_rank(embedding) == np.linalg.matrix_rank(cells) >= 8


@pytest.mark.parametrize("name", VARIANTS)
def test_nothing_is_seen_before_it_happens(episodes, name) -> None:
    """Whatever happens in inner episode m, what is seen up to its start stays: it may be a baseline of its actions."""
    rng = np.random.default_rng(0)
    plain = see(name, episodes)
    for m in range(EPISODES):
        start = m * LENGTH
        trajectory = episodes.trajectory
        later = (slice(None), slice(start, None))
        changed = {field: np.array(getattr(trajectory, field)) for field in trajectory._fields}
        changed["states"][later] = rng.integers(0, 5, changed["states"][later].shape)
        changed["actions"][later] ^= 1
        changed["rewards"][later] += 1
        # The value at the start itself is of what was before.
        changed["values"][:, start + 1 :] += 1
        outcomes = {measure: np.array(values) for measure, values in episodes.outcomes.items()}
        for values in outcomes.values():
            values[:, m:] += 1
        found = see(name, MetaEpisode(trajectory._replace(**changed), outcomes))
        np.testing.assert_array_equal(found[:, : m + 1], plain[:, : m + 1])
        assert np.all(np.any(found[:, m + 1 :] != plain[:, m + 1 :], -1))


@pytest.mark.parametrize("name", VARIANTS)
def test_the_order_of_the_trajectories_does_not_matter(episodes, name) -> None:
    mirrored = jax.tree.map(lambda leaf: leaf[:, :, ::-1], episodes.trajectory)
    close(see(name, episodes._replace(trajectory=mirrored)), see(name, episodes))


@pytest.mark.parametrize("name", VARIANTS)
def test_measures_that_are_not_defined_tell_nothing(episodes, name) -> None:
    def with_defection(value: float) -> MetaEpisode:
        values = np.full((len(KINDS), EPISODES, 2), value)
        return episodes._replace(outcomes={**episodes.outcomes, "defection": values})

    for value in (np.nan, np.inf, -np.inf):
        np.testing.assert_array_equal(see(name, with_defection(value)), see(name, with_defection(0.0)))


ENVIRONMENTS = {
    "matrix-game": GAME,
    "recalling": MatrixGame(episode_length=LENGTH, recalls=True),
    "cleanup-lite": CleanUpLite(episode_length=LENGTH),
}


def features_of(critic: critics.BatchCritic, environment: Any) -> int:
    """How many it sees of what is played; traced, not played."""
    rollout = rollout_of(environment, POLICY, BATCH, EPISODES)
    episodes = jax.eval_shape(
        partial(play_meta_trajectories, rollout=rollout),
        jax.random.key(0),
        POLICY.init(jax.random.key(0)),
        opponents_like(POLICY.init(jax.random.key(1)), [NAIVE, META]),
        naive_hyper(),
    )
    count, starts, features = jax.eval_shape(jax.vmap(critic.see), episodes).shape
    assert (count, starts) == (2, EPISODES)
    return features


@pytest.mark.parametrize(
    ("environment", "width"), [("matrix-game", 10), ("recalling", 18), ("cleanup-lite", RANDOM_FEATURES)]
)
def test_in_every_environment_it_sees_as_many_features_as_it_says(environment, width) -> None:
    """A number for each pair of observation and action where they are few, else random features."""
    game = ENVIRONMENTS[environment]
    sizes = {variant: critic_of(variant, game).features for variant in VARIANTS}
    # How often and with what reward, in the inner episode before and on average.
    assert sizes[PLAY] == sizes[MEASURES] + 4 * width
    assert sizes[RANDOM] == sizes[MEASURES] + 4 * RANDOM_FEATURES
    for variant in VARIANTS:
        assert features_of(critic_of(variant, game), game) == sizes[variant]


# --- when it learns -------------------------------------------------------------------------------------------------

METHODS = {"coala-pg": True, "m-fos": False}
DISCOUNT = 0.9


def hypers(episode_lambda: float) -> Hyperparameters:
    """Of two agents."""
    critic = CriticHyperparameters(used=True, episode_lambda=episode_lambda)
    rows = [meta_hyper(method, critic=critic, discount=DISCOUNT, reward_scale=0.5) for method in METHODS]
    population = PopulationHyperparameters(p_naive=jnp.ones(()), fixed_weights=jnp.zeros(0))
    return Hyperparameters(
        meta=jax.tree.map(lambda *leaves: jnp.stack(leaves), *rows),
        naive=naive_hyper(),
        population=population,
        rules={},
    )


def learn_once(
    monkeypatch: pytest.MonkeyPatch, learner: Learner, episodes: MetaEpisode, episode_lambda: float
) -> tuple[Learner, np.ndarray, dict[str, np.ndarray]]:
    """Two agents that learn from the same meta-episodes: what they then are, their advantages, and their report."""
    critic = build_batch_critic(PLAY, GAME)

    def hand_over(key: Any, learner: Learner, batch: LearningBatch, hyper: Any, updater: Any) -> tuple[Learner, Losses]:
        del key, hyper, updater
        return learner._replace(params=batch.targets.advantages), Losses(*[jnp.zeros(())] * len(Losses._fields))

    monkeypatch.setattr(learners, "update_agent", hand_over)
    updater = score_function_updater(POLICY, GAME, len(KINDS))
    rule = learners.score_function_rule(updater, (NAIVE, META, FIXED), critic)
    apart = Trajectory(
        *(jnp.asarray(leaf).reshape(len(KINDS), EPISODES, LENGTH, *leaf.shape[2:]) for leaf in episodes.trajectory)
    )

    @jax.jit
    def update(learner: Learner) -> tuple[Learner, dict[str, jax.Array]]:
        met, hyper = Met(apart, episodes.outcomes, opponents()), hypers(episode_lambda)

        def of_agent(learner: Learner, own: Any) -> Any:
            return rule.update(jax.random.key(1), learner, met, Numbers(own, hyper.naive, {}))

        return jax.vmap(of_agent)(learner, hyper.meta)

    found, report = update(learner)
    return found, np.asarray(found.params), report


def test_of_an_iteration_it_expects_what_the_earlier_ones_taught_it(episodes, monkeypatch) -> None:
    """Nothing in the first, so that credit is what came; after that, what it predicts before it learns."""
    critic = build_batch_critic(PLAY, GAME)
    fresh = fresh_state(critic)
    state = jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), fresh)
    blank = Learner(params=jnp.zeros(2), opt_state=(), state=state)
    rewards = np.moveaxis(episodes.trajectory.rewards, 1, 2)
    naive = np.flatnonzero(np.asarray(KINDS) == NAIVE)

    def assert_credit(found: np.ndarray, expected: Predictions, episode_lambda: float) -> None:
        for agent, normalize in enumerate(METHODS.values()):
            for place in naive:
                at_starts, after_episodes = (0.5 * np.asarray(column)[place] for column in expected)
                numbers = DISCOUNT, episode_lambda, LENGTH, normalize
                exact = batch_critic.batch_critic_credit(0.5 * rewards[place], at_starts, after_episodes, *numbers)
                close(found[agent, place], exact.T)

    nothing = Predictions(*np.zeros((2, len(KINDS), EPISODES)))
    once, first, report = learn_once(monkeypatch, blank, episodes, 1.0)
    assert_credit(first, nothing, 1.0)
    close(report["batch_critic_explained_variance"], 0)
    whole = [batch_critic.batch_rewards(rewards[place], DISCOUNT, LENGTH) for place in range(len(KINDS))]
    wanted = returns_from_starts(jnp.asarray(whole), DISCOUNT**LENGTH)
    seen = see(PLAY, episodes)
    taught = jax.jit(critics.learn)(fresh, seen, wanted, np.asarray(KINDS) == NAIVE)
    for agent in range(2):
        jax.tree.map(lambda state, exact, agent=agent: close(state[agent], exact), once.state, taught)
    again = jax.tree.map(np.asarray, _played(jax.random.key(3)))
    rewards = np.moveaxis(again.trajectory.rewards, 1, 2)
    expected = jax.jit(critics.predict)(taught, see(PLAY, again))
    assert np.abs(expected.at_starts).max() > 0.1
    _, second, report = learn_once(monkeypatch, once, again, 0.3)
    assert_credit(second, expected, 0.3)
    assert np.all(report["batch_critic_explained_variance"] != 0)
