"""Opponents that Python asks one by one: the games are those that the engine plays, step by step."""

from __future__ import annotations

from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support import a2c_with, naive_hyper, recurrent_policy, rollout_of

from coalactl_core.configuration.automata import OUTCOMES, Automaton, automaton_of
from coalactl_core.configuration.strategies import WITH_MEMORY
from coalactl_core.envs.matrix_game import MatrixGame
from coalactl_core.learning.optimizers import sgd
from coalactl_core.opponents.asked import AskedStrategy
from coalactl_core.opponents.strategies import Strategy
from coalactl_core.play import asked_games
from coalactl_core.play.agent_games import AgentGame
from coalactl_core.play.agents import Agent
from coalactl_core.play.asked_games import Sizes, play_asked, steps_of
from coalactl_core.play.evaluation import Encounters, Lineup, evaluate, strategy_automata
from coalactl_core.play.policies import observe_of
from coalactl_core.play.rollout import Seat
from coalactl_core.types import CARRIED, FIXED, FORGOTTEN, SHARED

GAME = MatrixGame(episode_length=6, recalls=True)
POLICY = recurrent_policy()
SIZES = Sizes(batch_size=2, inner_episodes=3, episode_length=6)
MOVES = SIZES.inner_episodes * SIZES.episode_length
# Logits that make an action certain.
CERTAIN = 1e4
AUTOMATA = {name: automaton_of(WITH_MEMORY[name].rule, MOVES) for name in ("tit-for-two-tats", "gradual", "mem-2")}
AUTOMATA["alternating"] = Automaton((1.0, 0.0), ((1,) * 4, (0,) * 4))
PLAYERS = [(automaton, carried) for automaton in AUTOMATA.values() for carried in (False, True)]


class Playing:
    """An automaton without chance, asked move by move."""

    begun: int = 0

    def __init__(self, automaton: Automaton, seed: int) -> None:
        del seed
        self.automaton, self.state = automaton, 0
        Playing.begun += 1

    def action(self) -> int:
        return 1 - int(self.automaton.cooperation[self.state])

    def saw(self, own: int, other: int) -> None:
        self.state = self.automaton.following[self.state][OUTCOMES.index((own, other))]


class Drawing:
    """Cooperates by chance; what it saw is kept."""

    def __init__(self, seed: int) -> None:
        self.draws = np.random.default_rng(seed)

    def action(self) -> int:
        return int(self.draws.random() < 0.5)

    def saw(self, own: int, other: int) -> None:
        assert {own, other} <= {0, 1}


def asked(automaton: Automaton, **more: Any) -> AskedStrategy:
    return AskedStrategy(lambda seed: Playing(automaton, seed), **more)


def params_of(scale: float) -> Any:
    params = POLICY.init(jax.random.key(3))
    return params | {"policy": scale * params["policy"]}


def agent_of(crossing: int = CARRIED, scale: float = 1.0) -> Agent:
    seat = Seat(observe=observe_of(GAME, POLICY), policy=POLICY, crossing=crossing)
    return Agent(0, 0, AgentGame("matrix-game", GAME, crossing), seat, params_of(scale))


@cache
def compiled(crossing: int) -> Encounters:
    """The agent against each automaton, once as it is and once carried."""
    rollout = rollout_of(
        GAME,
        POLICY,
        SIZES.batch_size,
        SIZES.inner_episodes,
        naive=a2c_with(sgd, POLICY),
        learns=False,
        crossing=crossing,
    )
    strategies = [(Strategy(each, len(each.cooperation), carried=carried), 1) for each, carried in PLAYERS]
    count = len(strategies)
    automata = jax.tree.map(lambda leaf: leaf[None], strategy_automata(jax.random.key(0), strategies))
    lineup = Lineup(jnp.full((1, count), FIXED), jnp.zeros((1, count), int), automata)
    params = params_of(CERTAIN)
    bank = jax.tree.map(lambda leaf: leaf[None], params)
    return evaluate(jax.random.key(9), params, bank, lineup, naive_hyper(), rollout=rollout)


@pytest.mark.parametrize("crossing", [CARRIED, FORGOTTEN, SHARED])
def test_certain_games_are_those_of_the_engine(crossing: int) -> None:
    met = [asked(automaton, carried=carried) for automaton, carried in PLAYERS]
    ours = play_asked(jax.random.key(1), agent_of(crossing, CERTAIN), met, SIZES)
    theirs = compiled(crossing)
    jax.tree.map(lambda own, other: np.testing.assert_allclose(own, other, atol=1e-5), ours, theirs)
    assert len(np.unique(ours.outcomes["reward"].reshape(len(met), -1), axis=0)) > 4


def test_each_inner_episode_has_a_fresh_player_and_a_carried_one_plays_on() -> None:
    for carried, expected in ((False, SIZES.inner_episodes), (True, 1)):
        Playing.begun = 0
        play_asked(jax.random.key(1), agent_of(), [asked(AUTOMATA["mem-2"], carried=carried)], SIZES)
        assert Playing.begun == expected * SIZES.batch_size


def test_the_seed_decides_all_draws() -> None:
    met = [AskedStrategy(Drawing, noise=0.1)] * 3

    def played(seed: int) -> np.ndarray:
        return np.asarray(play_asked(jax.random.key(seed), agent_of(), met, SIZES).outcomes["reward"])

    first = played(1)
    np.testing.assert_array_equal(first, played(1))
    assert (first != played(2)).any()
    assert len({each.tobytes() for each in first}) == len(met)


def test_noise_flips_an_action_as_often_as_it_says() -> None:
    always = asked(Automaton((1.0,), ((0,) * 4,)), noise=0.25)
    count = 40
    found = play_asked(jax.random.key(0), agent_of(), [always] * count, SIZES)
    flips, moves = found.outcomes["defection"][..., 1].mean(), count * SIZES.batch_size * MOVES
    assert abs(flips - 0.25) < 4 * np.sqrt(0.25 * 0.75 / moves)


def test_many_games_are_advanced_in_parts_of_which_every_step_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asked_games, "AT_ONCE", 4 * SIZES.batch_size)
    met, steps = [asked(each, carried=carried) for each, carried in PLAYERS], []
    found = play_asked(jax.random.key(1), agent_of(scale=CERTAIN), met, SIZES, lambda: steps.append(1))
    assert len(steps) == steps_of(met, SIZES) == 2 * MOVES
    np.testing.assert_allclose(found.outcomes["reward"], compiled(CARRIED).outcomes["reward"], atol=1e-6)
