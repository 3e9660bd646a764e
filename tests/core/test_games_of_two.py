"""Games of two tables: who is paid by which, what stays where both are one; what the page says of each game."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from pydantic import ValidationError

from coalactl.presets import find_preset, read_preset
from coalactl_core import SequenceExperiment
from coalactl_core.configuration.environments import MatrixGameConfig, seats_differ
from coalactl_core.configuration.memory_one import classic
from coalactl_core.envs.matrix_game import MatrixGame, build
from coalactl_core.envs.registry import build_environment

FIRST, SECOND = ((3.0, -1.5), (4.0, 0.25)), ((7.0, 5.0), (-6.0, 8.0))
PAGE = Path(__file__).parents[2] / "docs" / "games-of-two.md"
HARSH = ((0.2, -2.0), (2.0, -0.2))
GAMES = {
    "the paper's dilemma": "ipd-shaping-quick",
    "Axelrod's dilemma": "dilemma-axelrod-shaping-quick",
    "the harsh dilemma": "",
    "chicken": "chicken-shaping-quick",
    "the stag hunt": "stag-hunt-shaping-quick",
    "matching pennies": "matching-pennies-shaping-quick",
}


@pytest.mark.parametrize("joint", [*product(range(2), repeat=2)])
def test_each_player_is_paid_by_its_own_table(joint: tuple[int, int]) -> None:
    config = MatrixGameConfig(payoffs=FIRST, payoffs_second=SECOND)
    assert seats_differ(config)
    unequal, plain = build(config, 10), MatrixGame(payoffs=FIRST)
    key, state, actions = jax.random.key(0), jnp.int8(0), jnp.asarray(joint)
    after, rewards, _ = unequal.step(key, state, actions)
    own, other = joint
    assert rewards.tolist() == [FIRST[own][other], SECOND[other][own]]
    assert after == plain.step(key, state, actions)[0]
    for player in (0, 1):
        np.testing.assert_array_equal(unequal.observe(after, player), plain.observe(after, player))


@pytest.mark.parametrize("second", [(), FIRST])
def test_one_table_for_both_is_the_game_as_it_was(second: Any) -> None:
    """The same static object, so the same programs."""
    config = MatrixGameConfig(payoffs=FIRST, payoffs_second=second)
    assert not seats_differ(config)
    assert build(config, 10) == MatrixGame(payoffs=FIRST, episode_length=10)


def test_agents_do_not_meet_in_a_seat_that_none_has_learnt() -> None:
    unequal = {"environment": {"payoffs": FIRST, "payoffs_second": SECOND}}
    pool = {"population": {"meta": 2, "p_naive": 0.75}}
    assert build_environment(SequenceExperiment.model_validate({**unequal, "population": {"meta": 2}}))
    SequenceExperiment.model_validate({"environment": {"payoffs": FIRST, "payoffs_second": FIRST}, **pool})
    with pytest.raises(ValidationError, match=r"population\.p_naive: below 1 .*; use 1"):
        SequenceExperiment.model_validate({**unequal, **pool})


def test_strategies_of_a_dilemma_need_one_table() -> None:
    assert set(classic(HARSH)) - set(classic(None)) == {"generous-tit-for-tat", "extortion-3", "extortion-10"}


# --- the page -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("game", GAMES)
def test_the_page_tells_what_rewards_mean(game: str) -> None:
    first, second = tables_of(game)
    cells = rows_of("## What rewards mean")[game]
    both, defecting = ((first[action, action], second[action, action]) for action in range(2))
    assert cells == [
        *(told(pair, always=False) for pair in (both, defecting)),
        "; ".join(told(pair) for pair in pure(first, second)),
        told(mixed(first, second), always=False),
        number(max_min(first)),
        number(most(first, second)),
    ]


def test_the_page_has_the_payoffs_of_the_presets() -> None:
    rows = rows_of("# More games of two")
    for game, preset in GAMES.items():
        if preset:
            table = tables_of(game)[0].tolist()
            assert (f"`{preset}`" in rows[game][0], f"`{table}`" in rows[game][2]) == (True, True), game
    first, second = tables_of("matching pennies")
    np.testing.assert_array_equal(first, -second)


def tables_of(game: str) -> tuple[np.ndarray, np.ndarray]:
    """Payoffs of both players by the first one's action and the second one's."""
    environment = read_preset(find_preset(GAMES[game]))["environment"] if GAMES[game] else {"payoffs": HARSH}
    first = np.asarray(environment["payoffs"])
    return first, np.asarray(environment.get("payoffs_second", first)).T


def rows_of(heading: str) -> dict[str, list[str]]:
    """The cells of the first table below a heading, by the first of each row."""
    below = PAGE.read_text().split(f"{heading}\n", 1)[1]
    lines = re.search(r"(?:^\|.*\n)+", below, re.MULTILINE)[0].splitlines()[2:]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {name: rest for name, *rest in cells}


def number(value: float) -> str:
    return f"{round(value, 3) + 0:g}".replace("-", "−")


def told(pair: tuple[float, float] | None, *, always: bool = True) -> str:
    """Of both players; one number where they earn the same and that is enough."""
    if pair is None:
        return ""
    return number(pair[0]) if pair[0] == pair[1] and not always else f"{number(pair[0])} and {number(pair[1])}"


def pure(first: np.ndarray, second: np.ndarray) -> list[tuple[float, float]]:
    """What equilibria of one step pay, the better one for the first player before the others."""
    stable = [
        (first[own, other], second[own, other])
        for own, other in product(range(2), repeat=2)
        if first[own, other] >= first[1 - own, other] and second[own, other] >= second[own, 1 - other]
    ]
    return sorted(stable, reverse=True)


def mixed(first: np.ndarray, second: np.ndarray) -> tuple[float, float] | None:
    """What the equilibrium pays in which each makes the other indifferent, if there is one."""

    def even(table: np.ndarray) -> float:
        """How often the column player takes its action 0, so that both rows pay the same."""
        gaps = table[0] - table[1]
        return -gaps[1] / (gaps[0] - gaps[1]) if gaps[0] != gaps[1] else np.inf

    chances = even(second.T), even(first)
    if not all(0 < chance < 1 for chance in chances):
        return None
    own, other = (np.asarray([chance, 1 - chance]) for chance in chances)
    return round(own @ first @ other, 9) + 0, round(own @ second @ other, 9) + 0


def max_min(table: np.ndarray) -> float:
    """On a grid of chances of action 0, which holds the best one of each of these games."""
    chances = np.linspace(0, 1, 1001)
    return float((np.stack([chances, 1 - chances], -1) @ table).min(-1).max())


def most(first: np.ndarray, second: np.ndarray) -> float:
    """The largest average of the first player where the second earns its max-min: on an edge between two outcomes."""
    floor, outcomes = max_min(second.T), np.stack([first.ravel(), second.ravel()], -1)
    shares = np.linspace(0, 1, 100_001)[:, None]
    edges = [shares * one + (1 - shares) * two for number, one in enumerate(outcomes) for two in outcomes[number:]]
    points = np.concatenate(edges)
    return float(points[points[:, 1] >= floor - 1e-9, 0].max())
