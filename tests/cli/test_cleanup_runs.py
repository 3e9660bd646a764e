"""CleanUp-lite from a file to its metrics, through training, resuming, evaluation and a report."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import Command
from processes import SMALL, rows_of

FILE = """
[environment]
name = "cleanup-lite"
rows = 3
columns = 3
order_of_moving = "first"
"""
LENGTH = ("--set", "rollout.inner_episode_length=12")
# One opponent an iteration, so that what is told of it is told as it was.
ALONE = ("--set", "rollout.meta_batch_size=1", *LENGTH, "--quiet")
MEASURES = {
    *("reward", "harvest", "cleaning", "zapping", "zapped"),
    *("pollution_level", "apple_level", "cleaning_discrepancy"),
}

pytestmark = pytest.mark.long


@pytest.fixture
def run(train: Command) -> Path:
    Path("cleanup.toml").write_text(FILE)
    result = train("cleanup.toml", *SMALL, *ALONE, "--iterations", "3", "--out", "run")
    assert result.code == 0, result.err
    return Path("run")


def test_its_measures_are_in_the_metrics(run: Path) -> None:
    iterations, episodes = rows_of(run)
    for who in ("", "coplayer_"):
        for measure in MEASURES:
            assert iterations[f"{who}{measure}_vs_naive"].between(0, 3).all()
    assert set(episodes["metric"]) == {f"{who}{measure}" for who in ("", "coplayer_") for measure in MEASURES}
    wide = episodes.pivot_table(index=["iteration", "inner_episode"], columns="metric", values="value")
    assert wide["harvest"].equals(wide["reward"])
    assert wide["zapped"].equals(wide["coplayer_zapping"])
    apart = (wide["cleaning"] - wide["coplayer_cleaning"]).abs()
    assert (wide["cleaning_discrepancy"] - apart).abs().max() < 1e-6
    assert (wide["cleaning_discrepancy"] == wide["coplayer_cleaning_discrepancy"]).all()
    assert apart.max() > 0


def test_it_goes_on_is_evaluated_and_reported(run: Path, coalactl: Command, train: Command) -> None:
    assert train("--resume", run, "--iterations", "4", "--quiet").code == 0
    result = coalactl("eval", run, "--pool", "naive", "--episodes", "2")
    assert result.code == 0, result.err
    assert "cleaning_discrepancy, first" in result.out
    for pool in ("classic", "tabular"):
        result = coalactl("eval", run, "--pool", pool)
        assert result.code == 2
        assert "matrix games only; run plays 'cleanup-lite'" in result.err
        assert len(result.err.splitlines()) == 1
    assert coalactl("report", run, "--out", "report").code == 0
