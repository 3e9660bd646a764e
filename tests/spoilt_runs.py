"""Runs that cannot be evaluated, each with what is wrong with it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path


def spoilt(pack: Path, name: str) -> None:
    """A run that cannot be evaluated, under the name of what is wrong with it."""
    if name == "empty":
        Path(name).mkdir()
    elif name in _SPOILT:
        _SPOILT[name](Path(shutil.copytree(pack / "seed-0", name)))


def _with_config(old: str, new: str) -> Callable[[Path], object]:
    def spoil(run: Path) -> None:
        text = (run / "config.toml").read_text()
        assert old in text
        (run / "config.toml").write_text(text.replace(old, new) if old else new)

    return spoil


def _of_a_later_version(run: Path) -> None:
    provenance = json.loads((run / "provenance.json").read_text())
    attempts = [{**provenance, "packages": {"coalactl": "9.9"}}]
    (run / "provenance.json").write_text(json.dumps({**provenance, "format": 99, "attempts": attempts}))


def _damage(run: Path) -> None:
    for file in (run / "checkpoints").rglob("*"):
        if file.is_file():
            file.write_bytes(b"no")


def _link(run: Path) -> None:
    Path("elsewhere").mkdir()
    (run / "eval").symlink_to(Path("elsewhere").absolute())


_SPOILT: dict[str, Callable[[Path], object]] = {
    "unfinished": lambda run: shutil.rmtree(run / "manifests"),
    "longer": _with_config("inner_episode_length = 2", "inner_episode_length = 3"),
    "plugin": _with_config('name = "matrix-game"', 'name = "module:Other"'),
    "later": _of_a_later_version,
    "damaged": _damage,
    "linked": _link,
    "analytical": _with_config("", 'kind = "analytical"\n'),
}
