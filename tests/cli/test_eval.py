"""``coalactl eval``: pools, files, tables, cross-play; nothing else of a run changes, and mistakes end in one line."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from command_line import TINY, Command, assert_one_line
from processes import start
from spoilt_runs import spoilt

from coalactl.errors import UserError
from coalactl.evaluation.contestants import contestants_of, enter
from coalactl.evaluation.pools import NAMES
from coalactl.runs.directory import RunDirectory
from coalactl.trained import load
from coalactl_core.configuration.memory_one import MEMORY_ONE
from coalactl_core.configuration.strategies import WITH_MEMORY
from coalactl_core.measures import PLAYERS, is_of_policy, parse_metric

# Agents that learn nothing: their read-outs stay zero, and they play each action with probability 1/2.
UNIFORM = [*TINY, "--set", "meta.learning_rate=0", "--set", "run.checkpoint_every=1", "--iterations", "2", "--quiet"]
WIDER = ["--set", "network.width=8", "--set", "population.meta=2", "--set", "population.p_naive=0.75"]
INNER_EPISODES = 2
# The same everywhere, so that programs are compiled once: ten chunks.
COUNT = 160
EVAL = ("eval", "--episodes", COUNT)

Runs = Callable[[], Path]


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("shelf")


@pytest.fixture
def pack(train: Command, shelf: Path, tmp_path: Path) -> Path:
    """A pack of two seeds with one agent each, in the working directory."""
    return _taken(train, shelf / "pack", tmp_path, "--seeds", "2")


@pytest.fixture
def wide(train: Command, shelf: Path, tmp_path: Path) -> Path:
    """A run of two agents with another network."""
    return _taken(train, shelf / "wide", tmp_path, *WIDER)


def _taken(train: Command, shelved: Path, tmp_path: Path, *arguments: str) -> Path:
    if not shelved.exists():
        assert train(*UNIFORM, *arguments, "--out", shelved).code == 0
    return Path(shutil.copytree(shelved, tmp_path / shelved.name)).relative_to(tmp_path)


def contents(path: Path) -> dict[str, str]:
    files = sorted(entry for entry in path.rglob("*") if entry.is_file())
    return {str(file.relative_to(path)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def rows_in(run: Path, name: str) -> pd.DataFrame:
    return pd.read_parquet(run / "eval" / f"{name}.parquet")


def test_the_result_has_its_shape_and_the_run_is_left_alone(coalactl: Command, pack: Path) -> None:
    before = contents(pack)
    with RunDirectory(pack / "seed-0").lock():  # As while the run goes on.
        assert coalactl(*EVAL, pack).code == 0
    after = contents(pack)
    made = {f"seed-{seed}/eval/mixed.{kind}" for seed in (0, 1) for kind in ("parquet", "json")}
    assert after.keys() - before.keys() == made
    # The lock was taken by this test, and names its holder.
    assert {name for name in before if after[name] != before[name]} <= {"seed-0/lock"}
    rows = rows_in(pack / "seed-0", "mixed")
    assert [(name, str(kind)) for name, kind in rows.dtypes.items()] == [
        ("agent", "int64"),
        ("opponent_kind", "str" if pd.__version__ >= "3" else "object"),
        ("opponent", "str" if pd.__version__ >= "3" else "object"),
        ("inner_episode", "int64"),
        ("metric", "str" if pd.__version__ >= "3" else "object"),
        ("value", "float64"),
        ("episodes", "int64"),
    ]
    assert not rows.duplicated(["agent", "opponent_kind", "opponent", "inner_episode", "metric"]).any()
    assert np.isfinite(rows["value"]).all()
    rewards = rows[rows["metric"] == "reward"]
    assert sorted(set(rewards["inner_episode"])) == list(range(INNER_EPISODES))
    assert rewards[rewards["inner_episode"] == 0].groupby("opponent_kind")["episodes"].sum().to_dict() == {
        "naive": 80,
        "meta": 80,
    }
    about = json.loads((pack / "seed-0/eval/mixed.json").read_text())
    expected = {"tool": "coalactl eval", "pool": "mixed", "episodes": COUNT, "seed": 0, "step": 2, "p_naive": 0.5}
    assert {key: about[key] for key in expected} == expected
    assert about["versions"]["coalactl"]
    assert json.loads(pq.read_schema(pack / "seed-0/eval/mixed.parquet").metadata[b"coalactl"]) == about


def test_an_agent_that_is_loaded_is_the_one_that_evaluations_play(wide: Path) -> None:
    for step in (1, None):
        (contestant,) = contestants_of(enter([wide], step), step)
        for number, played in enumerate(contestant.agents):
            agent = load(wide, number, step)
            assert (agent.number, agent.step, agent.game) == (number, contestant.step, played.game)
            np.testing.assert_array_equal(agent.params, played.params)
    assert not np.array_equal(contestant.agents[0].params, contestant.agents[1].params)
    with pytest.raises(UserError, match=r"agent 2 given; .* has agents 0 to 1"):
        load(wide, 2)


def test_the_table_is_of_the_rows(coalactl: Command, pack: Path) -> None:
    result = coalactl(*EVAL, pack, "--pool", "classic", "--json").json
    (line,) = (line for line in result["table"] if line["opponent"] == "always-cooperate")
    assert (line["unit"], line["opponent_kind"]) == ("seed", "classic")
    assert set(rows_in(pack / "seed-1", "classic")["opponent"]) == {*MEMORY_ONE, "all"}
    by_seed = []
    for seed in (0, 1):
        rows = rows_in(pack / f"seed-{seed}", "classic").query("opponent == 'always-cooperate' and metric == 'reward'")
        by_seed.append(rows["value"].mean())
    reward = line["estimates"]["reward"]
    assert reward["values"] == pytest.approx(by_seed)
    assert reward["mean"] == pytest.approx(np.mean(by_seed))
    # Student's quantile for one degree of freedom, 12.706, over the square root of 2, times the standard deviation.
    assert reward["half_width"] == pytest.approx(12.7062 / 2**0.5 * np.std(by_seed, ddof=1), rel=1e-4)
    # 1 or 2 with probability 1/2: 2 x 20 x 8 samples have a standard error of .028.
    assert abs(reward["mean"] - 1.5) < 0.12
    behaviour = line["estimates"]
    for outcome in ("start", "cc", "dc"):
        assert behaviour[f"cooperation_{outcome}"]["mean"] == pytest.approx(0.5, abs=1e-6)
    assert "cooperation_cd" not in behaviour  # It cannot occur.
    told = set(rows_in(pack / "seed-0", "classic")["metric"])
    measures = {parse_metric(metric) for metric in told if not is_of_policy(metric)}
    assert {measure.column for measure in measures} == {metric for metric in told if not is_of_policy(metric)}
    assert {(measure.name, measure.whose) for measure in measures} == {
        (name, whose) for name in ("reward", "defection") for whose in PLAYERS
    }


def test_the_same_seed_gives_the_same_numbers_whose_means_by_step_are_told_if_wanted(coalactl, pack) -> None:
    run = pack / "seed-1"
    for name, *more in (("one",), ("two", "--by-step"), ("three", "--seed", "5")):
        result = coalactl(*EVAL, run, "--pool", "tabular", "--out", name, "--quiet", *more)
        assert (result.code, result.out, result.err) == (0, "", "")
    one, two, three = (rows_in(run, name) for name in ("one", "two", "three"))
    pd.testing.assert_frame_equal(one, two, check_exact=True)
    assert not one["value"].equals(three["value"])
    (file,) = (run / "eval/by-step").iterdir()
    steps, keys = pd.read_parquet(file), [*one.columns[:5]]
    assert (file.name, sorted(set(steps["step"]))) == ("two.parquet", [0, 1])
    whole = two[~two["metric"].map(is_of_policy)].set_index(keys)["value"].sort_index()
    np.testing.assert_allclose(steps.groupby(keys)["value"].mean().sort_index(), whole, atol=1e-6)
    assert steps["value"].nunique() > whole.nunique()
    assert coalactl(*EVAL, run, "--pool", "tabular", "--out", "two", "--quiet").code == 0
    assert not file.exists()


@pytest.mark.long
def test_mixed_is_the_runs_own_pool(coalactl: Command, wide: Path, pack: Path) -> None:
    for arguments, naive in (((wide,), 120), ((wide, "--p-naive", "0.25"), 40), ((wide, "--p-naive", "1"), 160)):
        result = coalactl(*EVAL, *arguments, "--pool", "mixed")
        assert (result.code, "p_naive" in result.err) == (0, False)
        rows = rows_in(wide, "mixed").query("metric == 'reward' and inner_episode == 0")
        met = rows.groupby(["agent", "opponent_kind"])["episodes"].sum()
        assert met[0, "naive"] == met[1, "naive"] == naive
        assert met.sum() == 2 * COUNT
    assert "trained with p_naive 1; mixed takes 0.5" in coalactl(*EVAL, pack / "seed-0").err


@pytest.mark.long
def test_agents_of_other_networks_meet_in_cross_play(coalactl: Command, pack: Path, wide: Path) -> None:
    result = coalactl(*EVAL, pack, wide, "--json")
    assert result.code == 0
    assert "the pool cross" in result.err
    matrix = result.json["matrix"]
    assert matrix["runs"] == ["seed-0", "seed-1", "wide"]
    # Uniform agents earn 1/2 whomever they meet; 40 meta-episodes or more of 8 steps, of a standard deviation of 1.12.
    assert np.abs(np.asarray(matrix["reward"], float) - 0.5).max() < 4 * 1.12 / 320**0.5
    rows = rows_in(wide, "cross").query("metric == 'reward' and inner_episode == 0")
    met = rows[rows["agent"] == 1].set_index("opponent")["episodes"].to_dict()
    assert met.keys() == {"seed-0/agent-0", "seed-1/agent-0", "0"}
    assert sum(met.values()) == COUNT
    others = rows_in(pack / "seed-1", "cross").query("metric == 'reward' and inner_episode == 0")
    assert set(others["opponent"]) == {"seed-0/agent-0", "wide/agent-0", "wide/agent-1", "0"}
    assert "diagonal" in coalactl(*EVAL, pack, "--pool", "cross").out


def test_a_pool_file_mixes_kinds(coalactl: Command, pack: Path) -> None:
    kinds = ("naive", 'fixed"\nweight = 3\nstrategy = "gradual~0.1', 'naive"\nweight = 4\nlearner = "q-learning')
    Path("few.toml").write_text("".join(f'[[opponents]]\nkind = "{kind}"\n' for kind in kinds))
    assert "  q-learning" in coalactl(*EVAL, pack / "seed-0", "--pool", "few.toml").out
    rows = rows_in(pack / "seed-0", "few").query("metric == 'reward' and inner_episode == 0")
    met = {"0": 10, "1": 10, "gradual~0.1": 60, "q-learning/0": 40, "q-learning/1": 40}
    assert dict(rows[["opponent", "episodes"]].to_numpy()) == met
    Path("few.toml").write_text('[[opponents]]\nkind = "fixed"\nstrategy = "tit-for-tit"\n')
    wrong = coalactl("eval", pack / "seed-0", "--pool", "few.toml")
    assert_one_line(wrong, "did you mean 'tit-for-tat'", code=2)


def test_without_a_run_the_newest_is_taken(coalactl: Command, pack: Path) -> None:
    assert "no run below runs" in coalactl("eval").err
    pack.rename("runs")
    result = coalactl(*EVAL, "--pool", "probes", "--step", "1")
    assert "evaluating runs, the newest below runs" in result.err
    assert json.loads(Path("runs/seed-1/eval/probes.json").read_text())["step"] == 1
    rows = rows_in(Path("runs/seed-1"), "probes").query("metric == 'reward' and inner_episode == 0")
    names = ("tit-for-tat", "always-cooperate", "always-defect")
    assert {*rows["opponent_kind"]} == {"meta", "tabular", "fixed"}
    assert {*rows.query("opponent_kind == 'fixed'")["opponent"]} == {*names}
    assert {*rows["episodes"]} == {COUNT // 5}


def test_an_evaluation_is_replaced_and_nothing_else(coalactl: Command, pack: Path) -> None:
    run = pack / "seed-0"
    command = (*EVAL, run, "--pool", "naive")
    assert "replacing" not in coalactl(*command).err
    (run / "eval/naive.json").unlink()
    assert "replacing" in coalactl(*command).err
    assert (run / "eval/naive.json").exists()
    for name in ("naive.parquet", "naive.json"):
        kept = (run / "eval" / name).read_bytes()
        (run / "eval" / name).write_text("{}")
        result = coalactl(*command)
        assert (result.code, name in result.err) == (3, True)
        assert (run / "eval" / name).read_text() == "{}"
        (run / "eval" / name).write_bytes(kept)


def test_killed_while_writing(coalactl: Command, pack: Path) -> None:
    run = pack / "seed-0"
    command = ("eval", "--episodes", str(COUNT), str(run), "--pool", "naive")
    process = start(*command, dying_at="evaluation")
    process.communicate(timeout=300)
    assert process.returncode == -9
    assert [path.name for path in (run / "eval").iterdir()] == [".naive.parquet.tmp"]
    assert coalactl(*command).code == 0
    assert sorted(path.name for path in (run / "eval").iterdir()) == ["naive.json", "naive.parquet"]


def test_fewer_meta_episodes_than_opponents_meet_each_once(coalactl: Command, pack: Path) -> None:
    run = pack / "seed-0"
    result = coalactl("eval", "--episodes", "7", str(run), "--pool", "memory", "--json")
    assert "--episodes 7: the pool has 12 opponents, each is met once" in result.err
    assert result.json["episodes"] == json.loads((run / "eval/memory.json").read_text())["episodes"] == 12
    rows = rows_in(run, "memory").query("metric == 'coplayer_defection'").groupby("opponent")["value"].mean()
    assert {*rows.index} == {*WITH_MEMORY}


@pytest.mark.parametrize(
    ("arguments", "words", "code"),
    [
        (["pack", "--pool", "clasic"], ["'clasic'", "did you mean 'classic'?", *NAMES], 2),
        (["pack", "--pool", "no.toml"], ["no.toml: no such file"], 2),
        (["pack", "--step", "7"], ["--step", "no checkpoint of step 7; it has 1, 2"], 2),
        (["pack", "--p-naive", "1.5"], ["--p-naive: 1.5 given", "0 to 1"], 2),
        (["pack", "--p-naive", "nan"], ["--p-naive: nan given", "0 to 1"], 2),
        (["pack", "--pool", "naive", "--p-naive", "0.5"], ["--p-naive: it is for --pool mixed"], 2),
        (["pack", "--episodes", "0"], ["--episodes"], 2),
        (["pack", "--out", "../x"], ["--out: '../x' given"], 2),
        (["pack/seed-0", "--pool", "cross"], ["two runs at least"], 2),
        (["missing"], ["missing", "no such run directory"], 2),
        (["pack/seed-0/config.toml"], ["not a run directory"], 2),
        (["empty"], ["empty is not a run directory: it has no config.toml"], 2),
        (["unfinished"], ["unfinished has no checkpoint yet"], 2),
        (["longer", "pack"], ["runs of one game", "inner_episode_length is 3 in longer"], 2),
        (["plugin", "--pool", "classic"], ["'classic' opponents", "matrix games only", "'module:Other'"], 2),
        (["later"], ["later has format 99", "coalactl 9.9"], 4),
        (["damaged"], ["no whole checkpoint"], 4),
        (["linked"], ["symbolic link"], 4),
        (["analytical"], ["of kind 'analytical'", "coalactl runs show"], 2),
    ],
)
def test_mistakes_end_in_one_line(coalactl: Command, pack: Path, arguments: list, words: list, code: int) -> None:
    spoilt(pack, arguments[0])
    before = contents(Path())
    result = coalactl("eval", *arguments)
    assert (result.code, result.out) == (code, "")
    lines = [line for line in result.err.splitlines() if line.startswith("coalactl: ")]
    assert len(lines) == 1
    assert all(word in lines[0] for word in words), lines
    assert "Traceback" not in result.err
    assert contents(Path()) == before
