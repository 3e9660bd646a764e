"""One process writes to a run directory; a second is told which, readers need no lock, the dead hold none."""

from __future__ import annotations

import signal
import socket
from pathlib import Path

import pytest
from command_line import Command
from processes import SMALL, start, wait_for

from coalactl.errors import UserError
from coalactl.runs.directory import RunDirectory
from coalactl.runs.locking import allow_locks
from coalactl.runs.pack import Pack


@pytest.mark.parametrize("more", [[], pytest.param(["--seeds", "2"], marks=pytest.mark.long)])
@pytest.mark.long
def test_a_second_writer_a_reader_and_a_dead_holder(train: Command, coalactl: Command, more: list[str]) -> None:
    endless = [*SMALL, *more, "--iterations", "1000000", "--set", "run.checkpoint_every=50", "--out", "run"]
    process = start("train", *endless)
    try:
        wait_for(process, "training")
        for arguments in (["--resume", "run"], ["--resume", "run/seed-1"] if more else ["--resume", "run", "-q"]):
            refused = train(*arguments)
            assert refused.code == 3, refused.err
            assert f"in use by process {process.pid} on {socket.gethostname()}" in refused.err
            assert len(refused.err.splitlines()) == 1
        assert train(*endless, "-q").code == 3
        assert coalactl("runs", "show", "run").code == 0
        assert {state for row in coalactl("runs", "ls", ".", "--json").json for state in row["statuses"]} == {"running"}
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert {state for row in coalactl("runs", "ls", ".", "--json").json for state in row["statuses"]} == {"stopped"}
    run = RunDirectory("run/seed-1" if more else "run")
    assert str(process.pid) in run.lock_file.read_text()
    done = max([int(path.stem) for path in run.manifests_dir.iterdir()], default=0)
    finished = train("--resume", "run", "--iterations", str(done + 60), "-q")
    assert finished.code == 0, finished.err
    assert run.read_status().state == "finished"


def test_locks_of_many_runs_raise_the_limit_on_open_files(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[tuple[int, int]] = []
    monkeypatch.setattr("resource.getrlimit", lambda _: (256, 4096))
    monkeypatch.setattr("resource.setrlimit", lambda _, limits: given.append(limits))
    allow_locks(20)
    assert given == []
    allow_locks(250)
    ((soft, hard),) = given
    assert 250 < soft < 600
    assert hard == 4096


def test_where_the_system_allows_no_more_no_folder_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise ValueError("not allowed to raise maximum limit")

    monkeypatch.setattr("resource.getrlimit", lambda _: (256, 256))
    monkeypatch.setattr("resource.setrlimit", refuse)
    with pytest.raises(
        UserError, match=r"250 runs at once take about \d+ open files, and the system allows 256; train"
    ):
        Pack.create("pack", {seed: {} for seed in range(250)}, {})
    assert not Path("pack").exists()
