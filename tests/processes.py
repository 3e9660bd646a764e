"""Real processes of the command line, for tests of what happens to them: kills, signals, limits of the system."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd

from coalactl.runs.directory import RunDirectory
from coalactl.runs.metric_files import read_episodes, read_metrics

# The least that trains: a process is nearly all the time that it takes to start.
SMALL = [
    word
    for assignment in (
        *("rollout.meta_batch_size=2", "rollout.batch_size=2", "rollout.inner_episodes=2"),
        *("rollout.inner_episode_length=2", "network.width=4", "network.heads=2", "network.mlp_width=4"),
        *("population.naive=2", "meta.epochs=1", "meta.minibatches=1"),
    )
    for word in ("--set", assignment)
]

_DYING = Path(__file__).with_name("dying.py")


def start(*arguments: str, dying_at: str = "", nth: int = 1) -> subprocess.Popen[str]:
    """A process of its own; one that kills itself at the n-th time it comes to a place of ``dying.py``."""
    words = command(*arguments, dying_at=dying_at, nth=nth)
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def command(*arguments: str, dying_at: str = "", nth: int = 1) -> list[str]:
    """The words that such a process is started with."""
    program = [str(_DYING), dying_at, str(nth)] if dying_at else ["-m", "coalactl"]
    return [sys.executable, *program, *arguments]


def wait_for(process: subprocess.Popen[str], word: str) -> None:
    """Reads what a process says until a word comes."""
    assert process.stderr is not None
    for line in process.stderr:
        if word in line:
            return
    raise AssertionError(f"ended with {process.wait()} before {word!r}")


def wait_until(condition: Callable[[], object], process: subprocess.Popen[str]) -> None:
    """Returns when the condition holds; the process must live as long, and five minutes must do."""
    deadline = time.monotonic() + 300
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def rows_of(path: str | Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows of a run without what the clock says."""
    run = RunDirectory(path)
    return read_metrics(run).drop(columns="seconds", errors="ignore"), read_episodes(run)


def assert_same_rows(one: str | Path, other: str | Path) -> None:
    """Bit-identical metric and episode rows, none lost and none doubled."""
    for left, right in zip(rows_of(one), rows_of(other), strict=True):
        pd.testing.assert_frame_equal(left, right, check_exact=True)


def leftovers(path: str | Path, known: Sequence[str] = ()) -> list[str]:
    """What no whole run directory holds: temporary files, checkpoints without manifest."""
    run = RunDirectory(path)
    found = [entry.relative_to(run.path).as_posix() for entry in run.path.rglob("*") if ".tmp" in entry.name]
    found += [entry.name for entry in run.path.rglob("*") if "orbax-checkpoint-tmp" in entry.name]
    manifests = {entry.stem for entry in run.manifests_dir.iterdir()}
    found += sorted({entry.name for entry in run.checkpoints_dir.iterdir()} ^ manifests)
    return [name for name in found if name not in known]


def free_address() -> str:
    """Where processes of one training can meet on this machine."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"


def group_of(address: str, count: int) -> list[str]:
    """The options of a process but for its own number, which comes last."""
    return ["--coordinator", address, "--processes", str(count), "--process-id"]
