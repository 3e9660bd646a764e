"""A run with agents to hand on, as a training would leave it behind, and a file of them; nothing is trained for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd

from coalactl.cli import main
from coalactl.configuration import plain
from coalactl.runs import checkpoints
from coalactl.runs.directory import RunDirectory
from coalactl_core.configuration.experiment import SequenceExperiment
from coalactl_core.numbers.hyperparameters import hyperparameters_of
from coalactl_core.training.engine import build_engine

SIZES: dict[str, Any] = {
    "network": {"width": 4, "heads": 2, "depth": 1, "mlp_width": 4},
    "population": {"naive": 2, "meta": 2, "p_naive": 0.5},
    "rollout": {"meta_batch_size": 2, "batch_size": 2, "inner_episodes": 2, "inner_episode_length": 2},
    "meta": {"minibatches": 1, "epochs": 1, "learning_rate": 0.1},
    "run": {"iterations": 2, "seed": 3},
    "compute": {"devices": 1},
}
COMMAND = ["coalactl", "train", "mine.toml", "--out", "it's here"]
ITERATIONS = 2


def made_in(folder: Path) -> Path:
    """A folder with ``run``, which has checkpoints at 1 and 2 and rows of both, and ``run.agent`` of the latter."""
    experiment = SequenceExperiment.model_validate(SIZES)
    provenance = {"preset": "mine", "command": COMMAND, "host": "elsewhere", "packages": {"coalactl": "0.2.0"}}
    attempts = [{"host": "elsewhere"}, {"host": "elsewhere"}]
    run = RunDirectory.create(folder / "run", plain(experiment), {**provenance, "attempts": attempts})
    template = build_engine(experiment).run_template
    numbers = jax.tree.map(lambda leaf: jnp.asarray(leaf[0]), hyperparameters_of([experiment]))
    for step in (1, ITERATIONS):
        state = filled(template, step)._replace(hyperparameters=numbers, step=jnp.int32(step))
        checkpoints.save(run, step, state)
    rewards = {
        f"{whose}reward_vs_{kind}": [0.1, 0.2, 0.3, 0.5] for whose in ("", "coplayer_") for kind in ("naive", "meta")
    }
    rows = pd.DataFrame({"iteration": [0, 0, 1, 1], "agent": [0, 1, 0, 1], "steps": 4, "seconds": 1.0, **rewards})
    rows.to_parquet(run.metrics_dir / "0-2.parquet")
    assert main(["agents", "pack", str(run.path), "--out", str(folder / "run.agent")]) == 0
    return folder


def filled(template: Any, seed: int) -> Any:
    """A training state of which every number is drawn: read-outs start at zero, and no agent is like another."""
    draws = np.random.default_rng(seed)

    def fill(leaf: Any) -> Any:
        if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            return jax.random.split(jax.random.key(seed), leaf.shape)
        return draws.normal(size=leaf.shape).astype(leaf.dtype)

    return jax.tree.map(fill, template)
