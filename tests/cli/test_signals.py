"""Signals to a real process: the first finishes the call and saves, the second leaves at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import TINY, Command
from processes import SMALL, assert_same_rows, leftovers, start, wait_for

from coalactl.runs.checkpoints import steps
from coalactl.runs.directory import RunDirectory
from coalactl.runs.metric_files import read_metrics

LONG = ["train", *SMALL, "--iterations", "1000000", "--out", "run", "--set", "run.checkpoint_every=1000000"]


@pytest.mark.parametrize(
    ("signum", "code", "state"),
    [
        (signal.SIGINT, 130, "interrupted"),
        pytest.param(signal.SIGTERM, 75, "preempted", marks=pytest.mark.long),
        pytest.param(signal.SIGHUP, 75, "preempted", marks=pytest.mark.long),
    ],
)
def test_the_first_signal_saves_and_tells_how_to_go_on(signum: signal.Signals, code: int, state: str) -> None:
    process = start(*LONG)
    wait_for(process, "iteration ")
    process.send_signal(signum)
    out, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    assert out == ""
    assert "Traceback" not in err
    run = RunDirectory("run")
    status = run.read_status()
    assert f"{state}; saved at iteration {status.iteration}; go on with: coalactl train --resume run" in err
    assert status.state == state
    assert steps(run) == [status.iteration]
    assert read_metrics(run)["iteration"].tolist() == list(range(status.iteration))


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGTERM, 75), (signal.SIGINT, 130)])
@pytest.mark.parametrize("place", ["first import", "later import"])
def test_before_anything_is_there_to_save_a_signal_leaves_with_one_line(
    place: str, signum: signal.Signals, code: int
) -> None:
    process = start(*LONG, dying_at=place)
    wait_for(process, "lingering")
    process.send_signal(signum)
    word = "interrupted" if code == 130 else "preempted"
    assert process.communicate(timeout=60) == ("", f"coalactl: {word}; nothing to save\n")
    assert process.returncode == code
    assert not Path("run").exists()


def test_the_command_is_the_one_that_answers_early_signals() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["scripts"] == {"coalactl": "coalactl.__main__:main"}


@pytest.fixture(autouse=True)
def _hangups_as_usual() -> Iterator[None]:
    """The tests themselves may run under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.long
def test_a_second_hangup_is_no_second_signal(train: Command) -> None:
    process = start(*TEN, "run", dying_at="long save", nth=2)
    wait_for(process, "lingering")
    for _ in range(2):
        process.send_signal(signal.SIGHUP)
        time.sleep(0.4)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, "preempted; saved at iteration 4" in err) == (75, True), err
    assert_goes_on_as_if_nothing_had_happened(train)


@pytest.mark.long
def test_under_nohup_a_hangup_is_ignored() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    process = start(*TEN, "run", dying_at="long save", nth=2)
    wait_for(process, "lingering")
    process.send_signal(signal.SIGHUP)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, RunDirectory("run").read_status().state) == (0, "finished"), err


TEN = ["train", *SMALL, "--iterations", "10", "--set", "run.checkpoint_every=2", "--out"]


def assert_goes_on_as_if_nothing_had_happened(train: Command) -> None:
    resumed = train("--resume", "run", "--json", "-q")
    assert resumed.code == 0, resumed.err
    whole = train(*TEN[1:], "whole", "--json", "-q")
    assert resumed.json["parameters_digest"] == whole.json["parameters_digest"]
    assert_same_rows("run", "whole")
    assert leftovers("run") == []


@pytest.mark.parametrize(
    ("signum", "code", "state"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 75, "preempted")]
)
def test_while_compiling_the_first_signal_leaves_at_once(signum: signal.Signals, code: int, state: str) -> None:
    process = start(*TEN, "run", dying_at="long compilation")
    wait_for(process, "lingering")
    process.send_signal(signum)
    began = time.monotonic()
    _, err = process.communicate(timeout=60)
    assert (process.returncode, "Traceback" in err) == (code, False)
    assert err.splitlines()[-1] == f"coalactl: {state}; nothing to save"
    assert time.monotonic() - began < 2
    assert RunDirectory("run").read_status().state == state
    assert steps(RunDirectory("run")) == []


@pytest.mark.long
def test_a_real_compilation_is_left_too() -> None:
    process = start(*LONG, "--set", "network.depth=3")  # a program that no test has compiled
    wait_for(process, "compiling")
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=180)  # parts of a compilation hold Python's lock, for long on a busy machine
    assert process.returncode == 75
    assert "compiled in" not in Path("run/log.txt").read_text()
    assert RunDirectory("run").read_status().state == "preempted"


@pytest.mark.long
def test_while_saving_the_first_signal_waits_until_all_is_saved(train: Command) -> None:
    process = start(*TEN, "run", dying_at="long save", nth=2)
    wait_for(process, "lingering")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, "--resume run" in err) == (130, True), err
    status = RunDirectory("run").read_status()
    assert (status.state, status.iteration, steps(RunDirectory("run"))) == ("interrupted", 4, [2, 4])
    assert_goes_on_as_if_nothing_had_happened(train)


@pytest.mark.long
def test_a_process_that_timeout_signals_and_then_its_group_too_saves(train: Command) -> None:
    process = start(*TEN, "run", dying_at="long save", nth=2)
    wait_for(process, "lingering")
    process.send_signal(signal.SIGTERM)
    time.sleep(0.02)  # or the system makes one of the two
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, "--resume run" in err) == (75, True), err
    assert steps(RunDirectory("run")) == [2, 4]
    assert_goes_on_as_if_nothing_had_happened(train)


@pytest.mark.long
@pytest.mark.parametrize(
    ("place", "nth", "signum", "code", "state"),
    [("long save", 2, signal.SIGTERM, 75, "preempted"), ("long call", 4, signal.SIGINT, 130, "interrupted")],
    ids=["save", "call"],
)
def test_a_second_signal_leaves_at_once_and_the_last_checkpoint_stands(
    train: Command, place: str, nth: int, signum: signal.Signals, code: int, state: str
) -> None:
    process = start(*TEN, "run", dying_at=place, nth=nth)
    wait_for(process, "lingering")
    process.send_signal(signum)
    wait_for(process, "once more leaves at once")
    time.sleep(0.3)
    assert process.poll() is None
    process.send_signal(signum)
    began = time.monotonic()
    _, err = process.communicate(timeout=60)
    assert process.returncode == code
    assert err.splitlines()[-1] == f"coalactl: {state}; saved at iteration 2"
    assert time.monotonic() - began < 1.5
    run = RunDirectory("run")
    assert (run.read_status().state, steps(run), run.holder()) == ("running", [2], None)
    assert_goes_on_as_if_nothing_had_happened(train)


@pytest.mark.parametrize(
    "stream", ["full", *(pytest.param(name, marks=pytest.mark.long) for name in ("closed", "gone"))]
)
@pytest.mark.long
def test_a_training_that_nobody_can_read_goes_on(stream: str) -> None:
    command = [sys.executable, "-m", "coalactl", *TEN, "run"]
    if stream == "closed":
        command = ["sh", "-c", 'exec "$@" >&- 2>&-', "sh", *command]
    reading, writing = os.pipe()
    os.close(reading)
    full = os.open("/dev/full", os.O_WRONLY) if Path("/dev/full").exists() else writing
    stderr = {"closed": subprocess.DEVNULL, "full": full, "gone": writing}[stream]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=stderr, check=False, timeout=120)
    for descriptor in {writing, full}:
        os.close(descriptor)
    assert done.returncode == 0
    assert RunDirectory("run").read_status().state == "finished"


@pytest.mark.long
def test_torn_entries_of_the_compile_cache_are_harmless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COALACTL_CACHE_DIR", str(tmp_path / "cache"))
    arguments = ["train", *TINY, "--iterations", "1", "--json"]
    first = start(*arguments, "--out", "first")
    digest = first.communicate()[0].rpartition("parameters_digest")[2]
    entries = [path for path in (tmp_path / "cache" / "xla").iterdir() if path.name.endswith("-cache")]
    assert entries
    for path in entries:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    second = start(*arguments, "--out", "second", "--quiet")
    out, err = second.communicate()
    assert (second.returncode, err) == (0, "")
    assert out.rpartition("parameters_digest")[2] == digest
