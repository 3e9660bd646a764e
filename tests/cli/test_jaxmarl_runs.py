"""JaxMARL's games on the command line: trained, evaluated, or refused in one line."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import pytest
from command_line import Command
from processes import SMALL, rows_of, start

from coalactl.output import without_prints

COIN_GAME = ("--set", "environment.name=jaxmarl:coin_game")

needs_jaxmarl = pytest.mark.skipif(importlib.util.find_spec("jaxmarl") is None, reason="the extra jaxmarl")


def test_without_jaxmarl_one_line_says_how_to_install_it(coalactl: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jaxmarl", None)
    done = coalactl("train", "ipd-shaping-quick", "-q", *SMALL, *COIN_GAME, "--out", "run")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("coalactl: environment.name: 'jaxmarl:coin_game': JaxMARL cannot be imported")
    assert done.err.endswith('pip install "coalactl[jaxmarl]"\n')
    assert done.err.count("\n") == 1
    assert not Path("run").exists()


@needs_jaxmarl
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("HeuristicEnemySMAX", "is for 5 agents"),
        ("MPE_simple_push_v3", "must be equal"),
        ("coin_gam", "did you mean 'jaxmarl:coin_game'"),
    ],
)
def test_what_cannot_be_played_is_refused(name: str, words: str, coalactl: Command) -> None:
    done = coalactl(
        "train", "ipd-shaping-quick", "-q", *SMALL, "--set", f"environment.name=jaxmarl:{name}", "--out", "run"
    )
    assert (done.code, done.out) == (2, "")
    assert words in done.err
    assert done.err.count("\n") == 1
    assert not Path("run").exists()


@needs_jaxmarl
@pytest.mark.long
def test_the_coin_game_trains_and_is_evaluated(coalactl: Command) -> None:
    # A process of its own, for what JaxMARL says when it is imported: nothing of it is seen.
    length = ("--set", "rollout.inner_episode_length=16")
    process = start("train", *SMALL, *COIN_GAME, *length, "--iterations", "3", "--out", "run", "--quiet", "--json")
    out, err = process.communicate()
    assert (process.returncode, err) == (0, "")
    assert json.loads(out)["iterations"] == 3
    iterations, episodes = rows_of("run")
    for who in ("", "coplayer_"):
        for measure in ("own_coins", "other_coins"):
            assert iterations[f"{who}{measure}_vs_naive"].between(0, 1).all()
    wide = episodes.pivot_table(index=["iteration", "inner_episode"], columns="metric", values="value")
    taken = wide["own_coins"] + wide["other_coins"]
    assert (wide["reward"] - (taken - 2 * wide["coplayer_other_coins"])).abs().max() < 1e-5  # float32 sums
    assert taken.max() > 0
    result = coalactl("eval", "run", "--pool", "naive", "--episodes", "2")
    assert result.code == 0, result.err
    assert "other_coins" in result.out


def test_what_a_package_prints_while_it_is_imported_is_not_seen(capsys: pytest.CaptureFixture[str]) -> None:
    streams = sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__
    with without_prints():
        sys.stdout.write("one")
        sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__  # as JaxMARL does
        sys.stdout.write("two")
        sys.stderr.write("a warning")
    assert (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__) == streams
    sys.stdout.write("three")
    assert capsys.readouterr() == ("three", "a warning")
