"""The Ray executor: what tasks ask for, and a two-node cluster that loses workers in the middle of a sweep."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import psutil
import pytest
from command_line import Command
from hypothesis import given
from hypothesis import strategies as st
from processes import start, wait_until
from sweeps import LONG, assert_every_trial_is_done_once, same_rows, saved, write_sweep

from coalactl.errors import ExitCode, UserError
from coalactl.runs.finding import find_runs
from coalactl.sweep.claims import live_claims
from coalactl.sweep.executor_ray import Share, default_jobs, share_of
from coalactl.sweep.folder import SweepFolder

NODES = Path(__file__).parents[1] / "ray_nodes.py"


def test_without_ray_one_line_says_how_to_install_it(coalactl: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    done = coalactl("sweep", write_sweep(), "--out", "out", "--executor", "ray")
    assert (done.code, done.out) == (ExitCode.USAGE, "")
    assert done.err == 'coalactl: --executor ray: Ray is not installed; pip install "coalactl[ray]"\n'
    assert not Path("out").exists()


@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://127.0.0.1:1", "127.0.0.1", "127.0.0.1:many", "a b:1"])
def test_a_cluster_that_does_not_answer_is_named_at_once(
    address: str, coalactl: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", ModuleType("ray"))
    monkeypatch.setenv("RAY_ADDRESS", address)
    done = coalactl("sweep", write_sweep(), "--out", "out", "--executor", "ray")
    assert done.code == ExitCode.USAGE
    assert done.err.startswith(f"coalactl: --executor ray: no cluster answers at RAY_ADDRESS={address}: ")
    assert len(done.err.splitlines()) == 1
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("nodes", "jobs", "share"),
    [
        ([(8, 0)], 2, (4, 0)),
        ([(3, 0), (3, 0)], 3, (1, 0)),  # 6 CPUs would give 2 each, but a node with 3 holds only one such task.
        ([(16, 0), (4, 0)], 5, (4, 0)),
        ([(1, 0), (1, 0)], 5, (0.3333, 0)),
        ([(16, 4), (16, 4)], 4, (8, 2)),
        ([(16, 4), (64, 0)], 4, (4, 1)),  # The node without GPUs is of no use.
        ([(4, 1)], 2, (2, 0.5)),
        ([(0, 2)], 2, (0, 1)),
    ],
)
def test_shares_are_the_largest_that_fit(nodes: list[tuple[int, int]], jobs: int, share: tuple[float, float]) -> None:
    assert share_of([Share(*node) for node in nodes], jobs) == share


@given(
    nodes=st.lists(st.tuples(st.integers(1, 64), st.integers(0, 8)), min_size=1, max_size=4), jobs=st.integers(1, 99)
)
def test_all_tasks_find_room_at_once(nodes: list[tuple[int, int]], jobs: int) -> None:
    share = share_of([Share(*node) for node in nodes], jobs)
    assert share.cpus > 0
    assert (share.gpus > 0) == any(gpus for _, gpus in nodes)
    assert sum(places(node, share) for node in nodes) >= jobs


def places(node: tuple[int, int], share: Share) -> int:
    """Tasks placed one by one, in Ray's units."""
    (cpus, gpus), count = (10_000 * amount for amount in node), 0
    while count < 100 and cpus >= round(10_000 * share.cpus) and gpus >= round(10_000 * share.gpus):
        cpus, gpus, count = cpus - round(10_000 * share.cpus), gpus - round(10_000 * share.gpus), count + 1
    return count


def test_by_default_each_gpu_has_a_task_else_each_cpu() -> None:
    assert default_jobs([Share(16, 2), Share(8, 0)]) == 2
    assert default_jobs([Share(16, 0), Share(8, 0)]) == 24
    with pytest.raises(UserError, match="no CPUs"):
        default_jobs([Share(0, 0)])


class Cluster(NamedTuple):
    """What ``ray_nodes.py`` tells, and the process."""

    process: subprocess.Popen[str]
    raylets: set[int]
    """Process numbers of the nodes, below which their tasks run."""


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """Two nodes of one CPU each on this machine, which commands find by ``RAY_ADDRESS``."""
    if importlib.util.find_spec("ray") is None:
        pytest.skip("Ray is not installed: an extra that .ci/run adds before the slow tests")
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    with subprocess.Popen(
        [sys.executable, NODES], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        told = json.loads(next(line for line in process.stdout if line.startswith("{")))
        monkeypatch.setenv("RAY_ADDRESS", told["address"])
        yield Cluster(process, set(told["raylets"]))
        process.communicate(timeout=60)


def begin() -> tuple[subprocess.Popen[str], dict[int, int]]:
    """A sweep of two Ray tasks in the middle of its work, and by the process number of a worker that of its task."""
    process = start("sweep", "small.toml", "--out", "out", "--executor", "ray", "--jobs", "2")
    workers: dict[int, int] = {}

    def both_work() -> bool:
        workers.update({each.pid: psutil.Process(each.pid).ppid() for each in live_claims(SweepFolder("out")).values()})
        return len(workers) == 2 and saved("out") > 0

    wait_until(lambda: Path("out/claims").is_dir() and both_work(), process)
    return process, workers


def lose_worker(cluster: Cluster, workers: dict[int, int]) -> None:
    os.kill(min(workers), signal.SIGKILL)


def lose_task(cluster: Cluster, workers: dict[int, int]) -> None:
    os.kill(min(workers.values()), signal.SIGKILL)


def lose_node(cluster: Cluster, workers: dict[int, int]) -> None:
    assert {psutil.Process(task).ppid() for task in workers.values()} == cluster.raylets  # Each node has a worker.
    assert cluster.process.stdin is not None
    cluster.process.stdin.write("remove\n")
    cluster.process.stdin.flush()


@pytest.mark.slow
@pytest.mark.parametrize("lose", [lose_worker, lose_task, lose_node])
def test_each_trial_is_done_once_whatever_is_lost(
    lose: Callable[[Cluster, dict[int, int]], None], sweep: Command, cluster: Cluster
) -> None:
    assert sweep(write_sweep(**LONG), "--out", "whole", "-q").code == 0
    process, workers = begin()
    lose(cluster, workers)
    _, err = process.communicate(timeout=600)
    assert process.returncode == 0, err
    assert err.count("another one takes its place") == 1, err
    assert_every_trial_is_done_once("out")
    assert same_rows("out", "whole")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("signum", "code"), [(signal.SIGTERM, ExitCode.PREEMPTED), (signal.SIGINT, ExitCode.INTERRUPTED)]
)
def test_a_signal_saves_and_resume_goes_on(
    signum: signal.Signals, code: ExitCode, sweep: Command, cluster: Cluster
) -> None:
    write_sweep(**LONG)
    process, _ = begin()
    process.send_signal(signum)
    _, err = process.communicate(timeout=120)
    assert process.returncode == code, err
    assert "go on with: coalactl sweep --resume out" in err
    assert live_claims(SweepFolder("out")) == {}
    assert {run.read_status().state for run in find_runs("out")} <= {"preempted", "finished"}
    assert saved("out") > 0
    assert sweep("--resume", "out", "-q").code == 0
    assert_every_trial_is_done_once("out")
