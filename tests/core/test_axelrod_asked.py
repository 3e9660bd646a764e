"""Strategies of the Axelrod library that Python asks: they do what the compiled ones do, and what the library's do."""

from __future__ import annotations

from itertools import product
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support import a2c_with, naive_hyper, recurrent_policy, rollout_of

from coalactl_core.envs.matrix_game import MatrixGame
from coalactl_core.errors import ConfigurationError
from coalactl_core.learning.optimizers import sgd
from coalactl_core.opponents.axelrod_library import PREFIX, kind_of, kinds, tournament_names
from coalactl_core.opponents.from_axelrod import NotFiniteError, asked_from_axelrod, automaton_from_axelrod
from coalactl_core.opponents.strategies import find_asked, find_strategy
from coalactl_core.play.agent_games import AgentGame
from coalactl_core.play.agents import Agent
from coalactl_core.play.asked_games import Sizes, play_asked
from coalactl_core.play.evaluation import Encounters, Lineup, evaluate, strategy_automata
from coalactl_core.play.policies import observe_of
from coalactl_core.play.rollout import Seat
from coalactl_core.types import CARRIED, FIXED

axelrod = pytest.importorskip("axelrod")

GAME = MatrixGame(episode_length=12)
POLICY = recurrent_policy()
SIZES = Sizes(batch_size=2, inner_episodes=3, episode_length=12)
CERTAIN = 1e4
DETERMINISTIC = (
    *("EvolvedFSM16", "Fortress4", "GoByMajority5", "HardTitFor2Tats", "Predator", "Raider", "Ripoff"),
    *("SecondByColbert", "TF2", "TitForTat+carried", "CyclerCCCDCD+carried", "Winner12+carried"),
)
CHANCE = ("Random", "GTFT", "FirstByJoss~0.1", "PSOGambler2_2_2", "ZDExtort2", "TitForTat~0.2", "SoftJoss+carried~0.05")


def agent_of(scale: float) -> Agent:
    params = POLICY.init(jax.random.key(3))
    params |= {"policy": scale * params["policy"]}
    seat = Seat(observe=observe_of(GAME, POLICY), policy=POLICY, crossing=CARRIED)
    return Agent(0, 0, AgentGame("matrix-game", GAME, CARRIED), seat, params)


def both(names: tuple[str, ...], count: int, scale: float) -> tuple[Encounters, Encounters]:
    """Asked and compiled, so many meta-episodes against each; leaves lead with them."""
    agent = agent_of(scale)
    asked = [find_asked(PREFIX + name) for name in names for _ in range(count)]
    ours = play_asked(jax.random.key(1), agent, asked, SIZES)
    rollout = rollout_of(GAME, POLICY, *SIZES[:2], naive=a2c_with(sgd, POLICY), learns=False)
    sizes: dict[str, Any] = {"episode_length": SIZES.episode_length, "inner_episodes": SIZES.inner_episodes}
    found = [(find_strategy(PREFIX + name, **sizes), count) for name in names]
    automata = jax.tree.map(lambda leaf: leaf[None], strategy_automata(jax.random.key(0), found))
    lineup = Lineup(jnp.full((1, len(asked)), FIXED), jnp.zeros((1, len(asked)), int), automata)
    bank = jax.tree.map(lambda leaf: leaf[None], agent.params)
    return ours, evaluate(jax.random.key(9), agent.params, bank, lineup, naive_hyper(), rollout=rollout)


def test_certain_ones_play_the_games_of_the_compiled_ones() -> None:
    ours, theirs = both(DETERMINISTIC, 1, CERTAIN)
    jax.tree.map(lambda own, other: np.testing.assert_allclose(own, other, atol=1e-5), ours, theirs)
    assert len(np.unique(ours.outcomes["reward"].reshape(len(DETERMINISTIC), -1), axis=0)) > len(DETERMINISTIC) / 2


def test_those_that_draw_play_as_the_compiled_ones_do_on_average() -> None:
    count = 60
    pairs = zip(*(each.outcomes["defection"] for each in both(CHANCE, count, 1.0)), strict=True)
    tables = [np.stack(side).reshape(len(CHANCE), count, -1) for side in zip(*pairs, strict=True)]
    difference = tables[0].mean(1) - tables[1].mean(1)
    # Each meta-episode is one draw; 4.5 standard errors for seven strategies, three inner episodes and both players.
    bound = 4.5 * np.sqrt(sum(table.var(1, ddof=1) for table in tables) / count) + 1e-6
    assert (np.abs(difference) < bound).all(), difference / bound


def test_an_asked_player_makes_the_moves_of_the_librarys_match() -> None:
    """Against a cycler that both meet; what draws does so from the match's seed."""
    for name, seed in product(("Grudger", "Gradual", "ShortMem", "APavlov2006", "CautiousQLearner"), (1, 2)):
        match = axelrod.Match((kind_of(name)(), axelrod.CyclerCCCDCD()), turns=60, seed=seed)
        moves = [(own.value, other.value) for own, other in match.play()]
        drawn = int(axelrod.RandomGenerator(seed).random_seed_int())  # as a match seeds its player
        player = asked_from_axelrod(name, match.match_attributes).begin(drawn)
        for own, other in moves:
            assert player.action() == own, name
            player.saw(own, other)


@pytest.mark.long
def test_all_of_the_tournament_can_be_asked_and_are_what_they_say() -> None:
    names = tournament_names()
    assert len(names) > 200
    assert {"Grudger", "Gradual", "TitForTat", "EvolvedANN", "EvolvedHMM5"} <= {*names}
    for name in names:
        player = kinds()[name]()
        assert "length" not in axelrod.Classifiers["makes_use_of"](player), name
        assert axelrod.Classifiers.obey_axelrod(player), name
        assert not axelrod.Classifiers["long_run_time"](player), name
    met = [asked_from_axelrod(name) for name in names]
    first, again = (play_asked(jax.random.key(0), agent_of(1.0), met, Sizes(1, 2, 12)) for _ in range(2))
    np.testing.assert_array_equal(first.outcomes["reward"], again.outcomes["reward"])


def test_who_does_not_play_fair_is_not_asked_either() -> None:
    for name, word in {"BackStabber": "length", "Darwin": "code", "Grudgr": "Grudger"}.items():
        with pytest.raises(ConfigurationError, match=word):
            find_asked(PREFIX + name)


def test_code_that_fails_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def strategy(self: Any, opponent: Any) -> Any:
        return self.nothing[0]

    monkeypatch.setattr(axelrod.Grudger, "strategy", strategy)
    with pytest.raises(ValueError, match=r"its code fails where it is asked \(AttributeError: .*nothing"):
        play_asked(jax.random.key(0), agent_of(1.0), [asked_from_axelrod("Grudger")], SIZES)


def test_why_one_is_not_compiled_is_found_out_once() -> None:
    for _ in range(2):
        with pytest.raises(NotFiniteError, match="all of a match"):
            automaton_from_axelrod(PREFIX + "Grudger", 10)
