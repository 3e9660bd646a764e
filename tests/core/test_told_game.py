"""A matrix game whose first player is told which strategy it meets."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support import a2c_with, going_by_outcomes, naive_hyper, opponents_like, rollout_of

from coalactl_core.configuration.experiment import SequenceExperiment
from coalactl_core.configuration.memory_one import MEMORY_ONE
from coalactl_core.configuration.sizes import NetworkConfig
from coalactl_core.envs.registry import build_environment
from coalactl_core.errors import ConfigurationError
from coalactl_core.learning.optimizers import sgd
from coalactl_core.nets.gru_policy import gru_policy
from coalactl_core.play.meta_episodes import first_trajectory, play_meta_episodes
from coalactl_core.play.rollout import Record
from coalactl_core.training.pieces import build_pieces
from coalactl_core.types import FIXED, META, EnvironmentState, Pairing

TOLD = {"opponent": "told"}


def experiment(**tables: object) -> SequenceExperiment:
    return SequenceExperiment.model_validate(
        {
            "environment": TOLD,
            "network": {"name": "gru", "width": 4, "embedding": 4},
            "rollout": {"meta_batch_size": 2, "batch_size": 3, "inner_episodes": 2, "inner_episode_length": 4},
            "compute": dict.fromkeys(("meta_batch_chunk", "trajectory_chunk", "naive_chunk", "agent_chunk"), 1)
            | {"run_chunk": 1, "devices": 1, "scan": "sequential"},
            **tables,
        }
    )


def test_the_start_tells_of_a_fixed_strategy_and_of_nobody_else() -> None:
    """To the first player, whose policy learns from the same states; the strategy itself plays as it is known."""
    game = build_environment(experiment())
    policy = gru_policy(NetworkConfig(name="gru", width=4, embedding=4), game.observation_size, 2)
    rollout = rollout_of(game, policy, 3, 2, naive=a2c_with(sgd, policy), learns=False)
    params = policy.init(jax.random.key(0))
    names = ["tit-for-tat", "always-defect"]
    strategies = going_by_outcomes([MEMORY_ONE[name] for name in names])
    opponents = opponents_like(params, [FIXED, META], strategies)
    record = play_meta_episodes(jax.random.key(1), params, opponents, naive_hyper(), rollout, first_trajectory).kept
    see = [jax.vmap(jax.vmap(jax.vmap(partial(game.observe, player=player)))) for player in (0, 1)]
    own, other = (np.asarray(of_player(record.state)) for of_player in see)
    chances = np.clip(MEMORY_ONE["tit-for-tat"], 1e-3, 1)
    against = np.clip(1 - np.asarray(MEMORY_ONE["tit-for-tat"]), 1e-3, 1)
    np.testing.assert_allclose(own[0, :, 0, 5:], np.broadcast_to(np.log([*chances, *against]), (2, 10)), rtol=1e-3)
    assert not own[0, :, 1:, 5:].any()
    assert not own[1, ..., 5:].any()
    assert not other[..., 5:].any()
    np.testing.assert_array_equal(own[..., :5].sum(-1), 1)
    played = np.asarray(record.actions)[0]
    np.testing.assert_array_equal(played[:, 1:, 1], played[:, :-1, 0])


def test_each_trajectory_is_told_of_its_own_strategy() -> None:
    pool = {
        "naive": 1,
        "fixed": [{"strategy": "random-tabular", "weight": 1.0}],
        "fixed_drawn": "trajectory",
    }
    pieces = build_pieces(experiment(population=pool))
    game, rollout = pieces.rollout.environment, pieces.rollout
    params = rollout.policy.init(jax.random.key(0))
    strategies = pieces.population.strategies[0]
    drawn = jax.vmap(jax.vmap(strategies.draw))(jax.random.split(jax.random.key(2), (2, 3)))
    opponents = opponents_like(params, [FIXED, FIXED], drawn)

    def keep(start: Pairing, records: Record) -> EnvironmentState:
        del start
        return records.state

    states = play_meta_episodes(jax.random.key(1), params, opponents, naive_hyper(), rollout, keep).kept
    told = jax.vmap(jax.vmap(lambda state: game.observe(state, 0)))(jax.tree.map(lambda leaf: leaf[:, 0, 0], states))
    np.testing.assert_allclose(jnp.exp(told[..., 5:10]), drawn.cooperation, atol=2e-3)


@pytest.mark.parametrize(
    ("tables", "words"),
    [
        ({"environment": {**TOLD, "boundary": "last-joint-action"}}, "a start tells another thing"),
        ({"population": {"fixed": [{"strategy": "gradual", "weight": 0.5}]}}, "'gradual' of population.fixed is no"),
    ],
)
def test_what_cannot_be_told_is_refused(tables, words) -> None:
    with pytest.raises((ConfigurationError, ValueError), match=words):
        build_pieces(experiment(**tables))
