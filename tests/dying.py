"""A ``coalactl`` that kills itself at a chosen place, or lingers there: ``python dying.py PLACE NTH train ...``.

The places are found from outside, by replacing what the product calls; nothing in the product knows of them.
"""

from __future__ import annotations

import hashlib
import importlib.abc
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Hook = Callable[..., None]


class Countdown:
    """Kills the process at the n-th call."""

    def __init__(self, nth: int) -> None:
        self._left = nth

    def __call__(self) -> bool:
        self._left -= 1
        return self._left == 0


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def half_written(pattern: str) -> Hook:
    """Dies with half of a file written, before it has taken its name."""

    def install(due: Countdown) -> None:
        replace = os.replace

        def dying(source: Any, target: Any) -> None:
            if Path(target).match(pattern) and due():
                os.truncate(source, os.path.getsize(source) // 2)
                die()
            replace(source, target)

        os.replace = dying  # type: ignore[assignment]

    return install


def linger() -> None:
    """Long enough for a signal to arrive."""
    sys.stderr.write("lingering\n")
    sys.stderr.flush()
    for _ in range(30):
        time.sleep(0.1)


def one_long_call() -> None:
    """As a compilation: for a minute no signal handler of Python's runs in this thread, while others go on."""
    sys.stderr.write("lingering\n")
    sys.stderr.flush()
    hashlib.pbkdf2_hmac("sha256", b"", b"", 10**8)


def before(module: str, name: str, act: Callable[[], None] = die) -> Hook:
    """Dies, or does something else, where a function would be called."""

    def install(due: Countdown) -> None:
        owner: Any = importlib.import_module(module)
        *classes, function = name.split(".")
        for part in classes:
            owner = getattr(owner, part)
        original = getattr(owner, function)

        def dying(*arguments: Any, **keywords: Any) -> Any:
            if due():
                act()
            return original(*arguments, **keywords)

        setattr(owner, function, dying)

    return install


def importing(module: str) -> Hook:
    """Lingers where a module is loaded."""

    class Finder(importlib.abc.MetaPathFinder):
        def find_spec(self, name: str, *_: Any) -> None:
            if name == module:
                linger()

    return lambda due: sys.meta_path.insert(0, Finder())


def between_manifest_and_folder(due: Countdown) -> None:
    """Dies while an old checkpoint is dropped: its manifest has gone, its folder has not."""
    from coalactl.runs import manifests

    remove = manifests.remove

    def dying(path: Path) -> None:
        if path.parent.name == "checkpoints" and path.exists() and due():
            die()
        remove(path)

    manifests.remove = dying


def animation(due: Countdown) -> None:
    """Shows frames for minutes in place of what would be played."""
    from rich.text import Text

    from coalactl.watching import launch

    frames = [Text(f"lingering at frame {number}") for number in range(1000)]
    launch.watch = lambda request: launch._show(frames)


PLACES: dict[str, Hook] = {
    "metric part": half_written("metrics/*.parquet"),
    "episode part": half_written("episodes/*.parquet"),
    "orbax": before("orbax.checkpoint", "PyTreeCheckpointHandler.finalize"),
    "commit": before("coalactl.runs.checkpoints", "write_manifest"),
    "manifest": half_written("manifests/*.json"),
    "pruning": between_manifest_and_folder,
    "merging": before("coalactl.runs.metric_files", "_PartFolder._remove_covered"),
    "evaluation": half_written("eval/*.parquet"),
    "status": half_written("status.json"),
    "config": half_written("config.toml"),
    "provenance": half_written("provenance.json"),
    "pack": half_written("pack.json"),
    "mark": half_written("mark.json"),
    "first import": importing("typer"),
    "later import": importing("pydantic"),
    "long compilation": before("coalactl_core.training.engine", "SequenceEngine.compile", linger),
    "long evaluation": before("coalactl_core.play.evaluation", "evaluate", one_long_call),
    "long watching": before("coalactl_core.play.evaluation", "watch", one_long_call),
    "long call": before("coalactl_core.training.engine", "SequenceEngine.advance", linger),
    "animation": animation,
    "long meeting": before("coalactl.league.folder", "LeagueFolder.keep_meeting", linger),
    "long save": before("coalactl.runs.checkpoints", "write_manifest", linger),
}


if __name__ == "__main__":
    place, nth, *arguments = sys.argv[1:]
    PLACES[place](Countdown(int(nth)))
    sys.argv = ["coalactl", *arguments]
    from coalactl.__main__ import main

    sys.exit(main())
