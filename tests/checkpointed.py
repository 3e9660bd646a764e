"""A state with everything that a training state may hold, saved twice, and compared bit by bit."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from coalactl.runs.checkpoints import save
from coalactl.runs.directory import RunDirectory


class Inner(NamedTuple):
    """Some part of a state."""

    weights: Any
    flags: Any


class State(NamedTuple):
    """A state with everything that a training state may hold."""

    key: Any
    step: Any
    params: Any
    moments: Any
    nothing: Any
    number: float


def make_state(seed: int) -> State:
    draws = np.random.default_rng(seed)
    odd = np.array([np.nan, np.inf, -0.0, 1e-45, 3e38], np.float32)
    return State(
        key=jax.random.split(jax.random.key(seed), 3),
        step=jnp.full(3, seed, jnp.int32),
        params={
            "policy/~/head.1": {"kernel": jnp.asarray(draws.normal(size=(3, 5, 7)), jnp.float32)},
            "half": jnp.asarray(draws.normal(size=4), jnp.bfloat16),
        },
        moments=(Inner(weights=jnp.asarray(odd), flags=jnp.array([True, False])), draws.normal(size=6)),
        nothing=jnp.zeros((3, 0, 2)),
        number=0.1 + seed,
    )


def new_run(path: Path) -> RunDirectory:
    return RunDirectory.create(path, {"run": {"iterations": 9}}, {})


def saved_twice(path: Path) -> RunDirectory:
    """A run with checkpoints at 10 and 20, of the states of seeds 1 and 2."""
    run = new_run(path)
    save(run, 10, make_state(1))
    save(run, 20, make_state(2))
    return run


def copied(run: RunDirectory, folder: Path) -> RunDirectory:
    """The run, for a test to do with as it likes."""
    shutil.copytree(run.path, folder / "copy")
    return RunDirectory.open(folder / "copy")


def bits(tree: Any) -> list[tuple[str, str, tuple[int, ...], bytes]]:
    found = []
    for path, leaf in jax.tree_util.tree_flatten_with_path(tree)[0]:
        kind = str(leaf.dtype) if hasattr(leaf, "dtype") else type(leaf).__name__
        data = np.asarray(jax.random.key_data(leaf) if kind.startswith("key<") else leaf)
        found.append((jax.tree_util.keystr(path), kind, data.shape, data.tobytes()))
    return found


def files_of(run: RunDirectory, step: int) -> list[Path]:
    return sorted(path for path in (run.checkpoints_dir / str(step)).rglob("*") if path.is_file())
