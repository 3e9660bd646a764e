"""What the table of games says of each is what its environment is."""

from __future__ import annotations

import jax
import pytest

from coalactl_core import SequenceExperiment
from coalactl_core.envs.base import DerivesMeasures, FewObservations, MemoryOneGame
from coalactl_core.envs.registry import build_environment
from coalactl_core.games import GAMES, words_of
from coalactl_core.measures import is_name


@pytest.mark.parametrize("name", GAMES)
def test_the_row_of_a_game_tells_what_it_is(name: str) -> None:
    game = build_environment(SequenceExperiment.model_validate({"environment": {"name": name}}))
    key, actions = jax.random.key(0), jax.numpy.zeros(2, int)
    state = game.reset(key)
    _, rewards, events = game.step(key, state, actions)
    measures = game.describe(state, actions, events)
    derived = game.derive({"reward": rewards, **measures}) if isinstance(game, DerivesMeasures) else {}
    row = words_of(name)
    assert set(row.own_measures) == {*measures, *derived}
    assert all(map(is_name, row.own_measures))
    assert row.memory_one == isinstance(game, MemoryOneGame)
    assert row.few_observations == isinstance(game, FewObservations)


def test_of_other_games_nothing_is_known() -> None:
    row = words_of("bargaining:Bargaining")
    assert (row.own_measures, row.memory_one, row.few_observations) == ((), False, False)
