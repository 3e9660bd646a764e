"""Claims on trials: one worker each, kept by heartbeats, free again when their worker has died."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from sweeps import write_sweep

from coalactl.presets import Preset
from coalactl.sweep import claims as module
from coalactl.sweep.claims import Claims, live_claims, read_claim
from coalactl.sweep.definition import read_sweep
from coalactl.sweep.folder import SweepFolder

NAMES = [f"trial-{number}" for number in range(20)]


@pytest.fixture
def folder() -> SweepFolder:
    return SweepFolder.create("out", read_sweep(Preset("small", Path(write_sweep()), shipped=False), {}))


def write_claim(
    folder: SweepFolder, name: str, *, pid: int, age: float = 0.0, host: str = socket.gethostname()
) -> None:
    content = {"host": host, "pid": pid, "token": "other", "heartbeat": time.time() - age}
    (folder.claims_dir / f"{name}.json").write_text(json.dumps(content))


def a_dead_process() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_each_trial_is_claimed_by_one_of_many(folder: SweepFolder) -> None:
    """Every name once, whoever is first: threads open the lock each for itself, as processes do."""
    taken: list[list[str]] = []
    begin = threading.Barrier(8)

    def take() -> None:
        with Claims(folder) as claims:
            begin.wait()
            taken.append(claims.take(NAMES))
            begin.wait()

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == 8
    assert sorted(name for names in taken for name in names) == sorted(NAMES)
    assert live_claims(folder) == {}


def test_a_claim_tells_host_process_and_heartbeat_and_is_given_back(folder: SweepFolder) -> None:
    with Claims(folder) as claims:
        assert claims.take(["a", "b"]) == ["a", "b"]
        claim = live_claims(folder)["a"]
        assert (claim.host, claim.pid) == (socket.gethostname(), os.getpid())
        assert time.time() - claim.heartbeat < 10
        claims.release(["a"])
        assert set(live_claims(folder)) == {"b"}
    assert live_claims(folder) == {}


def test_the_claim_of_a_dead_process_is_free_at_once(folder: SweepFolder) -> None:
    write_claim(folder, "a", pid=a_dead_process())
    write_claim(folder, "b", pid=os.getpid())
    with Claims(folder) as claims:
        assert claims.take(["a", "b"]) == ["a"]


def test_a_claim_of_another_host_is_free_when_its_heartbeat_is_old(folder: SweepFolder) -> None:
    dead = a_dead_process()
    write_claim(folder, "fresh", pid=dead, host="elsewhere", age=module.STALE_AFTER - 20)
    write_claim(folder, "old", pid=dead, host="elsewhere", age=module.STALE_AFTER + 1)
    (folder.claims_dir / "half.json").write_text('{"host": "els')
    assert set(live_claims(folder)) == {"fresh"}
    with Claims(folder) as claims:
        assert claims.take(["fresh", "old", "half"]) == ["old", "half"]


def test_heartbeats_go_on_and_a_claim_that_was_taken_over_is_left_alone(folder: SweepFolder) -> None:
    with Claims(folder, beat_every=0.05) as claims:
        claims.take(["a", "b"])
        before = live_claims(folder)["a"].heartbeat
        write_claim(folder, "b", pid=os.getpid())
        deadline = time.monotonic() + 30
        while live_claims(folder)["a"].heartbeat == before:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        taken_over = read_claim(folder.claims_dir / "b.json")
    assert taken_over is not None
    assert taken_over.token == "other"
    assert set(live_claims(folder)) == {"b"}
