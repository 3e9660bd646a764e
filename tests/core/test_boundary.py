"""What is seen at the boundary of inner episodes, where the environment recalls how the one before ended."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support import going_by_outcomes, keep_start, lola_of, naive_hyper, opponents_like, reactive_policy, rollout_of

from coalactl_core.configuration.experiment import SequenceExperiment
from coalactl_core.envs.matrix_game import MatrixGame
from coalactl_core.envs.registry import build_environment
from coalactl_core.errors import ConfigurationError
from coalactl_core.learning.optimizers import fresh_learner, sgd
from coalactl_core.nets.policy import Policy, PolicyOutput
from coalactl_core.opponents.a2c import naive_update
from coalactl_core.opponents.population import opponents_of
from coalactl_core.play.meta_episodes import play_meta_episodes
from coalactl_core.play.rollout import Rollout, Seat
from coalactl_core.play.trajectories import play_meta_trajectories
from coalactl_core.rules.look_ahead import Situation, look_ahead
from coalactl_core.types import FIXED, FORGOTTEN, META, NAIVE, Experience, Opponents, Pairing, Trajectory

pytestmark = pytest.mark.usefixtures("float64")

BATCH, EPISODES, LENGTH = 6, 5, 3
# Four different payoffs, so that rewards tell who did what.
PAYOFFS = ((3.0, -1.5), (4.0, 0.25))
RECALLING = MatrixGame(payoffs=PAYOFFS, episode_length=LENGTH, recalls=True)
ROWS = 9  # of a table over what may be seen: s0, four joint actions, s0 after each
# For each of them an action; s0 after CC, DC and DD is answered otherwise than s0.
TAUGHT = np.asarray([0, 1, 0, 1, 1, 1, 0, 1, 1])

OBSERVE = jax.vmap(RECALLING.observe, in_axes=(0, None))
played = jax.jit(play_meta_trajectories, static_argnames="rollout")
played_starts = jax.jit(partial(play_meta_episodes, keep=keep_start), static_argnames="rollout")


def table_policy() -> Policy:
    """Tables over the pairs of features that are 1."""
    plain = reactive_policy()

    def row(seen: jax.Array) -> jax.Array:
        start, last = seen[..., 0], seen[..., 1:]
        return jnp.where(jnp.any(last, -1), 1 + jnp.argmax(last, -1) + 4 * start.astype(int), 0)

    def init(key: jax.Array) -> Any:
        keys = jax.random.split(key)
        return {
            "logits": jax.random.normal(keys[0], (ROWS, 2), float),
            "values": jax.random.normal(keys[1], (ROWS,), float),
        }

    def step(params: Any, seen: jax.Array, carry: Any) -> tuple[PolicyOutput, Any]:
        place = row(seen)
        return PolicyOutput(logits=params["logits"][place], value=params["values"][place]), carry

    def unroll(params: Any, seen: jax.Array, carry: Any, resets: Any) -> tuple[PolicyOutput, Any]:
        assert resets is None
        return step(params, seen, carry)

    return plain._replace(init=init, step=step, unroll=unroll)


POLICY = table_policy()


def players() -> tuple[Any, Any]:
    """Tables of the ego agent and of its co-player, in float64 where that is on."""
    return POLICY.init(jax.random.key(1)), POLICY.init(jax.random.key(2))


def rollout(**changes: Any) -> Rollout:
    return rollout_of(RECALLING, POLICY, BATCH, EPISODES)._replace(**changes)


def play(rules: Rollout, opponents: Opponents, **hyper: Any) -> Any:
    episodes = played(jax.random.key(0), players()[0], opponents, naive_hyper(**hyper), rollout=rules)
    return jax.tree.map(np.asarray, episodes)


def certain(actions: np.ndarray) -> Any:
    return {"logits": jnp.asarray(1e3 * np.eye(2)[actions]), "values": jnp.zeros(len(actions))}


def both_actions(trajectory: Trajectory) -> np.ndarray:
    """Both players' actions, (meta_batch, episodes, episode_steps, batch, players), from actions and rewards."""
    actions = trajectory.actions.astype(int)
    other = np.where(trajectory.rewards == np.asarray(PAYOFFS)[actions, 0], 0, 1)
    both = np.stack([actions, other], -1)
    return both.reshape(len(both), EPISODES, LENGTH, BATCH, 2)


def seen_rows(both: np.ndarray, player: int, *, remembers: bool) -> np.ndarray:
    """An independent replay: the row of what a player sees before each step of these games."""
    own, other = both[..., player], both[..., 1 - player]
    rows = np.zeros(own.shape, int)
    for opponent, episode, step, trajectory in np.ndindex(rows.shape):
        if step:
            past = opponent, episode, step - 1, trajectory
            rows[opponent, episode, step, trajectory] = 1 + 2 * own[past] + other[past]
        elif episode and remembers:
            past = opponent, episode - 1, LENGTH - 1, trajectory
            rows[opponent, episode, step, trajectory] = 5 + 2 * own[past] + other[past]
    return rows


def test_the_ego_agent_acts_on_the_last_joint_action_of_its_own_trajectory() -> None:
    ego, other = players()
    opponents = opponents_like(other, [NAIVE, META, FIXED], going_by_outcomes(jnp.full((3, 5), 0.5)))
    trajectory = play(rollout(), opponents, learning_rate=0.3).trajectory
    both = both_actions(trajectory)
    rows = seen_rows(both, 0, remembers=True)
    assert set(rows[:, 1:, 0].ravel()) == {5, 6, 7, 8}
    logits = np.asarray(jax.nn.log_softmax(ego["logits"]))
    expected = np.take_along_axis(logits[rows], both[..., :1], -1)[..., 0]
    np.testing.assert_allclose(trajectory.log_probs.reshape(rows.shape), expected, atol=1e-12)
    # What the learner sees when it goes over the stored states again.
    features = np.asarray(OBSERVE(jnp.asarray(trajectory.states.ravel()), 0)).reshape(*rows.shape, 5)
    shown = np.concatenate([np.eye(5), np.eye(5)[:1] + np.eye(5)[1:]])
    np.testing.assert_array_equal(features, shown[rows])


def test_meta_co_players_see_it_from_their_side_and_those_who_know_the_inner_episode_alone_see_s0() -> None:
    opponents = opponents_like(certain(TAUGHT), [NAIVE, META, FIXED])
    opponents = opponents._replace(automata=going_by_outcomes(jnp.broadcast_to(1 - TAUGHT[:5], (3, 5))))
    both = both_actions(play(rollout(), opponents, learning_rate=0.0).trajectory)
    known, hidden = (TAUGHT[seen_rows(both, 1, remembers=remembers)] for remembers in (True, False))
    assert (known != hidden).any()
    for place, expected in enumerate((hidden, known, hidden)):
        np.testing.assert_array_equal(both[place, ..., 1], expected[place])


def test_naive_co_players_learn_from_what_they_saw() -> None:
    """Their tables after each update are those of updates on the independent replay's observations."""
    other, hyper = players()[1], naive_hyper(learning_rate=2.0)
    opponents = opponents_like(other, [NAIVE, NAIVE])
    both = both_actions(play(rollout(), opponents, learning_rate=2.0).trajectory)
    starts = played_starts(
        jax.random.key(0), players()[0], opponents, naive_hyper(learning_rate=2.0), rollout=rollout()
    )
    params = np.asarray(starts.kept.learner.params["logits"])
    rows = seen_rows(both, 1, remembers=False)
    update = jax.jit(naive_update, static_argnames=("policy", "optimizer"))
    for opponent in range(2):
        learner = fresh_learner(sgd, other)
        for episode in range(EPISODES - 1):
            theirs, own = np.moveaxis(both[opponent, episode], -1, 0)
            experience = Experience(
                observations=jnp.eye(5)[rows[opponent, episode]],
                actions=jnp.asarray(own),
                rewards=jnp.asarray(np.asarray(PAYOFFS)[own, theirs]),
            )
            learner = update(learner, experience, hyper, policy=POLICY, optimizer=sgd)
            np.testing.assert_allclose(params[opponent, episode + 1], learner.params["logits"], atol=1e-12)
    moved = np.abs(params[:, -1] - other["logits"]).max((0, 2))
    assert (moved[:5] > 1e-3).all()
    assert (moved[5:] == 0).all()


@pytest.mark.long
def test_where_nobody_remembers_it_the_game_is_the_one_that_hides_it() -> None:
    hiding = RECALLING._replace(recalls=False)
    opponents = opponents_like(players()[1], [NAIVE, META])
    forgetful = rollout(crossing=FORGOTTEN, coplayer=Seat(observe=RECALLING.observe, policy=POLICY, crossing=FORGOTTEN))
    recalling = play(forgetful, opponents, learning_rate=0.3)
    plain = play(rollout(environment=hiding, observe=hiding.observe), opponents, learning_rate=0.3)
    assert (recalling.trajectory.states > 4).any()
    for name in ("actions", "rewards", "log_probs"):
        np.testing.assert_array_equal(getattr(recalling.trajectory, name), getattr(plain.trajectory, name))


@pytest.mark.parametrize("kind", [NAIVE, META])
def test_look_aheads_move_what_the_co_player_acted_on(kind: int) -> None:
    """They start where the inner episode before has ended; of the starts a co-player learns about those that it saw."""
    rules, (ego, other) = rollout(inner_episodes=2), players()
    opponent = opponents_of(jnp.asarray(kind), jnp.asarray(0), ())
    carry = jnp.zeros(BATCH, int)
    last = jnp.asarray([1, 3] * (BATCH // 2), jnp.int8)  # CC and DC to the ego agent, CC and CD to its co-player
    start = Pairing(learner=fresh_learner(sgd, other), ego_carry=carry, coplayer_carry=carry, last=last)
    situation = Situation(key=jax.random.key(0), opponent=opponent, start=start)
    after = jax.jit(lambda: look_ahead(ego, situation, naive_hyper(), lola_of(rules)))()
    moved = np.abs(np.asarray(after.params["logits"] - other["logits"])).max(-1) > 0
    np.testing.assert_array_equal(moved[[0, 5, 6, 7, 8]], np.isin([0, 5, 6, 7, 8], [0] if kind == NAIVE else [5, 6]))


def test_the_key_decides_it() -> None:
    for boundary, recalls in (("hidden", False), ("last-joint-action", True)):
        tables = {"environment": {"boundary": boundary}}
        environment = build_environment(SequenceExperiment.model_validate(tables))
        assert isinstance(environment, MatrixGame)
        assert environment.recalls == recalls
    with pytest.raises((ConfigurationError, ValueError), match="boundary"):
        SequenceExperiment.model_validate({"environment": {"boundary": "visible"}})
