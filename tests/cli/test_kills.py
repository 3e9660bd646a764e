"""``kill -9`` at any moment: the resumed run ends bit-identical to the one that nothing happened to."""

from __future__ import annotations

import random
import signal
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from command_line import Command
from processes import SMALL, assert_same_rows, leftovers, rows_of, start, wait_for

from coalactl.runs.checkpoints import steps
from coalactl.runs.directory import RunDirectory

KILLED = -signal.SIGKILL

# Each is killed inside its second checkpoint, whatever is written first in it.
FORCED = ["commit", "metric part", "orbax", "manifest"]
MORE_FORCED = ["episode part", "pruning", "merging", "status"]
NTH = {"status": 2, "pruning": 1, "merging": 1}


def run_dirs(path: str | Path) -> list[Path]:
    """The run at a path, or the runs of the pack."""
    return sorted(Path(path).glob("seed-*")) or [Path(path)]


def digests(result: dict[str, Any]) -> list[str]:
    return [run["parameters_digest"] for run in result.get("runs", [result])]


@pytest.fixture
def whole(train: Command) -> dict[str, Any]:
    """Runs that nothing happens to, by their arguments."""

    def run(*arguments: str) -> tuple[str, list[str]]:
        path = "-".join(["whole", *arguments]).replace("--", "")
        result = train(*SMALL, *arguments, "--out", path, "--json", "-q", "--set", "run.checkpoint_every=1000000")
        assert result.code == 0, result.err
        return path, digests(result.json)

    return run


def assert_as_if_nothing_had_happened(whole: Any, result: Any, path: str, *arguments: str) -> None:
    assert result.code == 0, result.err
    expected, expected_digests = whole(*arguments)
    assert digests(result.json) == expected_digests
    for one, other in zip(run_dirs(path), run_dirs(expected), strict=True):
        assert_same_rows(one, other)
        assert leftovers(one) == []


# --- at forced places -----------------------------------------------------------------------------------------------


def kill_at(place: str, *arguments: str, nth: int = 2) -> None:
    process = start(*arguments, dying_at=place, nth=nth)
    _, err = process.communicate(timeout=120)
    assert process.returncode == KILLED, err


@pytest.mark.long
@pytest.mark.parametrize("place", FORCED)
def test_killed_inside_of_a_save_and_resumed(whole: Any, train: Command, place: str) -> None:
    kill_at(place, "train", *SMALL, "--iterations", "8", "--out", "cut", "--set", "run.checkpoint_every=2")
    assert steps(RunDirectory("cut")) == [2]
    resumed = train("--resume", "cut", "--json", "-q", "--set", "run.checkpoint_every=3")
    assert "resumed at iteration 2" in Path("cut/log.txt").read_text()
    assert_as_if_nothing_had_happened(whole, resumed, "cut", "--iterations", "8")


@pytest.mark.long
@pytest.mark.parametrize("place", MORE_FORCED)
def test_killed_at_other_places_and_resumed(whole: Any, train: Command, place: str) -> None:
    end = "55" if place == "merging" else "8"  # only many parts are merged
    kill_at(
        place,
        *("train", *SMALL, "--iterations", end, "--out", "cut", "--set", "run.checkpoint_every=1"),
        nth=NTH.get(place, 2),
    )
    resumed = train("--resume", "cut", "--json", "-q")
    assert_as_if_nothing_had_happened(whole, resumed, "cut", "--iterations", end)


@pytest.mark.long
def test_killed_in_each_save_of_a_chain_of_resumes(whole: Any, train: Command) -> None:
    arguments = [*SMALL, "--iterations", "12", "--out", "cut", "--set", "run.checkpoint_every=2"]
    kill_at(FORCED[0], "train", *arguments)
    for place in FORCED[1:]:
        kill_at(place, "train", "--resume", "cut")
    kill_at("provenance", "train", "--resume", "cut", nth=1)
    assert_as_if_nothing_had_happened(whole, train("--resume", "cut", "--json", "-q"), "cut", "--iterations", "12")


@pytest.mark.long
@pytest.mark.parametrize("place", ["orbax", "manifest"])
def test_a_pack_killed_between_its_runs_saves_and_resumed(whole: Any, train: Command, place: str) -> None:
    pack = ["--seeds", "3", "--iterations", "6"]
    arguments = [*SMALL, *pack, "--out", "cut", "--set", "run.checkpoint_every=2"]
    kill_at(place, "train", *arguments, nth=5)  # the second run's second
    assert [steps(RunDirectory(path)) for path in run_dirs("cut")] == [[2, 4], [2], [2]]
    resumed = train("--resume", "cut", "--json", "-q")
    assert_as_if_nothing_had_happened(whole, resumed, "cut", *pack)


@pytest.mark.parametrize("place", ["config", pytest.param("pack", marks=pytest.mark.long)])
def test_killed_before_it_exists_a_start_is_repeated(whole: Any, train: Command, place: str) -> None:
    several = ["--seeds", "3"] if place == "pack" else []
    arguments = [*SMALL, *several, "--iterations", "2", "--out", "cut"]
    kill_at(place, "train", *arguments, nth=1)
    assert train("--resume", "cut").code == 2
    again = train(*arguments, "--json", "-q")
    assert_as_if_nothing_had_happened(whole, again, "cut", *several, "--iterations", "2")


@pytest.mark.long
def test_rows_of_another_log_every_stay_as_they_were(whole: Any, train: Command) -> None:
    started = ["--set", "run.log_every=2", "--set", "run.checkpoint_every=5"]
    assert train(*SMALL, "--iterations", "9", "--out", "cut", "-q", *started).code == 0
    (RunDirectory("cut").manifests_dir / "9.json").unlink()  # as if killed between commit and manifest
    RunDirectory("cut").write_status(RunDirectory("cut").read_status()._replace(state="running"))
    resumed = train("--resume", "cut", "--json", "-q", "--iterations", "13", "--set", "run.log_every=1")
    assert resumed.code == 0, resumed.err
    path, expected_digests = whole("--iterations", "13")
    assert digests(resumed.json) == expected_digests
    for rows, all_rows in zip(rows_of("cut"), rows_of(path), strict=True):
        expected = all_rows[(all_rows["iteration"] % 2 == 0) | (all_rows["iteration"] >= 5)]
        pd.testing.assert_frame_equal(rows, expected.reset_index(drop=True), check_exact=True)


# --- at random moments ----------------------------------------------------------------------------------------------


def survive(kills: int, seed: int, *more: str) -> int:
    """Starts a run, kills and resumes it again and again, on a slow machine ever later until it has come somewhere.

    Gives how often training had begun by then.
    """
    draws = random.Random(seed)
    begin = ["train", *SMALL, "--iterations", "5000", "--out", "cut", *more]
    exists = Path("cut") / ("pack.json" if "--seeds" in more else "config.toml")
    trained = 0
    for kill in range(3 * kills):
        if kill >= kills and newest("cut") > 0:
            break
        interval = ["--set", f"run.checkpoint_every={draws.choice([1, 2, 7])}"]
        process = start(*(["train", "--resume", "cut"] if exists.exists() else begin), *interval)
        if kill % 4 != 3:  # every fourth is killed while it starts or compiles
            wait_for(process, "training")
            trained += 1
        time.sleep(draws.uniform(0, 1 + 2 * max(0, kill - kills)))
        process.kill()
        process.communicate()
        assert process.returncode == KILLED
    return trained


def newest(path: str) -> int:
    return min(max(steps(RunDirectory(run)), default=0) for run in run_dirs(path))


@pytest.mark.parametrize(
    ("kills", "more"),
    [
        (6, []),
        (3, ["--seeds", "3"]),
    ],
)
@pytest.mark.long
def test_killed_at_random_moments_and_resumed(whole: Any, train: Command, kills: int, more: list[str]) -> None:
    assert survive(kills, kills, *more) > 0
    assert newest("cut") > 0
    end = str(newest("cut") + 5)
    resumed = train("--resume", "cut", "--iterations", end, "--json", "-q", "--set", "run.checkpoint_every=1000")
    assert_as_if_nothing_had_happened(whole, resumed, "cut", *more, "--iterations", end)
