"""Trained agents act as their policy decides, wherever they play; naive ones that learn and strategies do not."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support import going_by_outcomes, naive_hyper, reactive_policy, rollout_of

from coalactl_core.envs.matrix_game import MatrixGame
from coalactl_core.nets.policy import Policy
from coalactl_core.opponents.asked import AskedStrategy
from coalactl_core.opponents.population import opponents_of
from coalactl_core.play.agent_games import AgentGame
from coalactl_core.play.agents import Agent
from coalactl_core.play.asked_games import Sizes, play_asked
from coalactl_core.play.duels import Duel, DuelSide, Player, play_duel
from coalactl_core.play.rollout import Seat
from coalactl_core.play.trajectories import play_meta_trajectories
from coalactl_core.types import CARRIED, FIXED, META, NAIVE

pytestmark = pytest.mark.usefixtures("float64")

LENGTH, BATCH = 5, 4
GAME = MatrixGame(episode_length=LENGTH)
CERTAIN = 1e3


def defects(key: Any, prepared: Any, carry: Any, output: Any) -> Any:
    """The other way than the logits, by the memory after the observation; the key makes no difference but is there."""
    assert key.shape == carry.shape == ()
    return -output.logits + 0 * prepared["values"][carry]


PLAIN = reactive_policy()
DECIDING: Policy = PLAIN._replace(decide=defects)
# By its logits it always cooperates.
PARAMS = {"logits": jnp.broadcast_to(jnp.asarray([CERTAIN, 0.0]), (5, 2)), "values": jnp.zeros(5)}


@pytest.mark.parametrize(("policy", "own", "episodes"), [(PLAIN, 0, 1), (DECIDING, 1, 1), (DECIDING, 1, 2)])
def test_the_agent_and_trained_coplayers_do_so_in_training(policy: Policy, own: int, episodes: int) -> None:
    """Naive ones do where there is one inner episode, and they never learn: these were trained elsewhere."""
    kinds = jnp.asarray([META, NAIVE, FIXED])
    bank = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (3, *leaf.shape)), PARAMS)
    met = opponents_of(kinds, jnp.zeros(3, int), bank, automata=going_by_outcomes(jnp.ones((3, 5))))
    rollout = rollout_of(GAME, policy, BATCH, episodes, learns=False)
    found = play_meta_trajectories(jax.random.key(0), PARAMS, met, naive_hyper(), rollout)
    assert (found.trajectory.actions == own).all()
    np.testing.assert_array_equal(found.outcomes["defection"][:, 0, 0], [own] * 3)
    np.testing.assert_array_equal(found.outcomes["defection"][:, 0, 1], [own, own if episodes == 1 else 0, 0])
    np.testing.assert_allclose(found.trajectory.log_probs, 0, atol=1e-12)
    alone = rollout._replace(meets_agents=False)
    other = play_meta_trajectories(jax.random.key(0), PARAMS, met, naive_hyper(), alone)
    np.testing.assert_array_equal(other.outcomes["defection"][:, 0, 1], [0, 0, 0])


def test_they_do_so_in_duels_and_against_who_is_asked() -> None:
    side = DuelSide(GAME.observe, DECIDING)
    player = Player(PARAMS, jnp.asarray(CARRIED))
    duel = Duel(GAME, (side, side._replace(policy=PLAIN)), BATCH, 1)
    np.testing.assert_array_equal(play_duel(jax.random.key(0), (player, player), duel)["defection"], [[1, 0]])
    met = [AskedStrategy(lambda seed: Cooperating())]
    found = play_asked(jax.random.key(1), agent(), met, Sizes(BATCH, inner_episodes=2, episode_length=LENGTH))
    assert (found.outcomes["defection"][..., 0] == 1).all()
    assert found.cooperation is not None
    np.testing.assert_allclose(found.cooperation, 0, atol=1e-12)


class Cooperating:
    """It always cooperates, asked move by move."""

    def action(self) -> int:
        return 0

    def saw(self, own: int, other: int) -> None:
        """Whatever it was."""


def agent() -> Agent:
    seat = Seat(observe=GAME.observe, policy=DECIDING, crossing=CARRIED)
    return Agent(0, 0, AgentGame("matrix-game", GAME, CARRIED), seat, PARAMS)


def test_they_do_so_when_they_are_called() -> None:
    seen, own = np.asarray([[0, 1, 2], [3, 4, 0]]), agent()
    actions, _ = own.act(jax.random.key(0), seen, own.start(seen.shape))
    assert (np.asarray(actions) == 1).all()
    np.testing.assert_allclose(own.probabilities(seen, own.start(seen.shape))[..., 1], 1, atol=1e-12)
    assert own.player(0).act(0) == 1
