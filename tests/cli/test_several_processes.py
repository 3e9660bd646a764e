"""Several processes that train one run: as one process does, and none goes on without the others."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from command_line import Command, assert_one_line
from processes import SMALL, assert_same_rows, free_address, group_of, leftovers, rows_of, start, wait_for

from coalactl.processes import LOST
from coalactl.runs.checkpoints import steps
from coalactl.runs.directory import RunDirectory

FOUR = [*SMALL, "--set", "rollout.meta_batch_size=4", "--set", "run.checkpoint_every=2"]
LONG = [*SMALL, "--set", "run.checkpoint_every=1000000", "--iterations", "1000000", "--out", "run"]
CLUSTERS = ("SLURM_JOB_ID", "OMPI_MCA_orte_hnp_uri", "KUBERNETES_SERVICE_HOST")


def start_all(*arguments: str, count: int = 2) -> list[subprocess.Popen[str]]:
    """The processes of one training on this machine, each with one device."""
    group = group_of(free_address(), count)
    return [start("train", *arguments, *group, str(index)) for index in range(count)]


def end_all(processes: list[subprocess.Popen[str]]) -> list[tuple[int, str, str]]:
    """Exit code, output and complaints of each."""
    try:
        said = [process.communicate(timeout=300) for process in processes]
    finally:
        for process in processes:
            process.kill()
    return [(process.returncode, *each) for process, each in zip(processes, said, strict=True)]


def one_process(monkeypatch: pytest.MonkeyPatch, *arguments: str, devices: int) -> tuple[int, str, str]:
    with monkeypatch.context() as context:
        context.setenv("JAX_NUM_CPU_DEVICES", str(devices))
        return end_all([start("train", *arguments)])[0]


@pytest.mark.long
def test_two_processes_train_as_one_does_and_any_number_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    assert one_process(monkeypatch, *FOUR, "--iterations", "2", "--out", "alone", "-q", devices=1)[0] == 0
    assert one_process(monkeypatch, *FOUR, "--iterations", "6", "--out", "one", "-q", devices=2)[0] == 0
    first, second = end_all(start_all(*FOUR, "--iterations", "2", "--out", "two", "--json", "-q"))
    assert (first[0], first[2]) == (0, "")
    assert second == (0, "", "")
    told = json.loads(first[1])  # and nothing that libraries print besides
    assert (told["iterations"], steps(RunDirectory("two"))) == (2, [2])
    assert RunDirectory("two").read_config()["compute"]["devices"] == 2
    # The rows of the first two iterations: what was played, and losses and norms of the gradients.
    alone, two = rows_of("alone"), rows_of("two")
    for one_table, two_table in zip(alone, two, strict=True):
        numbers = one_table.select_dtypes("floating").columns
        np.testing.assert_allclose(one_table[numbers], two_table[numbers], atol=1e-5, rtol=0)
        assert one_table.drop(columns=numbers).equals(two_table.drop(columns=numbers))
    # Once more by two processes, then by one: all as if it had been one with two devices.
    first, second = end_all(start_all("--resume", "two", "--iterations", "4", "-q"))
    assert (first[0], second[0]) == (0, 0), first[2] + second[2]
    code, _, complaints = one_process(monkeypatch, "--resume", "two", "--iterations", "6", "-q", devices=2)
    assert code == 0, complaints
    assert_same_rows("two", "one")
    assert leftovers("two") == []


@pytest.mark.long
def test_where_one_is_killed_the_other_ends_with_a_line_and_the_run_goes_on() -> None:
    """The one that the others find each other through."""
    processes = start_all(*LONG)
    wait_for(processes[0], "iteration ")
    processes[0].kill()
    began = time.monotonic()
    ended = end_all(processes)
    assert time.monotonic() - began < 60
    code, out, complaints = ended[1]
    assert (code, out) == (1, "")
    assert complaints.splitlines()[-1] == f"coalactl: {LOST}"
    assert "Traceback" not in complaints
    assert steps(RunDirectory("run")) == []
    first, second = end_all(start_all("--resume", "run", "--iterations", "3", "-q"))
    assert (first[0], second[0]) == (0, 0), first[2] + second[2]
    assert RunDirectory("run").read_status().iteration == 3


@pytest.mark.long
def test_a_signal_to_one_stops_all_with_the_state_saved() -> None:
    processes = start_all(*LONG)
    wait_for(processes[0], "iteration ")
    processes[1].send_signal(signal.SIGTERM)
    first, second = end_all(processes)
    assert (first[0], second[0]) == (75, 75), first[2] + second[2]
    assert "coalactl train --resume run" in first[2]
    run = RunDirectory("run")
    assert steps(run) == [run.read_status().iteration]
    assert leftovers("run") == []


@pytest.mark.long
def test_what_the_first_process_refuses_ends_all() -> None:
    Path("taken").mkdir()
    Path("taken", "something").touch()
    for code, out, complaints in end_all(start_all(*SMALL, "--out", "taken")):
        assert (code, out) == (2, "")
        assert complaints.splitlines()[-1].startswith("coalactl: taken is not empty")


@pytest.mark.long
def test_processes_with_different_arguments_are_refused() -> None:
    address = free_address()
    processes = [
        start("train", *SMALL, *seed, "--out", "never", *group_of(address, 2), index)
        for index, seed in (("0", []), ("1", ["--seed", "1"]))
    ]
    for code, _, complaints in end_all(processes):
        assert code == 2
        assert "have different configurations" in complaints.splitlines()[-1]
    assert not Path("never").exists()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["--processes", "2"], "--processes 2: it goes with --coordinator HOST:PORT"),
        (["--process-id", "0"], "--process-id 0: it goes with --coordinator HOST:PORT"),
        (["--coordinator", "here"], "--coordinator here: use HOST:PORT"),
        (["--coordinator", "here:port"], "use HOST:PORT"),
        (["--coordinator", "here:70000"], "use HOST:PORT"),
        (["--coordinator", ":7777"], "use HOST:PORT"),
        (["--coordinator", "here:7777"], "--coordinator here:7777: give --processes N with it"),
        (["--coordinator", "here:7777", "--processes", "2"], "give --process-id I with it"),
        (
            ["--coordinator", "here:7777", "--processes", "2", "--process-id", "2"],
            "--process-id 2: there are 2 processes; use 0 to 1",
        ),
        (["--coordinator", "auto", "--processes", "2", "--process-id", "2"], "use 0 to 1"),
        (["--coordinator", "here:7777", "--processes", "0"], "'--processes'"),
        (["--coordinator", "auto", "--dry-run"], "--dry-run: it does not go with --coordinator"),
    ],
    ids=" ".join,
)
def test_arguments_that_contradict_each_other(coalactl: Command, given: list[str], words: str) -> None:
    assert_one_line(coalactl("train", *given, "--out", "never"), words)
    assert not Path("never").exists()


def test_two_coordinators(coalactl: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAX_COORDINATOR_ADDRESS", "there:7777")
    given = ["--coordinator", "here:7777", "--processes", "2", "--process-id", "0"]
    assert_one_line(coalactl("train", *given), "$JAX_COORDINATOR_ADDRESS names another, there:7777")


def test_where_nothing_says_who_takes_part(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in CLUSTERS:
        monkeypatch.delenv(name, raising=False)
    code, out, complaints = end_all([start("train", *SMALL, "--coordinator", "auto", "--out", "never")])[0]
    assert (code, out) == (2, "")
    assert complaints.splitlines()[-1].startswith("coalactl: --coordinator auto: no Slurm, Open MPI or Kubernetes")
    assert os.listdir() == []


@pytest.mark.long
def test_what_slurm_says_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    said = {"SLURM_JOB_ID": str(os.getpid()), "SLURM_STEP_NODELIST": "localhost", "SLURM_NTASKS": "2"}
    for name, value in said.items():
        monkeypatch.setenv(name, value)
    processes = []
    for index in ("0", "1"):
        monkeypatch.setenv("SLURM_PROCID", index)
        monkeypatch.setenv("SLURM_LOCALID", index)
        processes.append(start("train", *SMALL, "--iterations", "1", "--coordinator", "auto", "--out", "run", "-q"))
    first, second = end_all(processes)
    assert (first[0], second[0]) == (0, 0), first[2] + second[2]
    assert steps(RunDirectory("run")) == [1]


@pytest.mark.long
def test_what_cannot_be_shared_is_refused() -> None:
    for given, words in (
        (["analytical-extortion"], "an analytical experiment trains in one process"),
        ([*SMALL, "--devices", "1"], "compute.devices: 1 is no multiple of the 2 processes"),
    ):
        for code, _, complaints in end_all(start_all(*given, "--out", "never")):
            assert code == 2
            assert words in complaints.splitlines()[-1]
    assert not Path("never").exists()
