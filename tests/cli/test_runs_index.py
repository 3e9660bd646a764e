"""The index of a list is derived: a list with one tells what a list without one would, whatever happens to either."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from command_line import Command
from report_runs import sequence_pack

from coalactl.runs import index
from coalactl.runs.directory import RunDirectory
from coalactl.runs.index import Index

READ: list[str] = []


@pytest.fixture
def listed(coalactl: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], dict[str, Any]]:
    """The rows of a list by path, which says what was read anew in ``READ``; files are settled at once."""
    monkeypatch.setenv("COALACTL_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(index, "_TICK", 0.0)
    monkeypatch.setattr(index, "WORTH_KEEPING", 1)
    keep = Index.facts

    def facts(self: Index, folder: Path, names: Any, read: Any) -> Any:
        return keep(self, folder, names, lambda path: READ.append(path.name) or read(path))

    monkeypatch.setattr(Index, "facts", facts)
    sequence_pack(Path("runs/pack"), "coala-pg", {0: {"reward_vs_naive": 1.0}, 1: {"reward_vs_naive": 2.0}})

    def rows() -> dict[str, Any]:
        READ.clear()
        time.sleep(0.02)
        return {row["run_dir"][5:]: row for row in coalactl("runs", "ls", "--all", "--json").json}

    return rows


def the_index() -> Path:
    (file,) = Path("cache/runs").iterdir()
    return file


def edit(file: str, old: str, new: str) -> None:
    """In place, to the same length, and with the time that it had."""
    about, text = os.stat(file), Path(file).read_text()
    assert old in text
    assert len(old) == len(new)
    Path(file).write_text(text.replace(old, new))
    os.utime(file, ns=(about.st_atime_ns, about.st_mtime_ns))


def test_what_has_not_changed_is_not_read_again(listed: Callable[[], dict[str, Any]]) -> None:
    first = listed()
    assert sorted(READ) == ["pack", "seed-0", "seed-1"]
    written = the_index().stat().st_mtime_ns
    assert listed() == first
    assert READ == []
    assert the_index().stat().st_mtime_ns == written


def test_whatever_changes_is_told(listed: Callable[[], dict[str, Any]]) -> None:
    listed()
    run = RunDirectory("runs/pack/seed-1")
    run.write_status(run.read_status()._replace(state="diverged"))
    assert (listed()["pack/seed-1"]["status"], READ) == ("diverged", ["seed-1"])
    edit("runs/pack/seed-1/status.json", "diverged", "finished")
    assert (listed()["pack/seed-1"]["status"], READ) == ("finished", ["seed-1"])
    edit("runs/pack/seed-0/config.toml", '"coala-pg"', '"none-suc"')
    assert (listed()["pack/seed-0"]["methods"], READ) == (["none-suc"], ["seed-0"])
    edit("runs/pack/seed-0/provenance.json", "2026-01-01", "2027-01-01")
    assert (listed()["pack"]["started"][:4], READ) == ("2027", ["seed-0"])
    Path("runs/pack/pack.json").write_text('{"seeds": [0, 1, 2]}')
    assert (listed()["pack"]["statuses"], READ) == ({"finished": 2, "missing": 1}, ["pack"])
    Path("runs/pack/tags.json").write_text('{"tags": ["mine"]}')
    assert (listed()["pack"]["tags"], READ) == (["mine"], ["pack"])
    run.status_file.unlink()
    assert (listed()["pack/seed-1"]["status"], READ) == ("damaged status", ["seed-1"])
    shutil.rmtree("runs/pack/seed-1")
    assert (set(listed()), READ) == ({"pack", "pack/seed-0"}, [])
    os.rename("runs/pack/seed-0", "runs/other")
    assert (set(listed()), READ) == ({"pack", "other"}, ["other"])
    assert b"seed-0" not in the_index().read_bytes()


def test_a_killed_run_is_told_though_no_file_changes(listed: Callable[[], dict[str, Any]]) -> None:
    run = RunDirectory("runs/pack/seed-1")
    run.write_status(run.read_status()._replace(state="running"))
    with run.lock():
        assert listed()["pack/seed-1"]["status"] == "running"
    assert (listed()["pack/seed-1"]["status"], READ) == ("stopped", [])


def test_what_was_changed_a_moment_ago_is_read_each_time(
    listed: Callable[[], dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index, "_TICK", 60.0)
    for _ in range(2):
        listed()
        assert sorted(READ) == ["pack", "seed-0", "seed-1"]
    assert not Path("cache/runs").exists()


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "torn": lambda content: content[: len(content) // 2],
    "empty": lambda content: b"",
    "flipped": lambda content: content.replace(b"finished", b"finishee"),
    "another version's": lambda content: content.replace(b"coalactl 0", b"coalactl 9"),
    "another layout": lambda content: content.replace(b"index 1", b"index 0"),
    "no text": lambda content: bytes(range(256)),
}


@pytest.mark.parametrize("how", DAMAGE)
def test_a_damaged_index_is_none(listed: Callable[[], dict[str, Any]], how: str) -> None:
    first = listed()
    whole = the_index().read_bytes()
    damaged = DAMAGE[how](whole)
    assert damaged != whole
    the_index().write_bytes(damaged)
    assert listed() == first
    assert sorted(READ) == ["pack", "seed-0", "seed-1"]
    assert the_index().read_bytes() == whole


def test_without_a_place_for_it_lists_are_the_same(
    listed: Callable[[], dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = listed()
    shutil.rmtree("cache")
    Path("cache").touch()  # As a folder that nobody may write to, for root too.
    assert listed() == first
    monkeypatch.setattr(index, "cache_directory", lambda: None)
    assert listed() == first


def test_several_write_it_at_once(listed: Callable[[], dict[str, Any]]) -> None:
    def write(number: int) -> None:
        own = Index(Path("runs"))
        for name in ("seed-0", "seed-1"):
            own.facts(Path("runs/pack") / name, ["status.json"], lambda path: {"number": number, "long": "x" * 100_000})
        own.save()

    time.sleep(0.02)
    with ThreadPoolExecutor(8) as writers:
        list(writers.map(write, range(40)))
    body = the_index().read_bytes().partition(b"\n")[2]
    assert len({facts["number"] for _, facts in json.loads(body).values()}) == 1
    assert set(index._read(the_index())) == {"pack/seed-0", "pack/seed-1"}
