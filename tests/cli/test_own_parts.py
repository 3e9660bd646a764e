"""A user's own game, network and strategies: mistakes are told as theirs, what they print is no part of the output."""

import json
import sys
from pathlib import Path

import pytest
from command_line import Command, assert_one_line
from processes import SMALL, start

from coalactl.runs.directory import RunDirectory

GAME = """
from typing import NamedTuple
import jax, jax.numpy as jnp

class Game(NamedTuple):
    episode_length: int
    observation_size = 2
    num_actions = 2
    def reset(self, key):
        return jnp.int8(0)
    def step(self, key, state, actions):
        {step}
        return state + jnp.int8(1), {rewards}, None
    def observe(self, state, player):
        return jnp.full(2, state, float)
    def describe(self, state, actions, events):
        return {{"{measure}": jnp.ones(2)}}

def unequal(config, observation_size, num_actions, scan):
    from coalactl_core.nets.policy import Policy, PolicyOutput
    read = lambda lead, by: (jnp.full((*lead, num_actions), by), jnp.full(lead, by))
    return Policy(
        init=lambda key: jnp.ones(3),
        initial_carry=lambda: jnp.zeros(1),
        step=lambda params, seen, memory: (PolicyOutput(*read((), 0.0)), memory),
        unroll=lambda params, seen, memory, resets: (PolicyOutput(*read((len(seen),), 1.0)), memory),
    )

def unlikely(key):
    return jnp.array([1.0, 0.5, 0.5, 0.5, 2.0])

def lost(key):
    from coalactl_core.configuration.automata import Automaton
    return Automaton(jnp.array([1.0, 0.0]), jnp.array([[0, 1, 0, 2]] * 2))

def fail(actions):
    raise ValueError("no row for these actions")
"""
SETTING = ("--set", "environment.name=own_parts:Game")
CALLBACK = "jax.pure_callback(fail, jax.ShapeDtypeStruct((2,), jnp.float32), actions, vmap_method='sequential')"


@pytest.fixture(autouse=True)
def _fresh_module(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # The module of the test before is another one of the same name.
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "own_parts", raising=False)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)


def write(step: str = "pass", rewards: str = "jnp.ones(2)", measure: str = "greed") -> None:
    Path("own_parts.py").write_text(GAME.format(step=step, rewards=rewards, measure=measure))


@pytest.mark.parametrize("command", ["train", "check"])
def test_a_mistake_in_a_game_is_told_before_there_is_a_run(coalactl: Command, command: str) -> None:
    write(rewards="jnp.ones(3)")
    more = ("--out", "run") if command == "train" else ()
    result = coalactl(command, *SETTING, *more)
    words = ("environment.name: 'own_parts:Game': step gives float32 of shape (3,)", "shape (2,) expected")
    lines = result.err.splitlines()
    assert result.code == 2
    assert "coalactl: " in lines[-1]
    for word in words:
        assert word in lines[-1]
    assert not Path("run").exists()


def test_an_error_inside_of_a_game_names_its_line(coalactl: Command) -> None:
    write(step="undefined")
    result = coalactl("check", *SETTING)
    assert_one_line(result, "step fails: NameError: name 'undefined' is not defined (own_parts.py, line 12)")


def test_check_tells_of_each_part(coalactl: Command) -> None:
    write(step="print('a word')")
    result = coalactl("check", *SETTING, "--json")
    assert result.code == 0, result.err
    assert [(each["name"], each["passed"]) for each in result.json] == [
        ("environment own_parts:Game", True),
        ("network hawk", True),
    ]
    assert "2 numbers seen, 2 actions; 10 steps at random, rewards from 1 to 1" in result.out
    assert "a word" in result.err


@pytest.mark.parametrize(
    ("game", "settings", "told"),
    [
        ({"rewards": "jnp.array([0.0, jnp.nan])"}, SETTING, "FAIL  environment own_parts:Game: a reward is not finite"),
        ({"rewards": CALLBACK}, SETTING, "a callback failed: ValueError: no row for these actions (own_parts.py, line"),
        ({}, ("--set", "network.name=own_parts:unequal"), "FAIL  network own_parts:unequal: logits: unroll differs"),
        (
            {},
            ("--set", "population.fixed=[{ strategy = 'own_parts:unlikely', weight = 0.5 }]"),
            "FAIL  strategy own_parts:unlikely: cooperates with 1, 0.5, 0.5, 0.5, 2; probabilities are from 0 to 1",
        ),
        (
            {},
            ("--set", "population.fixed=[{ strategy = 'own_parts:lost+carried', weight = 0.5 }]"),
            "FAIL  strategy own_parts:lost+carried: cooperates with 1, 0 in its 2 states, carried from one inner "
            "episode to the next; next states are from 0 to 1, not 2",
        ),
    ],
)
def test_check_finds_what_only_numbers_show(
    coalactl: Command, game: dict[str, str], settings: tuple[str, ...], told: str
) -> None:
    write(**game)
    result = coalactl("check", *settings)
    assert result.code == 1
    assert told in result.out


def test_check_takes_presets_of_either_kind(coalactl: Command) -> None:
    assert "nothing to play" in coalactl("check", "analytical-extortion").out
    assert_one_line(coalactl("check", "no-such"), "'no-such' does not exist")


@pytest.mark.long
def test_what_a_game_prints_is_no_part_of_the_output(coalactl: Command) -> None:
    write(step="print('a word'); jax.debug.print('another')")
    result = coalactl("train", *SMALL, *SETTING, "--iterations", "1", "--out", "run", "--json")
    assert result.code == 0, result.err
    assert result.json["iterations"] == 1
    assert "a word" in result.err
    assert "another" in result.err


@pytest.mark.long
def test_a_run_that_failed_is_listed_with_the_reason(coalactl: Command) -> None:
    write(rewards=CALLBACK)
    result = coalactl("train", "-q", *SMALL, *SETTING, "--iterations", "1", "--out", "run")
    reason = "a callback failed: ValueError: no row for these actions (own_parts.py, line"
    assert result.code == 1
    assert result.err.startswith(f"coalactl: {reason}")
    status = RunDirectory("run").read_status()
    assert (status.state, status.reason.startswith(reason)) == ("failed", True)
    assert f"failed: {reason}" in coalactl("runs", "ls", ".").out
    assert f"run: failed: {reason}" in coalactl("runs", "show", "run").out
    assert json.loads(coalactl("runs", "show", "run", "--json").out)["status"] == "failed"


@pytest.mark.long
def test_a_failed_callback_on_several_devices_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    write(rewards=CALLBACK)
    monkeypatch.setenv("JAX_NUM_CPU_DEVICES", "2")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    process = start("train", "-q", *SMALL, *SETTING, "--iterations", "1", "--out", "run")
    said = process.communicate(timeout=300)[1]
    assert process.returncode == 1
    assert said.splitlines()[-1].startswith("coalactl: a callback failed: ValueError")
