"""A run has one writer: who holds its lock is told, and whoever is dead is no obstacle."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from directories import new_run

from coalactl.errors import ExitCode, UserError
from coalactl.runs.directory import RunDirectory

HOLD = """
import sys, time
from coalactl.runs.directory import RunDirectory
with RunDirectory.open(sys.argv[1]).lock():
    print("held", flush=True)
    time.sleep(60)
"""


@contextmanager
def other_process_holding(run: RunDirectory) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(run.path)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def test_a_second_writer_is_told_who_the_first_is(tmp_path: Path) -> None:
    run = new_run(tmp_path / "run")
    with other_process_holding(run) as process:
        with pytest.raises(UserError) as refused, run.lock():
            pass
        assert refused.value.code == ExitCode.RUN_CONFLICT
        assert f"process {process.pid} on {os.uname().nodename}" in str(refused.value)
        holder = run.holder()
        assert holder is not None
        assert holder.pid == process.pid


def test_a_dead_holder_is_no_obstacle(tmp_path: Path) -> None:
    run = new_run(tmp_path / "run")
    with other_process_holding(run) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert str(process.pid) in run.lock_file.read_text()
    assert run.holder() is None
    with run.lock():
        assert run.holder() is not None
    assert run.holder() is None


@pytest.mark.parametrize("holder", [("gone-container", 7), (socket.gethostname(), 1)])
def test_a_dead_holder_is_dead_whatever_its_text_says(tmp_path: Path, holder: tuple[str, int]) -> None:
    run = new_run(tmp_path / "run")
    run.lock_file.write_text(json.dumps({"host": holder[0], "pid": holder[1]}))
    assert run.holder() is None
    with other_process_holding(run):
        run.lock_file.write_text("")  # as in the moment before it is told
        assert run.holder() is not None


def test_where_locks_cannot_be_asked_the_text_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    run = new_run(tmp_path / "run")
    monkeypatch.setattr(fcntl, "flock", refuse)
    run.lock_file.write_text(json.dumps({"host": "another", "pid": 7}))
    assert run.holder() == ("another", 7)
    run.lock_file.write_text("")
    assert run.holder() is None


def test_readers_keep_no_writer_out(tmp_path: Path) -> None:
    run = new_run(tmp_path / "run")
    reading = os.open(run.lock_file, os.O_RDONLY)
    fcntl.flock(reading, fcntl.LOCK_SH)  # for much longer than who only asks
    end = threading.Timer(0.02, lambda: os.close(reading))
    end.start()
    with run.lock():
        pass
    end.join()


def test_the_lock_is_free_again_after_an_error(tmp_path: Path) -> None:
    run = new_run(tmp_path / "run")
    with pytest.raises(KeyError), run.lock():
        raise KeyError
    with run.lock():
        pass
