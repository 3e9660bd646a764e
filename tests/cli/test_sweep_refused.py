"""Sweeps that are refused in one line, with nothing written; and the dry run, which writes nothing either."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import Command
from sweeps import plan_small

from coalactl.errors import ExitCode


@pytest.fixture
def _planned() -> None:
    plan_small()


REFUSED = [
    (["no-such-sweep"], 2, "sweep 'no-such-sweep' does not exist"),
    (["missing.toml"], 2, "missing.toml: no such file"),
    (["small.toml", "--set", "meta.learningrate=1"], 2, "there is no such key; did you mean 'meta.learning_rate'?"),
    (["small.toml", "--set", "selection.metric=reward_vs_meta"], 2, "there is no 'reward_vs_meta'"),
    (["small.toml", "--set", "axes.meta.clip=[]"], 2, "axes.meta.clip: an empty range"),
    (["small.toml", "--set", "final.seeds=[1]"], 2, "seed 1 is among the seeds of the selection"),
    (["--resume", "nowhere"], 2, "--resume nowhere: no such directory"),
    (["--resume", "."], 2, "not a sweep: there is no sweep.toml in it"),
    (["--resume", "small.toml"], 2, "not a directory"),
    (["small.toml", "--resume", "plan"], 2, "SWEEP: it does not go with --resume"),
    (["--resume", "plan", "--out", "x"], 2, "--out: it does not go with --resume"),
    (["--resume", "plan", "--set", "meta.clip=0.1"], 2, "--set: it does not go with --resume"),
    (["--resume", "plan", "--dry-run"], 2, "--dry-run: it does not go with --resume"),
    (["small.toml", "--out", "small.toml"], 2, "it is a file"),
    (["small.toml", "--out", "plan"], 3, "go on with it by `coalactl sweep --resume plan`"),
    (["small.toml", "--out", "full"], 2, "full is not empty (it holds thing)"),
    (["small.toml", "--jobs", "2", "--executor", "packed"], 2, "--jobs 2: the packed executor is one process"),
    (["small.toml", "--executor", "magic"], 2, "'magic' is not one of 'packed', 'process', 'ray'"),
    (["small.toml", "--jobs", "0"], 2, "--jobs"),
    (["small.toml", "--emit-slurm", "small.toml"], 2, "it exists already"),
    (["small.toml", "--emit-slurm", "no/where.sh"], 2, "its directory does not exist"),
    (["small.toml", "--emit-slurm", "x.sh", "--dry-run"], 2, "--dry-run: it does not go with --emit-slurm"),
]


@pytest.mark.usefixtures("_planned")
@pytest.mark.parametrize(("arguments", "code", "words"), REFUSED, ids=[words[:40] for *_, words in REFUSED])
def test_a_mistake_is_one_line_and_nothing_is_written(
    coalactl: Command, arguments: list[str], code: int, words: str
) -> None:
    Path("full").mkdir()
    Path("full/thing").touch()
    before = sorted(Path().rglob("*"))
    result = coalactl("sweep", *arguments)
    assert (result.code, result.out) == (code, "")
    assert words in result.err
    assert result.err.count("\n") == 1
    assert sorted(Path().rglob("*")) == before


@pytest.mark.usefixtures("_planned")
def test_a_damaged_sweep_file_is_told(coalactl: Command) -> None:
    Path("plan/sweep.toml").write_text("name = ")
    result = coalactl("sweep", "--resume", "plan")
    assert (result.code, result.err.count("\n")) == (ExitCode.DAMAGED, 1)


def test_a_dry_run_lists_the_trials_and_writes_nothing(coalactl: Command) -> None:
    result = coalactl("sweep", "--dry-run")
    assert result.code == 0
    assert "27 runs on seeds 0, 1, 2" in result.out
    assert "15 runs on seeds 100, 101, 102, 103, 104" in result.out
    told = coalactl("sweep", "ipd-mixed", "--dry-run", "--json").json
    assert (told["trials"], told["selection_runs"], told["final_runs"]) == (72, 216, 15)
    # Table 2: four agents, 128 meta-episodes of 16 games and 200 steps, 3000 iterations.
    assert told["steps"] == (216 + 15) * 4 * 128 * 16 * 200 * 3000
    assert list(Path().iterdir()) == []
