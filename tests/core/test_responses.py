"""Responses to players whose best response is known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support import a2c_with, naive_hyper, reactive_policy

from coalactl_core.configuration.automata import memory_one
from coalactl_core.configuration.memory_one import MEMORY_ONE
from coalactl_core.envs.matrix_game import MatrixGame
from coalactl_core.learning.optimizers import adam
from coalactl_core.opponents.automata import as_arrays
from coalactl_core.play.duels import Duel, DuelSide, Player
from coalactl_core.play.responses import train_response
from coalactl_core.types import FORGOTTEN

pytestmark = pytest.mark.usefixtures("float64")

POLICY = reactive_policy()
ENVIRONMENT = MatrixGame(episode_length=6)
BUDGET = 40


@pytest.mark.parametrize("remembers", [False, True])
def test_a_response_finds_what_is_best(remembers: bool) -> None:
    """To always-cooperate that is defection, 2 a step; one that starts with a fair coin earns 1.5."""
    frozen = Player(as_arrays(memory_one(MEMORY_ONE["always-cooperate"])), jnp.asarray(FORGOTTEN))
    params = {"logits": jnp.zeros((5, 2)), "values": jnp.zeros(5)}
    response = Player(params, jnp.asarray(FORGOTTEN), naive_hyper(learning_rate=0.3))
    sides = DuelSide(ENVIRONMENT.observe), DuelSide(ENVIRONMENT.observe, POLICY, a2c_with(adam, POLICY))
    duel = Duel(ENVIRONMENT, sides, batch_size=32, inner_episodes=3)
    found = np.asarray(
        train_response(jax.random.key(0), (frozen, response), duel=duel, remembers=remembers, meta_episodes=BUDGET)
    )
    assert found.shape == (BUDGET,)
    assert found[0] < 1.9
    assert found[-4:].mean() > 1.95
