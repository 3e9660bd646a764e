"""Fixed strategies with memory: each against its definition in words, move by move, in either seat and in training."""

from __future__ import annotations

import random
import sys
import types
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import product
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from reference.strategies import DEFINITIONS, C, D, Moves
from support import a2c_with, naive_hyper, opponents_like, reactive_policy, rollout_of

from coalactl_core.configuration.automata import MOST_STATES, OUTCOMES, Automaton, automaton_of
from coalactl_core.configuration.memory_one import MEMORY_ONE
from coalactl_core.configuration.population import PopulationConfig
from coalactl_core.configuration.sizes import RolloutConfig
from coalactl_core.configuration.strategies import (
    CLASSIC,
    FAMILIES,
    WITH_MEMORY,
    is_strategy,
    names,
    rule_of,
    summaries,
)
from coalactl_core.envs.matrix_game import MatrixGame
from coalactl_core.errors import ConfigurationError
from coalactl_core.learning.optimizers import sgd
from coalactl_core.opponents.automata import crossing, stacked
from coalactl_core.opponents.population import build_population, sample_opponents
from coalactl_core.opponents.strategies import Strategy, find_strategy
from coalactl_core.play.duels import Duel, DuelSide, Player, fresh, play_meta_episode
from coalactl_core.play.meta_episodes import play_meta_episodes
from coalactl_core.types import FIXED, Automata, Learner, PopulationHyperparameters

LENGTH, EPISODES, BATCH = 40, 2, 3
ENVIRONMENT = MatrixGame(episode_length=LENGTH)
SIZES = RolloutConfig(meta_batch_size=204, inner_episodes=EPISODES)

CERTAIN = [name for name in DEFINITIONS if name in WITH_MEMORY or name in ("tit-for-tat", "suspicious-tit-for-tat")]


def found(written: str, **sizes: int) -> Strategy:
    return find_strategy(written, **{"episode_length": LENGTH, "inner_episodes": EPISODES, **sizes})


def drawn(*written: str) -> Automata:
    return stacked([found(each).draw(jax.random.key(0)) for each in written])


def moved(automaton: Automaton, own: Moves, other: Moves) -> list[float]:
    """Its probabilities of cooperating along a game, by the table alone."""
    state, told = 0, []
    for pair in [*zip(own, other, strict=True), None]:
        told.append(automaton.cooperation[state])
        if pair is not None:
            state = automaton.following[state][OUTCOMES.index(pair)]
    return told


# --- each is what its definition says --------------------------------------------------------------------------------


def test_all_have_a_definition_here() -> None:
    assert {*names()} - {"random-tabular"} <= {*DEFINITIONS}
    assert {*CLASSIC} == {*MEMORY_ONE}
    assert len([*summaries()]) == len(names()) + len(FAMILIES)
    for family in FAMILIES.values():
        assert rule_of(family.example) is not None


@pytest.mark.parametrize("name", DEFINITIONS)
def test_probabilities_are_those_of_the_definition(name: str) -> None:
    """Whatever the other does, and itself, as where its action was flipped; at every move up to the last one."""
    source = found(name).source
    assert isinstance(source, Automaton)
    for own, other in games(DEFINITIONS[name]):
        expected = [DEFINITIONS[name](own[:step], other[:step]) for step in range(LENGTH)]
        np.testing.assert_allclose(moved(source, own, other), expected, atol=1e-12)


def games(definition: Callable[[Moves, Moves], float]) -> Iterator[tuple[Moves, Moves]]:
    """The other plays by chances of all sizes, or what leads farthest; the strategy plays as it does, or at random."""
    draws = random.Random(0)
    others = [[int(draws.random() < chance) for _ in range(LENGTH - 1)] for chance in (0.1, 0.3, 0.5, 0.7, 0.9) * 3]
    others += [[C] * (LENGTH - 1), [D] * (LENGTH - 1), [step % 2 for step in range(LENGTH - 1)]]
    for other in others:
        yield [draws.choice((C, D)) for _ in other], other
        own: Moves = []
        for step in range(len(other)):
            own.append(int(draws.random() >= definition(own, other[:step])))
        yield own, other


@pytest.mark.parametrize("name", ["gradual", "soft-majority", "hard-majority"])
def test_counters_have_states_for_the_moves_that_there_are(name: str) -> None:
    """One move more takes more states, and a longer game's automaton plays a shorter one alike."""
    rule = WITH_MEMORY[name].rule
    sizes = [len(automaton_of(rule, moves).cooperation) for moves in (1, 10, 11, 40)]
    assert sizes == sorted({*sizes})
    assert sizes[0] == 1
    if name != "gradual":
        assert sizes[1] == 2 * 10 - 1
    short, long = automaton_of(rule, 10), automaton_of(rule, 40)
    for actions in product((C, D), repeat=9):
        own, other = [*actions], [*reversed(actions)]
        assert moved(short, own, other) == moved(long, own, other)
    with pytest.raises(ConfigurationError, match=rf"'hard-majority\+carried': more than {MOST_STATES} states in 10000"):
        found("hard-majority+carried", episode_length=100, inner_episodes=100)
    assert found("hard-majority+carried").states == 2 * LENGTH * EPISODES - 1
    assert found("hard-majority", episode_length=100, inner_episodes=100).states == 199


# --- and played so ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def play() -> Any:
    """All strategies against an agent that acts at random; actions (strategy, inner episode, step, batch, player)."""
    policy = reactive_policy()
    rollout = rollout_of(ENVIRONMENT, policy, BATCH, EPISODES, naive=a2c_with(sgd, policy), learns=False)
    params = {"logits": jnp.zeros((5, 2)), "values": jnp.zeros(5)}

    @jax.jit
    def played(automata: Automata) -> Any:
        opponents = opponents_like(params, [FIXED] * automata.cooperation.shape[0], automata)
        return play_meta_episodes(
            jax.random.key(1), params, opponents, naive_hyper(), rollout, lambda start, records: records.actions
        ).kept

    return played


def expected_moves(name: str, own: np.ndarray, other: np.ndarray) -> list[int]:
    return [int(not DEFINITIONS[name]([*own[:step]], [*other[:step]])) for step in range(len(own))]


def test_a_mixture_is_one_program_played_move_by_move_and_afresh_in_each_inner_episode_or_not(play: Any) -> None:
    automata = drawn(*CERTAIN, *(f"{name}+carried" for name in CERTAIN))
    actions = np.asarray(play(automata))
    for number, name in enumerate(CERTAIN):
        for trajectory in range(BATCH):
            other, own = np.moveaxis(actions[number, ..., trajectory, :], -1, 0)
            for episode in range(EPISODES):
                assert [*own[episode]] == expected_moves(name, own[episode], other[episode]), name
            other, own = np.moveaxis(actions[len(CERTAIN) + number, ..., trajectory, :].reshape(-1, 2), -1, 0)
            assert [*own] == expected_moves(name, own, other), name
    # Other strategies of as many states are other data: nothing is compiled anew.
    again = np.asarray(play(jax.tree.map(lambda leaf: leaf[::-1], automata)))
    assert (again != actions).any()
    assert play._cache_size() == 1


def duels(automata: Automata, firsts: Sequence[int], seconds: Sequence[int], duel: Duel) -> np.ndarray:
    """Actions of duels between automata by their places, (duels, inner_episodes, steps, players)."""

    @jax.jit
    @jax.vmap
    def played(places: jax.Array) -> Any:
        taken = [jax.tree.map(lambda leaf, place=place: leaf[place], automata) for place in places]
        players = Player(taken[0], crossing(taken[0])), Player(taken[1], crossing(taken[1]))
        start = fresh(players, duel)
        return play_meta_episode(jax.random.key(0), players, start, duel, keep=lambda records: records.actions)[1][0]

    return np.asarray(played(jnp.stack([jnp.asarray(firsts), jnp.asarray(seconds)], -1)))[:, :, :, 0]


def test_everybody_plays_everybody_in_either_seat() -> None:
    side = DuelSide(ENVIRONMENT.observe)
    pairs = [*product(range(len(CERTAIN)), repeat=2)]
    actions = duels(drawn(*CERTAIN), *zip(*pairs, strict=True), Duel(ENVIRONMENT, (side, side), 1, 1))[:, 0]
    for pair, moves in zip(pairs, actions, strict=True):
        own: tuple[Moves, Moves] = ([], [])
        for _ in range(LENGTH):
            both = [DEFINITIONS[CERTAIN[place]](own[seat], own[1 - seat]) for seat, place in enumerate(pair)]
            for seat, probability in enumerate(both):
                own[seat].append(int(not probability))
        assert moves.T.tolist() == [*own], [CERTAIN[place] for place in pair]


def test_a_carried_memory_crosses_inner_episodes_in_duels_too() -> None:
    environment = ENVIRONMENT._replace(episode_length=3)
    side = DuelSide(environment.observe)
    alternating = Strategy(Automaton((0.0, 1.0), [[1] * 4, [0] * 4], carried=True), 2).draw(jax.random.key(0))
    counting = [found(f"soft-majority{behind}").draw(jax.random.key(0)) for behind in ("", "+carried")]
    actions = duels(stacked([*counting, alternating]), (0, 1), (2, 2), Duel(environment, (side, side), 1, 3))
    # D C D | C D C | D C D: after each odd number of moves it has defected more often than not.
    assert actions[..., 1].reshape(2, -1).tolist() == [[1, 0, 1, 0, 1, 0, 1, 0, 1]] * 2
    assert actions[0, ..., 0].tolist() == [[0, 1, 0], [0, 0, 0], [0, 1, 0]]
    assert actions[1, ..., 0].tolist() == [[0, 1, 0], [1, 0, 1], [0, 1, 0]]


def test_noise_flips_actions_and_the_automaton_goes_by_what_was_played() -> None:
    plain, noisy = (drawn(name) for name in ("gradual", "gradual~0.125"))
    np.testing.assert_allclose(noisy.cooperation, np.where(plain.cooperation == 1, 0.875, 0.125), rtol=1e-6)
    np.testing.assert_array_equal(noisy.following, plain.following)
    many = [
        Strategy(found("random-tabular").source, 5, noise=0.5).draw(key)
        for key in jax.random.split(jax.random.key(0), 3)
    ]
    np.testing.assert_allclose([each.cooperation for each in many], 0.5, rtol=1e-6)
    assert drawn("random-tabular+carried~0.1").carried


# --- in pools ---------------------------------------------------------------------------------------------------------


def test_a_pool_of_a_hundred_automata_is_traced_once_and_each_is_met(play: Any, monkeypatch: Any) -> None:
    """Rows of one table; strategies that draw are called once, for all opponents. All play by their probabilities."""
    numbers = np.random.default_rng(0)
    hundred = [
        Automaton(numbers.random(size), numbers.integers(0, size, (size, 4)), bool(numbers.integers(2)))
        for size in numbers.integers(1, 9, 100)
    ]
    module = types.ModuleType("of_many")
    monkeypatch.setitem(sys.modules, "of_many", module)
    for number, automaton in enumerate(hundred):
        setattr(module, f"a{number}", automaton)
    calls = []

    def mine(key: Any) -> Automaton:
        calls.append(key)
        return Automaton(jax.random.uniform(key, (2,)), jnp.asarray([[0, 1, 0, 1]] * 2))

    module.mine = mine  # type: ignore[attr-defined]
    fixed = [{"strategy": f"of_many:{name}", "weight": 1 / 102} for name in (*(f"a{n}" for n in range(100)), "mine")]
    config = PopulationConfig(fixed=(*fixed, {"strategy": "random-tabular", "weight": 1 / 102}), stratified=True)
    population = build_population(config, SIZES, ENVIRONMENT)
    assert hash(population) == hash(build_population(config, SIZES, ENVIRONMENT))
    calls.clear()
    weights = jnp.asarray([each.weight for each in config.fixed])
    hyper = PopulationHyperparameters(jnp.asarray(1.0), weights)
    learner = Learner({"name": jnp.zeros(10)})
    draw = jax.jit(partial(sample_opponents, population=population))
    opponents = draw(jax.random.key(0), jnp.asarray(0), {"name": jnp.zeros(1)}, learner, hyper)
    assert (opponents.kind == FIXED).all()
    # For the shape of the table, and mapped over the opponents.
    assert len(calls) == 2
    assert np.bincount(opponents.number).tolist() == [2] * 102
    for place, number in enumerate(np.asarray(opponents.number)[:200]):
        automaton, states = hundred[number], len(hundred[number].cooperation)
        np.testing.assert_allclose(opponents.automata.cooperation[place, :states], automaton.cooperation, rtol=1e-6)
        np.testing.assert_array_equal(opponents.automata.following[place, :states], automaton.following)
        assert bool(opponents.automata.carried[place]) == automaton.carried
    assert len({float(each) for each in opponents.automata.cooperation[200:, 0]}) == 4
    actions = np.asarray(play(opponents.automata))[:200]
    excess, variance = 0.0, 0.0
    for number, moves in zip(np.asarray(opponents.number), actions, strict=False):
        parts = [moves.reshape(-1, BATCH, 2)] if hundred[number].carried else moves
        for other, own in (part[:, trajectory].T for part in parts for trajectory in range(BATCH)):
            probabilities = np.asarray(moved(hundred[number], own[:-1], other[:-1]))
            excess += np.sum((own == C) - probabilities)
            variance += np.sum(probabilities * (1 - probabilities))
    # 48,000 actions: a standard error of some hundred.
    assert abs(excess) < 4 * variance**0.5


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("tit-for-two-tat", "'tit-for-two-tat' is unknown; did you mean 'tit-for-two-tats'?"),
        ("gradul~0.05", "did you mean 'gradual'?"),
        ("gradual~", "'gradual~': its noise is a number above 0 and at most 0.5, as in gradual~0.05"),
        ("gradual~0.6", "its noise is a number above 0"),
        ("gradual~0.1+carried", "its noise is a number above 0"),
        ("reactive-1-2", "'reactive-1-2': its numbers are probabilities, from 0 to 1, as in reactive-1-0.3"),
        ("pavlov-0", "its number is from 1 to 100, as in pavlov-10"),
        ("gradual+kept", "did you mean 'gradual'?"),
    ],
)
def test_a_mistake_is_told_with_what_is_meant(written: str, words: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        found(written)
    assert words in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_words_of_a_league_are_told_from_runs() -> None:
    for word in ("gradual", "gradual+carried", "tit-for-tat~0.05", "reactive-0.9-0.1", "pavlov-7"):
        assert is_strategy(word)
    for word in ("runs/gradual", "a2c", "reactive", "gradual-2"):
        assert not is_strategy(word)
