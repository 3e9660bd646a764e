"""Strategies of the Axelrod library on the command line: trained with, evaluated and ranked, or refused in one line."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pandas as pd
import pytest
from command_line import TINY, Command, assert_one_line

from coalactl.evaluation import lineups
from coalactl_core.opponents.axelrod_library import tournament_names

needs_axelrod = pytest.mark.skipif(importlib.util.find_spec("axelrod") is None, reason="the extra axelrod")
PRESET = """[population]
naive = 2
fixed = [{{ strategy = "axelrod:{}", weight = 0.5 }}]
"""


def with_strategy(name: str) -> Path:
    path = Path("pool-of-one.toml")
    path.write_text(PRESET.format(name))
    return path


def test_without_the_library_one_line_says_how_to_install_it(
    coalactl: Command, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "axelrod", None)
    tournament_names.cache_clear()
    for words in (("train", *TINY, "--out", "trained"), ("check",)):
        done = coalactl(words[0], with_strategy("TitForTat"), *words[1:])
        assert (done.code, done.out) == (2, "")
        assert "population.fixed: 'axelrod:TitForTat': Axelrod cannot be imported" in done.err
        assert done.err.endswith('pip install "coalactl[axelrod]"\n')
        assert done.err.count("\n") == 1
    assert not Path("trained").exists()
    done = coalactl("eval", run, "--pool", "axelrod")
    assert_one_line(done, "--pool axelrod: Axelrod cannot be imported", 'pip install "coalactl[axelrod]"')
    assert not (run / "eval/axelrod.parquet").exists()


@needs_axelrod
def test_a_strategy_that_is_not_offered_is_refused(coalactl: Command, tmp_path: Path) -> None:
    done = coalactl("train", with_strategy("Grudgr"), *TINY, "--out", "run")
    assert (done.code, done.out) == (2, "")
    assert "'axelrod:Grudgr': Axelrod knows no such strategy; did you mean 'axelrod:Grudger'?" in done.err
    league = coalactl("league", "axelrod:Grudger", "tit-for-tat", "--episodes", "1", "--out", "league")
    assert (league.code, league.err.count("\n")) == (2, 1)
    assert "it plays in evaluations alone, where it is asked move by move" in league.err
    assert not Path("run").exists()
    assert not Path("league").exists()


@needs_axelrod
def test_it_trains_is_met_in_evaluations_and_plays_in_leagues(coalactl: Command, tmp_path: Path) -> None:
    preset = with_strategy("Fortress3~0.05")
    assert coalactl("check", preset, *TINY).code == 0
    assert coalactl("train", preset, *TINY, "--iterations", "1", "--quiet", "--out", "run").code == 0
    names = ["axelrod:Defector", "axelrod:Alternator+carried"]
    Path("mine.toml").write_text("".join(f'[[opponents]]\nkind = "fixed"\nstrategy = "{name}"\n' for name in names))
    assert coalactl("eval", "run", "--pool", "mine.toml", "--episodes", "2").code == 0
    rows = pd.read_parquet("run/eval/mine.parquet").query("metric == 'coplayer_defection'")
    assert {*names} <= {*rows["opponent"]}
    assert (rows[rows["opponent"] == names[0]]["value"] == 1).all()
    league = coalactl("league", *names, "axelrod:Cooperator", "--episodes", "1", "--out", "league", "--json")
    assert league.json["ranking"][0]["entrant"] == "axelrod:Defector"


@needs_axelrod
def test_those_that_are_no_automata_are_met_in_evaluations(
    coalactl: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert coalactl("train", *TINY, "--iterations", "1", "--quiet", "--out", "run").code == 0
    names = ["axelrod:Grudger", "axelrod:Gradual~0.05", "axelrod:Defector"]
    Path("mine.toml").write_text("".join(f'[[opponents]]\nkind = "fixed"\nstrategy = "{name}"\n' for name in names))
    results = []
    for _ in range(2):
        assert coalactl("eval", "run", "--pool", "mine.toml", "--episodes", "6").code == 0
        results.append(pd.read_parquet("run/eval/mine.parquet"))
    pd.testing.assert_frame_equal(*results)
    shapes = [len(results[0][results[0]["opponent"] == name].query("metric == 'coplayer_reward'")) for name in names]
    assert shapes == [2, 2, 2]
    Path("mine.toml").write_text('[[opponents]]\nkind = "fixed"\nstrategy = "axelrod:BackStabber"\n')
    assert_one_line(
        coalactl("eval", "run", "--pool", "mine.toml"), "axelrod:BackStabber", "needs the length of the match"
    )

    monkeypatch.setattr(lineups, "tournament_names", lambda: ("Cooperator", "Defector", "Grudger", "Gradual"))
    done = coalactl("eval", "run", "--pool", "axelrod")
    assert done.code == 0
    rewards = pd.read_parquet("run/eval/axelrod.parquet").query("metric == 'reward'")
    assert {*rewards["opponent_kind"]} == {"axelrod"}
    assert (rewards["episodes"] == 1).all()
    told = [word for word in done.out.split() if word.startswith("axelrod:")]
    assert told[0] == "axelrod:Cooperator"
    assert told == [*rewards.groupby("opponent")["value"].mean().sort_values(ascending=False, kind="stable").index]
