"""A disk that is full, read-only or gone: exit code 6, one line, and what was saved before goes on as it was."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from command_line import Command, Result
from processes import SMALL, assert_same_rows, leftovers

from coalactl.runs.checkpoints import steps
from coalactl.runs.directory import RunDirectory

EIGHT = [*SMALL, "--iterations", "8", "--set", "run.checkpoint_every=2"]


@pytest.fixture
def cut(train: Command) -> RunDirectory:
    """A run that has done four of eight iterations."""
    arguments = ["4" if word == "8" else word for word in EIGHT]
    assert train(*arguments, "--out", "cut", "-q").code == 0
    return RunDirectory("cut")


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """What a full disk does to a process, on any machine and for any user."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def assert_write_failed(result: Result, *words: str) -> None:
    assert result.code == 6, result.err
    assert "Traceback" not in result.err
    last = result.err.splitlines()[-1]
    assert last.startswith("coalactl: writing"), result.err
    for word in (*words, "what was saved before stands"):
        assert word in last, last


def assert_goes_on_as_if_nothing_had_happened(train: Command) -> None:
    resumed = train("--resume", "cut", "--iterations", "8", "--json", "-q")
    assert resumed.code == 0, resumed.err
    whole = train(*EIGHT, "--out", "whole", "--json", "-q")
    assert resumed.json["parameters_digest"] == whole.json["parameters_digest"]
    assert_same_rows("cut", "whole")
    assert leftovers("cut") == []


# A checkpoint's largest file has some 17 kB, a metric part 13 kB, a part of the episodes 4 kB, a manifest 11 kB.
@pytest.mark.parametrize(
    ("size", "word"), [pytest.param(15_500, "checkpoints/6", marks=pytest.mark.long), (8_000, "metrics"), (2_000, "")]
)
def test_a_full_disk(train: Command, cut: RunDirectory, size: int, word: str) -> None:
    with largest_file(size):
        result = train("--resume", "cut", "--iterations", "8")
    assert_write_failed(result, "File too large", f"cut/{word}")
    assert steps(cut) == [2, 4]
    assert leftovers("cut") == []
    assert_goes_on_as_if_nothing_had_happened(train)


def test_a_disk_that_is_full_at_the_start_leaves_nothing_in_the_way(train: Command) -> None:
    with largest_file(100):
        assert_write_failed(train(*EIGHT, "--out", "cut"), "cut")
    assert not Path("cut/config.toml").exists()
    assert train(*EIGHT, "--out", "cut", "-q").code == 0


@pytest.mark.parametrize("place", ["metrics", "checkpoints", "manifests", "."])
def test_a_folder_that_goes_while_it_is_trained(
    train: Command, cut: RunDirectory, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    from coalactl.training.session import Session

    advance, calls = Session._advance, iter(range(100))

    def removing(self: Session, count: int) -> Any:
        if next(calls) == 1:
            shutil.rmtree(cut.path / place)
        return advance(self, count)

    monkeypatch.setattr(Session, "_advance", removing)
    result = train("--resume", "cut", "--iterations", "8")
    if place == "checkpoints":  # Orbax makes it anew; the manifests of the older ones name what is missing
        assert result.code == 0
    else:
        assert_write_failed(result, "No such file or directory", "cut")
    assert "Traceback" not in result.err


@pytest.mark.parametrize("number", ["EROFS", "EIO", "EACCES", "EDQUOT"])
def test_whatever_the_system_refuses(
    train: Command, cut: RunDirectory, monkeypatch: pytest.MonkeyPatch, number: str
) -> None:
    import errno

    code = getattr(errno, number)

    def refuse(source: Any, target: Any) -> None:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", refuse)
        assert_write_failed(train("--resume", "cut", "--iterations", "8"), os.strerror(code))
    assert steps(cut) == [2, 4]


def test_output_that_cannot_be_written(train: Command, cut: RunDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full: Linux has one, macOS does not")
    with open("/dev/full", "w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        result = train("--resume", "cut", "--json", "-q")
        monkeypatch.undo()
    assert_write_failed(result, "No space left on device")


# --- real file systems ----------------------------------------------------------------------------------------------


def in_a_file_system_of_its_own(script: str) -> list[str]:
    """What a shell script says that runs with a small file system at ./disk; skips where that is not permitted."""
    Path("disk").mkdir()
    mount = 'mount -t tmpfs -o "size=$SIZE" tmpfs disk || exit 99'
    unshare = shutil.which("unshare")
    if unshare is None:
        pytest.skip("there is no unshare: only Linux gives a process a file system of its own")
    words = " ".join(f"'{word}'" for word in SMALL)
    prelude = f'coalactl() {{ "{sys.executable}" -m coalactl "$@"; }}\nSMALL="{words}"\nset -u\n'
    prelude = prelude.replace("'", "")
    done = subprocess.run(
        [unshare, "-m", "-r", "sh", "-c", f"{mount}\n{prelude}{script}"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "SIZE": "700k"},
    )
    if done.returncode == 99 or "unshare" in done.stderr:
        pytest.skip("mounting is not permitted here, as in many containers; limits on file sizes are tested anyway")
    assert "Traceback" not in done.stderr
    return [line for line in (done.stdout + done.stderr).splitlines() if line]


@pytest.mark.long
def test_a_small_file_system_that_fills_up() -> None:
    said = in_a_file_system_of_its_own("""
        head -c 450000 /dev/zero > disk/ballast
        coalactl train $SMALL --iterations 8 --set run.checkpoint_every=1 --out disk/run -q
        echo "full: $?"
        ls disk/run/manifests | wc -l
        rm disk/ballast
        coalactl train --resume disk/run -q
        echo "room: $?"
        find disk/run -name '*tmp*' | wc -l
    """)
    assert "full: 6" in said, said
    assert any("No space left on device" in line for line in said), said
    assert said[1] in ("1", "2", "3"), said
    # Writes that were under way may leave something behind; the next start takes it away.
    assert said[2:4] == ["room: 0", "0"], said


@pytest.mark.long
def test_a_file_system_that_becomes_read_only() -> None:
    said = in_a_file_system_of_its_own("""
        coalactl train $SMALL --iterations 2 --out disk/run -q
        echo "trained: $?"
        mount -o remount,ro disk
        coalactl train --resume disk/run --iterations 4 -q
        echo "resumed: $?"
        coalactl train $SMALL --out disk/other -q
        echo "started: $?"
        coalactl runs show disk/run > shown
        echo "shown: $?"
        coalactl train $SMALL --iterations 2 --init-from disk/run --out next -q
        echo "from it: $?"
    """)
    expected = {"trained: 0", "resumed: 6", "started: 2", "shown: 0", "from it: 0"}
    assert expected <= set(said), said
