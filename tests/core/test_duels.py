"""Duels whose outcomes are known: strategies as tables and as networks in either seat, and learners that learn."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support import a2c_with, going_by_outcomes, naive_hyper, reactive_policy, rollout_of

from coalactl_core.configuration.memory_one import MEMORY_ONE
from coalactl_core.envs.matrix_game import MatrixGame
from coalactl_core.layout.sharding import Shards
from coalactl_core.learning.optimizers import adam
from coalactl_core.play.duels import Duel, DuelSide, Player, play_duel, play_duels
from coalactl_core.play.evaluation import Lineup, evaluate
from coalactl_core.types import CARRIED, FORGOTTEN, NAIVE

pytestmark = pytest.mark.usefixtures("float64")

EPISODES, LENGTH, BATCH = 5, 6, 4
ENVIRONMENT = MatrixGame(episode_length=LENGTH)
POLICY = reactive_policy()
# A logit that makes an action certain: the other one's probability is below exp(-1000), which is 0.
CERTAIN = 1e3
TABLE, NETWORK = DuelSide(ENVIRONMENT.observe), DuelSide(ENVIRONMENT.observe, POLICY)
LEARNER = DuelSide(ENVIRONMENT.observe, POLICY, a2c_with(adam, POLICY))


def playing(name: str, side: DuelSide) -> Player:
    cooperation = np.asarray(MEMORY_ONE[name])
    probabilities = jnp.asarray(np.stack([cooperation, 1 - cooperation], -1))
    network = {"logits": CERTAIN * probabilities, "values": jnp.zeros(5)}
    return Player(going_by_outcomes(cooperation) if side is TABLE else network, jnp.asarray(FORGOTTEN))


def untaught(rate: float = 0.5) -> Player:
    params = {"logits": jnp.zeros((5, 2)), "values": jnp.zeros(5)}
    return Player(params, jnp.asarray(FORGOTTEN), naive_hyper(learning_rate=rate))


def played(players: tuple[Player, Player], sides: tuple[DuelSide, DuelSide], **sizes: Any) -> dict[str, np.ndarray]:
    duel = Duel(ENVIRONMENT, sides, **{"batch_size": BATCH, "inner_episodes": EPISODES, **sizes})
    return jax.tree.map(np.asarray, jax.jit(play_duel, static_argnums=2)(jax.random.key(0), players, duel))


@pytest.mark.parametrize("sides", [(TABLE, TABLE), (TABLE, NETWORK), (NETWORK, TABLE), (NETWORK, NETWORK)])
@pytest.mark.parametrize(
    ("own", "other", "rewards"),
    [
        ("tit-for-tat", "tit-for-tat", (1, 1)),
        ("always-defect", "always-cooperate", (2, -1)),
        # C D first, then both defect.
        ("grim", "always-defect", (-1 / LENGTH, 2 / LENGTH)),
    ],
)
def test_strategies_of_known_outcome_in_either_seat(sides, own, other, rewards) -> None:
    found = played((playing(own, sides[0]), playing(other, sides[1])), sides)
    np.testing.assert_allclose(found["reward"], np.broadcast_to(rewards, (EPISODES, 2)), atol=1e-12)


def test_learners_learn_in_both_seats() -> None:
    """Two learners in the dilemma; nobody else of the same sides does."""
    sizes = {"inner_episodes": 30, "batch_size": 64}
    found = played((untaught(), untaught()), (LEARNER, LEARNER), **sizes)
    # 64 x 6 samples of a fair coin: a standard error of .026.
    assert np.abs(found["defection"][0] - 0.5).max() < 0.1
    assert found["defection"][-1].min() > 0.9
    one = played((playing("always-defect", TABLE), untaught()), (TABLE, LEARNER), **sizes)
    assert (one["defection"][:, 0] == 1).all()
    assert one["defection"][-1, 1] > 0.9
    still = played((untaught(0.0), untaught()), (LEARNER, LEARNER), **sizes)
    assert abs(still["defection"][-1, 0] - 0.5) < 0.1


def test_a_duel_does_not_depend_on_those_beside_it() -> None:
    duel = Duel(ENVIRONMENT, (NETWORK, LEARNER), BATCH, EPISODES)
    keys = jax.random.split(jax.random.key(3), 4)
    own = POLICY.init(jax.random.key(1))
    players = Player(own, jnp.asarray(CARRIED)), untaught()
    many = jax.tree.map(lambda leaf: jnp.stack([leaf] * 4), players)
    together = play_duels(keys, many, duel=duel, shards=Shards())
    alone = play_duels(keys[2:3], jax.tree.map(lambda leaf: leaf[:1], many), duel=duel, shards=Shards())
    for name, values in together.items():
        np.testing.assert_allclose(values[2], alone[name][0], atol=1e-12)  # float64; sums in another order
    assert len({float(value) for value in together["reward"][:, 0]}) == 4


@pytest.mark.long
def test_play_is_that_of_evaluations() -> None:
    """An agent against naive learners: means over 400 meta-episodes of each agree to four standard errors."""
    agent, sizes = playing("tit-for-tat", NETWORK), 400
    duel = Duel(ENVIRONMENT, (NETWORK, LEARNER), BATCH, EPISODES)
    keys = jax.random.split(jax.random.key(5), sizes)
    many = jax.tree.map(lambda leaf: jnp.stack([leaf] * sizes), (agent, untaught()))
    ours = np.asarray(play_duels(keys, many, duel=duel, shards=Shards())["reward"])
    game = rollout_of(ENVIRONMENT, POLICY, BATCH, EPISODES, naive=a2c_with(adam, POLICY), learns=True)
    lineup = Lineup(kind=jnp.full((1, sizes), NAIVE), member=jnp.zeros((1, sizes), int), automata=None)
    bank = jax.tree.map(lambda leaf: leaf[None], untaught().params)
    hyper = naive_hyper(learning_rate=0.5)
    theirs = evaluate(jax.random.key(6), agent.params, bank, lineup, hyper, rollout=game).outcomes["reward"].mean(1)
    error = np.sqrt((ours.var(0) + np.asarray(theirs).var(0)) / sizes)
    assert (np.abs(ours.mean(0) - np.asarray(theirs).mean(0)) < 4 * error).all()
