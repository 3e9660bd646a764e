"""Strategies of the Axelrod library as automata: their matches are the library's own, move by move."""

from __future__ import annotations

import re
from itertools import islice, product
from pathlib import Path
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from coalactl_core.configuration.automata import OUTCOMES, Automaton, automaton_of, memory_one, merged
from coalactl_core.configuration.strategies import WITH_MEMORY
from coalactl_core.envs.matrix_game import MatrixGame
from coalactl_core.errors import ConfigurationError
from coalactl_core.opponents.automata import crossing, stacked
from coalactl_core.opponents.axelrod_library import PREFIX, kinds
from coalactl_core.opponents.from_axelrod import automaton_from_axelrod, compiled
from coalactl_core.opponents.strategies import find_strategy
from coalactl_core.play.duels import Duel, DuelSide, Player, fresh, play_meta_episode

axelrod = pytest.importorskip("axelrod")

ROUNDS, PAIRS = 200, 40
PAGE = Path(__file__).parents[2] / "docs/axelrod.md"


@pytest.fixture(scope="module")
def sizes() -> dict[str, int]:
    return compiled(ROUNDS)


@pytest.fixture(scope="module")
def pairs(sizes: dict[str, int]) -> list[tuple[str, str]]:
    """Forty of the deterministic ones, in which each occurs."""
    certain = [name for name in sizes if not axelrod.Classifiers["stochastic"](kinds()[name]())]
    chosen = [(certain[at % len(certain)], certain[(7 * at + 3) % len(certain)]) for at in range(PAIRS)]
    assert len({*chosen}) == PAIRS
    assert {name for pair in chosen for name in pair} == {*certain} or len(certain) > PAIRS
    return chosen


def written(name: str) -> Automaton:
    return automaton_from_axelrod(PREFIX + name, ROUNDS)


def test_forty_pairs_play_the_matches_of_the_library(pairs: list[tuple[str, str]]) -> None:
    """Played by the engine, as leagues do; over 200 rounds, every move of both."""
    environment = MatrixGame(episode_length=ROUNDS)
    side = DuelSide(environment.observe)
    duel = Duel(environment, (side, side), 1, 1)

    def drawn(seat: int) -> Any:
        found = (find_strategy(PREFIX + pair[seat], episode_length=ROUNDS, inner_episodes=1) for pair in pairs)
        return stacked([each.draw(jax.random.key(0)) for each in found])

    @jax.jit
    @jax.vmap
    def played(first: Any, second: Any) -> Any:
        players = Player(first, crossing(first)), Player(second, crossing(second))
        start = fresh(players, duel)
        return play_meta_episode(jax.random.key(0), players, start, duel, keep=lambda records: records.actions)[1][0]

    actions = np.asarray(played(drawn(0), drawn(1)))[:, 0, :, 0]
    for pair, ours in zip(pairs, actions, strict=True):
        match = axelrod.Match([kinds()[name]() for name in pair], turns=ROUNDS)
        assert ours.tolist() == [[move.value for move in moves] for moves in match.play()], pair
    assert len(np.unique(actions, axis=0)) > PAIRS / 2


@pytest.mark.parametrize(
    "name", ["FirmButFair", "GTFT", "ZDExtort2", "ZDMischief", "SoftJoss", "StochasticWSLS", "WinShiftLoseStay"]
)
def test_memory_one_strategies_have_the_probabilities_of_the_library(name: str) -> None:
    player = kinds()[name]()
    four = [player._four_vector[pair] for pair in product((axelrod.Action.C, axelrod.Action.D), repeat=2)]
    expected = merged(memory_one([float(player._initial == axelrod.Action.C), *four]))
    ours = written(name)
    np.testing.assert_allclose(ours.cooperation, expected.cooperation, rtol=1e-12)
    assert ours.following == expected.following


def test_machines_have_as_many_states_as_the_library_says_at_most(sizes: dict[str, int]) -> None:
    """One more: where the first action is none of its table."""
    machines = {name: kinds()[name]().fsm for name in sizes if issubclass(kinds()[name], axelrod.FSMPlayer)}
    assert len(machines) > 15
    for name, machine in machines.items():
        assert sizes[name] <= 2 * machine.num_states() + 1, name


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("TitFor2Tats", "tit-for-two-tats"),
        ("TwoTitsForTat", "two-tits-for-tat"),
        ("Fortress3", "fortress-3"),
        ("Fortress4", "fortress-4"),
    ],
)
def test_those_that_are_here_already_are_the_same(theirs: str, ours: str) -> None:
    own = merged(automaton_of(WITH_MEMORY[ours].rule, ROUNDS))
    for actions in islice(product(OUTCOMES, repeat=6), 0, None, 3):
        told = []
        for automaton in (written(theirs), own):
            state, chances = 0, [automaton.cooperation[0]]
            for pair in actions:
                state = automaton.following[state][OUTCOMES.index(pair)]
                chances.append(automaton.cooperation[state])
            told.append(chances)
        assert told[0] == told[1], actions


def test_merged_automata_are_smaller_and_play_alike() -> None:
    automaton = automaton_of(WITH_MEMORY["mem-2"].rule, 50)
    small = merged(automaton)
    assert len(small.cooperation) < len(automaton.cooperation)
    numbers = np.random.default_rng(0).integers(0, 4, (200, 30))
    for game in numbers:
        state = other = 0
        for outcome in game:
            assert small.cooperation[state] == automaton.cooperation[other]
            state, other = small.following[state][outcome], automaton.following[other][outcome]
    assert merged(small) == small
    assert merged(memory_one([1, 1, 0, 1, 0])) == Automaton((1.0, 0.0), ((0, 1, 0, 1), (0, 1, 0, 1)))


def test_what_stands_behind_a_name_is_kept() -> None:
    plain, behind = (
        find_strategy(f"axelrod:Ripoff{suffix}", episode_length=10, inner_episodes=2)
        for suffix in ("", "+carried~0.25")
    )
    key = jax.random.key(0)
    np.testing.assert_allclose(behind.draw(key).cooperation, jnp.where(plain.draw(key).cooperation == 1, 0.75, 0.25))
    assert behind.draw(key).carried
    assert not plain.draw(key).carried


REFUSED = {
    "TitForTatt": "Axelrod knows no such strategy; did you mean 'axelrod:TitForTat'?",
    "": "Axelrod knows no such strategy; axelrod.all_strategies lists its names",
    "BackStabber": "it needs the length of the match",
    "Grudger": "and compiled are those that go by 5 moves or less; it plays in evaluations alone",
    "GoByMajority40": "it may go by 40 moves, and compiled are",
    "Darwin": "it looks into the other player's code",
    "FirstByAnonymous": "it draws by 'uniform'",
    "EvolvedHMM5": "its code fails where it is asked",
    "ContriteTitForTat": "more than 4096 states in 200 moves",
    "TitForTat~2": "its noise is a number above 0",
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_played_is_refused_in_one_line(name: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        find_strategy(PREFIX + name, episode_length=ROUNDS, inner_episodes=2)
    assert str(refusal.value).startswith(f"population.fixed: '{PREFIX}{name}': ")
    assert REFUSED[name] in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_who_goes_by_more_than_it_says_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    class Counter(axelrod.Player):  # type: ignore[misc] # an extra
        name = "Counter"
        classifier: ClassVar = dict(axelrod.TitForTat.classifier)

        def strategy(self, opponent: Any) -> Any:
            return axelrod.Action.D if len(self.history) == 10 else axelrod.Action.C

    class Remembering(axelrod.Player):  # type: ignore[misc]
        name = "Remembering"
        classifier: ClassVar = dict(axelrod.Random.classifier)

        def strategy(self, opponent: Any) -> Any:
            self.drawn = self._random.random_choice(0.5)
            return self.drawn

    monkeypatch.setattr(axelrod, "all_strategies", [Counter, Remembering])
    with pytest.raises(ValueError, match="it goes by more than it says"):
        written("Counter")
    assert len(automaton_from_axelrod(f"{PREFIX}Counter", 10).cooperation) == 1  # what it is for so many moves
    with pytest.raises(ValueError, match="it remembers what it drew"):
        written("Remembering")


def test_the_page_lists_those_that_there_are(sizes: dict[str, int]) -> None:
    listed = re.search(r"<!-- compiled -->\n(.*?)<!-- end -->", PAGE.read_text(), re.DOTALL)
    assert listed is not None
    assert {name: int(size) for name, size in re.findall(r"`(\w+)` (\d+)", listed[1])} == sizes
    assert f"{len(sizes)} of the {len(kinds())} strategies" in " ".join(PAGE.read_text().split())
