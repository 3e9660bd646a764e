"""Several processes on one sweep, and kills in the middle: every trial is done exactly once all the same."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest
from command_line import Command
from processes import start, wait_until
from sweeps import LONG, RATES, assert_every_trial_is_done_once, same_rows, saved, write_sweep

from coalactl.environment import python_running
from coalactl.errors import ExitCode
from coalactl.runs.finding import find_runs
from coalactl.sweep.claims import live_claims
from coalactl.sweep.folder import SweepFolder


@pytest.fixture
def whole(sweep: Command) -> str:
    """The sweep that nothing happens to."""
    assert sweep(write_sweep(**LONG), "--out", "whole", "-q").code == 0
    return "whole"


@pytest.mark.slow
def test_killed_at_random_moments_and_resumed(sweep: Command, whole: str) -> None:
    draws = random.Random(5)
    for kill in range(4):
        existing = Path("cut/sweep.toml").exists()
        process = start("sweep", *(["--resume", "cut"] if existing else ["small.toml", "--out", "cut"]))
        before = saved("cut")
        if kill != 1:  # One is killed while it starts or compiles.
            wait_until(lambda before=before: saved("cut") > before, process)
        time.sleep(draws.uniform(0, 0.5))
        process.kill()
        process.communicate()
    assert saved("cut") > 0
    assert sweep("--resume", "cut", "-q").code == 0
    assert_every_trial_is_done_once("cut")
    assert same_rows("cut", whole)


@pytest.mark.long
def test_a_signal_saves_and_resume_goes_on(sweep: Command) -> None:
    process = start("sweep", write_sweep(**LONG), "--out", "cut")
    wait_until(lambda: saved("cut") > 0, process)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=120)
    assert process.returncode == ExitCode.PREEMPTED
    assert "go on with: coalactl sweep --resume cut" in err
    assert live_claims(SweepFolder("cut")) == {}
    assert all(run.read_status().state == "preempted" for run in find_runs("cut"))
    assert sweep("--resume", "cut", "-q").code == 0
    assert_every_trial_is_done_once("cut")


@pytest.mark.slow
def test_worker_processes_share_a_sweep_and_survive_the_death_of_one(whole: str) -> None:
    process = start("sweep", "small.toml", "--out", "out", "--executor", "process", "--jobs", "2")
    workers: set[int] = set()

    def both_work() -> bool:
        workers.update(claim.pid for claim in live_claims(SweepFolder("out")).values())
        return len(workers) == 2 and saved("out") > 0

    wait_until(both_work, process)
    os.kill(min(workers), signal.SIGKILL)
    _, err = process.communicate(timeout=600)
    assert process.returncode == 0, err
    assert "died with signal SIGKILL; another one takes its place" in err
    assert_every_trial_is_done_once("out")
    assert same_rows("out", whole)


@pytest.mark.long
def test_workers_end_with_the_process_that_started_them(sweep: Command) -> None:
    file = write_sweep(**LONG)
    process = start("sweep", file, "--out", "out", "--executor", "process", "--jobs", "1")
    wait_until(lambda: saved("out") > 0, process)
    (worker,) = {claim.pid for claim in live_claims(SweepFolder("out")).values()}
    process.kill()
    process.communicate()
    deadline = time.monotonic() + 120
    while live_claims(SweepFolder("out")):
        assert time.monotonic() < deadline, f"worker {worker} goes on"
        time.sleep(0.1)
    assert sweep("--resume", "out", "-q").code == 0
    assert_every_trial_is_done_once("out")


@pytest.mark.parametrize("module", ["coalactl.sweep.child", "coalactl"])
def test_a_file_of_the_user_hides_no_module_of_python(module: str) -> None:
    for name in ("random", "tempfile", "copy"):
        Path(f"{name}.py").write_text(f"raise ImportError('{name} of the user')")
    given = ["nowhere", "1", "1"] if module.endswith("child") else ["sweep", "--resume", "nowhere"]
    # A worker ends where its input does, as when the process that started it has died: the pipe stays open.
    command = [*python_running(module), *given]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        told = process.stderr.read()
    assert process.returncode == ExitCode.USAGE, told
    assert "nowhere" in told
    assert "of the user" not in told


@pytest.mark.long
def test_two_tasks_of_a_slurm_array_share_a_sweep(coalactl: Command) -> None:
    file = write_sweep(**RATES)  # and a module beside it, which is found
    Path("random.py").write_text("raise ImportError('not the one of Python')")
    emitted = coalactl("sweep", file, "--out", "out", "--emit-slurm", "array.sh", "--jobs", "2")
    assert emitted.code == 0
    script = Path("array.sh").read_text()
    assert "#SBATCH --array=0-1\n" in script
    assert list(Path("out/trials").iterdir()) == []
    tasks = [
        subprocess.Popen(
            ["bash", "array.sh"],
            env={**os.environ, "SLURM_ARRAY_TASK_ID": str(task), "SLURM_ARRAY_TASK_COUNT": "2"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for task in range(2)
    ]
    told = [task.communicate(timeout=600) for task in tasks]
    assert [task.returncode for task in tasks] == [0, 0], told
    assert_every_trial_is_done_once("out")
    log = Path("out/log.txt").read_text()
    # At most two of the three trials are one task's at a time, and the final runs come after all of them.
    assert sum("coalactl.sweep.worker: training" in line for line in log.splitlines()) >= 3
