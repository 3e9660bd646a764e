"""A checkpoint that cannot be read when a run goes on, and a kill at any write after that: the end is the same."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from command_line import Command
from processes import SMALL, assert_same_rows, leftovers

from coalactl.runs import manifests

END = ["--iterations", "8", "--json", "-q"]


class Killed(BaseException):
    """Stands for a kill: nothing that comes after it is written."""


class Writes:
    """Counts what changes a run's folders: names given, and files and checkpoints removed; dies at the n-th."""

    def __init__(self, patch: pytest.MonkeyPatch, nth: int) -> None:
        self.left = nth
        patch.setattr(os, "replace", self._dying(os.replace))
        patch.setattr(Path, "unlink", self._dying(Path.unlink))
        patch.setattr(manifests, "remove", self._dying(manifests.remove))

    def _dying(self, act: Callable[..., Any]) -> Callable[..., Any]:
        def acting(*arguments: Any, **options: Any) -> Any:
            if not Path(arguments[0]).exists():
                return None  # Nothing would change.
            self.left -= 1
            if self.left < 0:
                raise Killed
            return act(*arguments, **options)

        return acting


def unreadable(run: str) -> tuple[Path, bytes]:
    """Takes a byte from the newest checkpoint of a run; the file and what it was."""
    path = max((path for path in Path(run, "checkpoints/6").rglob("*") if path.is_file()), key=os.path.getsize)
    content = path.read_bytes()
    path.write_bytes(content[:-1])
    return path, content


@pytest.fixture
def cut(train: Command) -> Callable[..., list[dict[str, Any]]]:
    """Makes ``cut``, with checkpoints at 4 and 6, and ``whole``, which has done all eight iterations; what it gave."""

    def make(*seeds: str) -> list[dict[str, Any]]:
        start = [*SMALL, *seeds, "--set", "run.checkpoint_every=2", "-q"]
        assert train(*start, "--iterations", "6", "--out", "cut").code == 0
        return runs_of(train(*start, "--iterations", "8", "--out", "whole", "--json").json)

    return make


def runs_of(result: dict[str, Any]) -> list[dict[str, Any]]:
    runs: list[dict[str, Any]] = result.get("runs", [result])
    return runs


def survives(train: Command, whole: list[dict[str, Any]], nth: int, *, readable_again: bool) -> bool:
    """Damage, a resume that dies at its n-th write, another resume; whether there was such a write."""
    shutil.rmtree("run", ignore_errors=True)
    shutil.copytree("cut", "run")
    path, content = unreadable(whole[-1]["run_dir"].replace("whole", "run", 1))
    with pytest.MonkeyPatch.context() as patch:
        writes = Writes(patch, nth)
        with suppress(Killed):
            train("--resume", "run", *END)
    if readable_again and path.exists():
        path.write_bytes(content)
    result = train("--resume", "run", *END)
    assert result.code == 0, result.err
    for one, other in zip(runs_of(result.json), whole, strict=True):
        assert one["parameters_digest"] == other["parameters_digest"]
        assert_same_rows(one["run_dir"], other["run_dir"])
        assert leftovers(one["run_dir"]) == []
    return writes.left < 0


@pytest.mark.long
@pytest.mark.parametrize(
    ("seeds", "readable_again", "stride"),
    [([], False, 1), (["--seeds", "2"], True, 4)],
    ids=["unreadable", "readable again, a pack"],
)
def test_killed_at_each_write_after_damage(
    train: Command, cut: Callable[..., list[dict[str, Any]]], seeds: list[str], readable_again: bool, stride: int
) -> None:
    """In a pack, whose files are those of runs, at every fourth write."""
    whole = cut(*seeds)
    nth = 0
    while survives(train, whole, nth, readable_again=readable_again):
        nth += stride
    assert nth > 15
