"""Going on with a run that something happened to: it ends as if nothing had, or is refused in one line."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from command_line import Command, Result
from processes import assert_same_rows, leftovers

from coalactl.runs import manifests
from coalactl.runs.directory import RunDirectory


def go_on(train: Command, path: str = "cut") -> Result:
    return train("--resume", path, "--iterations", "8", "--json")


def assert_whole(result: Result, made: Callable[..., str], train: Command, path: str = "cut", *more: str) -> None:
    assert result.code == 0, result.err
    again = train("--resume", made("whole", *more), "--json", "-q").json
    for one, other in zip(result.json.get("runs", [result.json]), again.get("runs", [again]), strict=True):
        assert one["parameters_digest"] == other["parameters_digest"]
        run_dir = other["run_dir"].replace("whole", path, 1)
        assert_same_rows(run_dir, other["run_dir"])
        assert leftovers(run_dir) == []


def assert_refused(result: Result, code: int, *words: str) -> None:
    assert result.code == code, result.err
    lines = [line for line in result.err.splitlines() if line.startswith("coalactl: ")]
    assert len(lines) == 1, result.err
    for word in words:
        assert word in lines[0], lines[0]
    assert "Traceback" not in result.err


def rewrite(run: RunDirectory, step: int, change: Callable[[dict[str, Any]], None]) -> None:
    """A manifest that says something else and is whole in itself."""
    path = manifests.manifest_file(run, step)
    content = json.loads(path.read_text())
    content.pop("sha256")
    change(content)
    path.write_text(json.dumps({**content, "sha256": manifests._digest(content)}))
