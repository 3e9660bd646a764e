"""Agent files: what a training came to, handed on in one file, plays and trains on as its run does."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
import tomli_w
from command_line import Command, assert_one_line
from handed_on import SIZES
from safetensors import safe_open
from safetensors.numpy import load_file

from coalactl import load
from coalactl.errors import UserError
from coalactl.league.definition import define
from coalactl.league.entrants import assemble
from coalactl.league.groups import gather
from coalactl.league.request import LeagueRequest
from coalactl.runs import agent_file, checkpoints
from coalactl.runs.agent_file import AGENTS, FORMAT, NAIVE
from coalactl.runs.directory import RunDirectory
from coalactl.runs.sources import results_folder, source_at
from coalactl.trained import checkpoint_of
from coalactl.training.initial import fresh_state

COUNT = 16
ALL_KINDS = """
[[opponents]]
kind = "naive"
[[opponents]]
kind = "meta"
[[opponents]]
kind = "tabular"
[[opponents]]
kind = "fixed"
strategy = "gradual"
"""


@pytest.fixture(autouse=True)
def _engines(kept_engines: None) -> None:
    """Engines are kept from test to test."""


def assert_bits(found: Any, expected: Any) -> None:
    assert np.asarray(found).tobytes() == np.asarray(expected).tobytes()


# --- what is in it --------------------------------------------------------------------------------------------------


def test_parameters_come_back_bit_by_bit(run: Path, file: Path) -> None:
    there, here = checkpoint_of(RunDirectory(run)), checkpoint_of(source_at(file))
    for part in ("meta", "naive"):
        assert_bits(getattr(here.state, part).params, getattr(there.state, part).params)
    jax.tree.map(assert_bits, here.state.hyperparameters, there.state.hyperparameters)
    jax.tree.map(assert_bits, here.parameters, there.parameters)
    assert (here.step, int(here.state.step)) == (there.step, 2)
    for number in (0, 1):
        ours, theirs = load(file, number), load(run, number)
        assert_bits(ours.params, theirs.params)
        assert (ours.number, ours.step, ours.game) == (number, 2, theirs.game)
        seen, memory = ours.game.start(), ours.start()
        assert_bits(ours.probabilities(seen, memory), theirs.probabilities(seen, memory))
    with jax.enable_x64(True):
        np.testing.assert_array_equal(load(file).params, load(run).params)


def test_naive_initialisations_of_the_seed_are_drawn_again(coalactl: Command, run: Path) -> None:
    """Where nothing changed them they are not in the file, and still those that the agents met."""
    there = RunDirectory(run)
    of_seed = fresh_state(checkpoint_of(there).engine, [checkpoint_of(there).experiment])
    checkpoints.save(there, 3, jax.tree.map(lambda leaf: leaf[0], of_seed)._replace(step=jnp.int32(3)))
    packed = coalactl("agents", "pack", run, "--out", "drawn.agent")
    assert packed.code == 0, packed.err
    file = agent_file.read(Path("drawn.agent"))
    assert {name.partition("/")[0] for name in file.contents.tensors} == {AGENTS}
    for part in ("meta", "naive"):
        states = [getattr(checkpoint_of(each).state, part) for each in (there, file)]
        assert_bits(states[1].params, states[0].params)
    assert (
        coalactl("agents", "show", "drawn.agent")
        .out.splitlines()[-2]
        .endswith("; 2 naive initialisations, which the seed draws")
    )
    # By another JAX, or another setting of it, they may be others.
    drawn = [number + 0.1 for number in file.contents.drawn]
    agent_file.write(Path("drawn.agent"), file.contents._replace(drawn=drawn))
    told = coalactl("eval", "drawn.agent", "--pool", "meta", "--episodes", 1, "--quiet")
    assert told.code == 0
    assert "drawn.agent: JAX draws other naive initialisations here than its agents met" in told.err


def test_other_tools_read_it(run: Path, file: Path) -> None:
    """With safetensors alone."""
    with safe_open(file, framework="numpy") as opened:
        metadata = opened.metadata()
    assert metadata["config.toml"] == (run / "config.toml").read_text()
    assert metadata["card"].splitlines()[1].split() == ["method", "COALA-PG"]
    assert (metadata["format"], metadata["step"]) == (FORMAT, "2")
    assert "host" not in json.loads(metadata["provenance"])
    tensors = load_file(file)
    assert {name.partition("/")[0] for name in tensors} == {AGENTS, NAIVE}
    assert {(name.partition("/")[0], len(array)) for name, array in tensors.items()} == {(AGENTS, 2), (NAIVE, 2)}
    assert {str(array.dtype) for array in tensors.values()} == {"float32"}


def test_it_is_shown(coalactl: Command, run: Path, file: Path) -> None:
    shown = coalactl("agents", "show", file)
    assert shown.code == 0, shown.err
    card, (about, digest) = shown.out.splitlines()[:-2], shown.out.splitlines()[-2:]
    assert card == [
        "what      2 agents of one training that play matrix-game",
        "method    COALA-PG",
        "preset    mine",
        "seed      3",
        "step      2 of 2 iterations, 64 environment steps",
        "made by   coalactl train mine.toml --out 'it'\"'\"'s here'",
        "with      coalactl 0.2.0",
        "plays     reward a step, its own and its co-player's, in the last tenth of the training",
        "            naive                            0.400   0.400",
        "            meta                             0.400   0.400",
    ]
    assert about.startswith(f"file      my.agent: 2 agents of {load(run).params.size} numbers, ")
    assert about.endswith("; 2 naive initialisations")
    told = coalactl("agents", "show", file, "--json").json
    assert (told["agents"], told["naive"], told["step"], told["config"]["run"]["seed"]) == (2, 2, 2, 3)
    assert told["provenance"]["resumes"] == 1
    assert digest.split()[1] == f"{told['sha256']},"


def test_a_step_of_ones_own_and_nothing_is_written_over(coalactl: Command, run: Path) -> None:
    packed = coalactl("agents", "pack", run, "--step", "1", "--out", "sub/early.agent", "--json")
    assert packed.code == 0, packed.err
    assert (packed.json["file"], packed.json["step"]) == ("sub/early.agent", 1)
    assert load("sub/early.agent").step == 1
    before = Path("sub/early.agent").read_bytes()
    assert_one_line(coalactl("agents", "pack", run, "--out", "sub/early.agent"), "--out", "remove it", code=3)
    assert Path("sub/early.agent").read_bytes() == before
    # The same agents have the same digest.
    again = coalactl("agents", "pack", run, "--step", "1", "--out", "again.agent", "--json")
    assert again.json["sha256"] == packed.json["sha256"]


# --- it plays as the run does ---------------------------------------------------------------------------------------


def test_an_evaluation_of_the_file_is_that_of_the_run(coalactl: Command, run: Path, file: Path) -> None:
    Path("all.toml").write_text(ALL_KINDS)
    told = {}
    for path in (run, file):
        told[path] = coalactl("eval", path, "--pool", "all.toml", "--episodes", COUNT, "--json")
        assert told[path].code == 0, told[path].err
    rows = [pd.read_parquet(path) for path in ("run/eval/all.parquet", "my-eval/all.parquet")]
    pd.testing.assert_frame_equal(*rows, check_exact=True)
    assert {"naive", "meta", "tabular", "fixed"} == {*rows[0]["opponent_kind"]}
    assert told[file].json["runs"][0]["file"] == "my-eval/all.parquet"
    about = json.loads(Path("my-eval/all.json").read_text())
    assert about["agent_files"] == {"my.agent": source_at(file).sha256}  # type: ignore[union-attr]
    # Packed again, the file tells of it.
    packed = coalactl("agents", "pack", run, "--out", "told.agent")
    assert packed.code == 0, packed.err
    shown = coalactl("agents", "show", "told.agent", "--json").json
    (measured,) = shown["measures"]["evaluations"].values()
    table = pd.DataFrame(measured["rows"], columns=measured["columns"]).set_index(["agent", "opponent_kind", "metric"])
    rewards = rows[0][(rows[0]["metric"] == "reward") & (rows[0]["opponent_kind"] == "naive") & (rows[0]["agent"] == 1)]
    assert table.loc[(1, "naive", "reward"), "mean"] == pytest.approx(rewards["value"].mean(), abs=1e-5)
    assert "pool all, 16 meta-episodes" in shown["card"]
    assert "fixed gradual" in shown["card"]


def test_it_is_watched_as_the_run_is(coalactl: Command, run: Path, file: Path) -> None:
    frames = [coalactl("watch", path, "--against", "meta", "--quiet") for path in (run, file)]
    assert frames[0].code == 0, frames[0].err
    assert frames[0].out == frames[1].out != ""
    assert results_folder(source_at(file), "watch") == Path("my-watch")


def test_it_is_in_a_league_as_a_run_is(run: Path, file: Path) -> None:
    request = LeagueRequest(("my.agent", "tit-for-tat"), Path("out"), None, None, None, None, None, False, True)
    definition = define(request)
    entrant = assemble(definition, gather(definition, request.folder)).entrants[0]
    assert (entrant.name, entrant.kind, entrant.seeds, entrant.agents) == ("coala-pg", "run", (3,), 2)
    assert_bits(entrant.players.params, [load(run, number).params for number in (0, 1)])
    ((played,),) = (entrant.about["runs"],)
    assert (played["run"], played["step"]) == ("my.agent", 2)


# --- and is trained on ----------------------------------------------------------------------------------------------


def test_training_begins_at_it(
    coalactl: Command, train: Command, run: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("coalactl.training.launch.run_attempt", lambda *_: None)  # The start alone is looked at.
    Path("on.toml").write_text(tomli_w.dumps(SIZES))
    begun = ("--init-from", file, "--set", "population.naive_from=my.agent", "--out", "on", "--quiet")
    done = train("on.toml", *begun)
    assert done.code == 0, done.err
    theirs = checkpoint_of(RunDirectory(run)).state.meta.params
    at_start = checkpoint_of(RunDirectory("on")).state
    assert_bits(at_start.meta.params, theirs)
    assert_bits(at_start.naive.params, theirs)
    provenance = RunDirectory("on").read_provenance()
    digest = agent_file.read(file).sha256
    assert (provenance["init_from"], provenance["agent_files"]) == ("my.agent", {"my.agent": digest})
    # Packed on, initialisations go with the agents, whatever becomes of the file that they are from.
    file.unlink()
    packed = coalactl("agents", "pack", "on")
    assert packed.code == 0, packed.err
    assert_bits(checkpoint_of(source_at(Path("on.agent"))).state.naive.params, theirs)


def test_what_does_not_fit_is_told_before_training(train: Command, file: Path) -> None:
    Path("on.toml").write_text(tomli_w.dumps(SIZES))
    alone = ("--set", "population.meta=3", "--set", "population.p_naive=1.0")
    one = train("on.toml", *alone, "--init-from", file, "--out", "one")
    assert_one_line(one, "--init-from my.agent: it has 2 meta agents (here 3)", code=4)
    gone = train("on.toml", "--set", "population.naive_from=no.agent", "--out", "gone")
    assert_one_line(gone, "population.naive_from: no.agent: there is no run", "agent file", code=2)
    assert not any(Path(name).exists() for name in ("one", "gone"))


# --- mistakes -------------------------------------------------------------------------------------------------------


def test_what_is_no_agent_file_is_told_in_a_line(coalactl: Command, run: Path, file: Path) -> None:
    Path("notes.txt").write_text("a text")
    Path("pack").mkdir()
    Path("pack/pack.json").write_text('{"seeds": [3]}')
    shutil.copytree(run, "pack/seed-3")
    for command, words, code in (
        (("agents", "show", "none.agent"), ("none.agent: there is no such agent file",), 2),
        (("agents", "show", "notes.txt"), ("notes.txt is damaged",), 4),
        (("agents", "show", run), ("run is not a file",), 2),
        (("eval", "none.agent", "-q"), ("there is no such agent file",), 2),
        (("eval", "notes.txt", "-q"), ("is not a run directory but a file, and no agent file", ".agent"), 2),
        (("eval", file, "--step", "7", "-q"), ("--step: my.agent has no checkpoint of step 7; it has 2",), 2),
        (("watch", file, "--agent", "2", "-q"), ("my.agent has agents 0 to 1",), 2),
        (
            ("league", "none.agent", "a2c", "-q"),
            ("none.agent: there is no such run, pack or sweep, nor agent file",),
            2,
        ),
        (("train", "--init-from", "none.agent"), ("--init-from none.agent: no such",), 2),
        (("train", "--init-from", "notes.txt"), ("not a directory", ".agent"), 2),
        (("agents", "pack", "none"), ("there is no such run directory",), 2),
        (("agents", "pack", file), ("not a run directory but a file",), 2),
        (("agents", "pack", "pack"), ("pack of runs", "pack/seed-S"), 2),
        (("agents", "pack", run, "--step", "7"), ("no checkpoint of step 7; it has 1, 2",), 2),
        (("agents", "pack", run, "--out", "my.zip"), ("--out my.zip", "my.agent"), 2),
    ):
        assert_one_line(coalactl(*command), *words, code=code)
    with pytest.raises(UserError, match=r"my\.agent has no checkpoint of step 7; it has 2"):
        load(file, step=7)
    with pytest.raises(UserError, match=r"agent 2 given; my\.agent has agents 0 to 1"):
        load(file, 2)
    assert coalactl("agents", "pack", "pack/seed-3").out == "pack-seed-3.agent\n"


def test_a_file_of_another_game_plays_none_of_this(coalactl: Command, run: Path, file: Path) -> None:
    contents = agent_file.read(file).contents
    longer = contents.config.replace("inner_episode_length = 2", "inner_episode_length = 3")
    assert longer != contents.config
    agent_file.write(Path("longer.agent"), contents._replace(config=longer))
    for command in (("eval", run, "longer.agent"), ("league", "longer.agent", run)):
        assert_one_line(
            coalactl(*command, "--quiet"), "runs of one game", "inner_episode_length", "longer.agent", code=2
        )
    of_later = contents._replace(config=f"{contents.config}\n[later]\nkey = 1\n")
    agent_file.write(Path("later.agent"), of_later)
    assert_one_line(coalactl("eval", "later.agent", "--quiet"), "later.agent (its config.toml)", "later", code=4)
    exact = contents._replace(config='kind = "analytical"\n')
    agent_file.write(Path("exact.agent"), exact)
    assert_one_line(coalactl("eval", "exact.agent", "--quiet"), "of kind 'analytical'", code=4)
