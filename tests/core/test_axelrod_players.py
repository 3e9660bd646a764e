"""Trained agents in matches of the Axelrod library: they do what they do here, and are players as others are."""

from __future__ import annotations

from typing import Any

import jax
import pytest
from support import recurrent_policy

from coalactl_core.configuration.automata import OUTCOMES
from coalactl_core.envs.coin_game import CoinGame
from coalactl_core.envs.matrix_game import MatrixGame
from coalactl_core.opponents.from_axelrod import automaton_from_axelrod
from coalactl_core.play.agent_games import AgentGame
from coalactl_core.play.agents import Agent
from coalactl_core.play.policies import observe_of
from coalactl_core.play.rollout import Seat
from coalactl_core.types import CARRIED, FORGOTTEN

axelrod = pytest.importorskip("axelrod")

from coalactl.axelrod_players import TrainedPlayer, player_of  # noqa: E402

RECALLING = MatrixGame(episode_length=6, recalls=True)
POLICY = recurrent_policy()
SEED, ROUNDS = 5, 25


def agent_of(environment: Any = RECALLING, crossing: int = CARRIED) -> Agent:
    params = jax.tree.map(
        lambda leaf: 2 * jax.random.normal(jax.random.key(leaf.size), leaf.shape), POLICY.init(jax.random.key(0))
    )
    seat = Seat(observe=observe_of(environment, POLICY), policy=POLICY, crossing=crossing)
    return Agent(3, 0, AgentGame("matrix-game", environment, crossing), seat, params)


def own_loop(agent: Agent, name: str, turns: int | None) -> list[tuple[int, int]]:
    """The agent against a compiled strategy, as one would write it with this project alone."""
    automaton = automaton_from_axelrod(f"axelrod:{name}", ROUNDS)
    draws = axelrod.RandomGenerator(axelrod.RandomGenerator(SEED).random_seed_int())  # as a match seeds its player
    memory, state, played = agent.start(), 0, []
    for turn in range(ROUNDS):
        observation = agent.game.after(*played[-1]) if played else agent.game.start()
        if turns and turn and turn % turns == 0:
            memory, observation = agent.next_episode(memory), agent.game.start(played[-1])
        action, memory = agent.act(jax.random.key(int(draws.randint(2**31 - 1))), observation, memory)
        other = 1 - int(automaton.cooperation[state])
        played.append((int(action), other))
        state = automaton.following[state][OUTCOMES.index((other, int(action)))]
    return played


@pytest.mark.parametrize("crossing", [CARRIED, FORGOTTEN])
@pytest.mark.parametrize("turns", [None, 6])
def test_a_match_is_what_the_agent_does_against_the_compiled_strategy(crossing: int, turns: int | None) -> None:
    agent, matches = agent_of(crossing=crossing), []
    for name in ("Ripoff", "EvolvedFSM6", "Winner21", "TitFor2Tats"):
        players = player_of(agent, turns=turns), getattr(axelrod, name)()
        moves = axelrod.Match(players, turns=ROUNDS, seed=SEED).play()
        matches.append([(own.value, other.value) for own, other in moves])
        assert matches[-1] == own_loop(agent, name, turns), name
        assert len({own for own, _ in matches[-1]}) == 2
    assert matches[0] != matches[1]


def test_it_goes_by_what_was_played_where_there_is_noise() -> None:
    agent = agent_of()
    player = player_of(agent)
    match = axelrod.Match((player, axelrod.Grudger()), turns=ROUNDS, noise=0.3, seed=SEED)
    moves = [(own.value, other.value) for own, other in match.play()]
    memory, observation = agent.start(), agent.game.start()
    for pair in moves:
        _, memory = agent.act(jax.random.key(0), observation, memory)
        observation = agent.game.after(*pair)
    expected = float(agent.probabilities(observation, memory)[0])
    assert player.cooperation() == pytest.approx(expected, rel=1e-6)
    assert player.cooperation() == player.cooperation()


def test_it_plays_a_tournament_which_its_seed_decides() -> None:
    agent = agent_of()

    def played() -> Any:
        players = [player_of(agent), player_of(agent, name="six", turns=6), axelrod.TitForTat(), axelrod.Random()]
        tournament = axelrod.Tournament(players, turns=8, repetitions=2, seed=1)
        return tournament.play(progress_bar=False)

    first, again = played(), played()
    assert sorted(first.ranked_names) == ["Random: 0.5", "Tit For Tat", "agent-3", "six"]
    assert first.scores == again.scores
    assert first.normalised_cooperation == again.normalised_cooperation


def test_it_is_a_player_as_the_library_has_them() -> None:
    player = player_of(agent_of())
    assert (player.name, str(player)) == ("agent-3", "agent-3")
    assert axelrod.Classifiers["stochastic"](player)
    assert axelrod.Classifiers["memory_depth"](player) == float("inf")
    assert axelrod.Classifiers.obey_axelrod(player)
    axelrod.Match((player, axelrod.Alternator()), turns=4, seed=SEED).play()
    clone = player.clone()
    assert isinstance(clone, TrainedPlayer)
    assert clone.agent is player.agent
    assert clone != player
    assert len(clone.history) == 0
    player.reset()
    assert clone == player
    assert clone.cooperation() == player.cooperation()
    assert player_of(player.agent, turns=2) != player


def test_what_cannot_play_there_is_refused() -> None:
    game = AgentGame("coin-game", CoinGame(episode_length=6), CARRIED)
    coins = Agent(0, 0, game, agent_of().seat, agent_of().params)
    with pytest.raises(ValueError, match="agent: it plays coin-game; players of Axelrod play matrix games"):
        player_of(coins)
    with pytest.raises(ValueError, match="turns: 0 given; an inner episode has at least 1"):
        player_of(agent_of(), turns=0)
