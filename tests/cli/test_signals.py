"""Signals to a real process: the first finishes the call and saves, the second leaves at once."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from command_line import TINY

from coalactl.runs.checkpoints import steps
from coalactl.runs.directory import RunDirectory
from coalactl.runs.metric_files import read_metrics

LONG = ["train", *TINY, "--iterations", "1000000", "--out", "run", "--set", "run.checkpoint_every=1000000"]


def start(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "coalactl", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for(process: subprocess.Popen[str], word: str) -> None:
    assert process.stderr is not None
    for line in process.stderr:
        if word in line:
            return
    raise AssertionError(f"ended with {process.wait()} before {word!r}")


@pytest.mark.parametrize(
    ("signum", "code", "state"), [(signal.SIGTERM, 75, "preempted"), (signal.SIGINT, 130, "interrupted")]
)
def test_the_first_signal_saves_and_tells_how_to_go_on(signum: signal.Signals, code: int, state: str) -> None:
    process = start(*LONG)
    wait_for(process, "iteration ")
    process.send_signal(signum)
    out, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    assert out == ""
    assert "Traceback" not in err
    assert "coalactl train --resume run" in err
    run = RunDirectory("run")
    status = run.read_status()
    assert status.state == state
    assert steps(run) == [status.iteration]
    assert read_metrics(run)["iteration"].tolist() == list(range(status.iteration))


def test_while_compiling_the_first_signal_leaves_at_once_and_the_run_can_go_on() -> None:
    process = start(*LONG, "--set", "network.depth=3")  # a program that no test has compiled
    wait_for(process, "compiling")
    process.send_signal(signal.SIGTERM)
    began = time.monotonic()
    process.communicate(timeout=60)
    assert process.returncode == 75
    assert time.monotonic() - began < 30  # parts of a compilation hold Python's lock for seconds on a busy machine
    assert RunDirectory("run").read_status().state == "preempted"


def test_a_second_signal_leaves_at_once() -> None:
    # A call that lasts: the first signal alone would wait for its end.
    program = """
import sys, time
from coalactl.training.signals import StopSignals
with StopSignals() as stop:
    print("ready", file=sys.stderr, flush=True)
    for _ in range(600):
        time.sleep(0.1)
"""
    process = subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE, text=True)
    wait_for(process, "ready")
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=5)
    assert process.returncode == 130
    assert not Path("run").exists()


@pytest.mark.slow
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
