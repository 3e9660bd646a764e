"""The least that a run directory holds, without a training."""

from __future__ import annotations

from pathlib import Path

from coalactl.runs.directory import RunDirectory

CONFIG = {
    "kind": "sequence",
    "run": {"iterations": 7, "seed": 3},
    "meta": {"learning_rate": {"0": 0.1, "100": 1e-5}, "discount": 0.1 + 0.2},
    "environment": {"payoffs": ((1.0, -1.0), (2.0, 0.0)), "nothing": None},
}


def new_run(path: Path) -> RunDirectory:
    return RunDirectory.create(path, CONFIG, {"command": ["coalactl", "train"]})
