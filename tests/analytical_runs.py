"""Analytical experiments as small as can be, whose runs are cut into calls."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from coalactl_core.analytical.engine import AnalyticalEngine
from coalactl_core.analytical.learning import AnalyticalState
from coalactl_core.configuration.analytical import AnalyticalExperiment
from coalactl_core.types import Metrics

SEEDS, RESTART = 3, 6


def constant(value: float) -> dict[str, float]:
    """A number as a schedule of two points, so that all numbers here are stored alike and one program serves."""
    return {"0": value, "1000": value}


def experiment(**sections: dict[str, Any]) -> AnalyticalExperiment:
    """Two agents, naive learners and tit-for-tat, as small as can be; keys of sections by keyword."""
    tree: dict[str, dict[str, Any]] = {
        "population": {"meta": 2, "p_naive": constant(0.5), "fixed": [{"strategy": "tit-for-tat", "weight": 0.25}]},
        "meta": {"learning_rate": 0.05, "restart_optimizer_at": [RESTART]},
        "naive": {"learners": 4, "steps": 3},
        "run": {"seeds": SEEDS, "evaluate_every": 2},
        "compute": {"devices": 1},
    }
    for name, section in sections.items():
        tree[name] = {**tree.get(name, {}), **section}
    return AnalyticalExperiment.model_validate(tree)


def run(engine: AnalyticalEngine, state: AnalyticalState, *counts: int) -> tuple[AnalyticalState, Metrics]:
    """The state after calls of these many iterations, and their metrics in one piece."""
    parts = []
    for count in counts:
        state, metrics = engine.advance(state, count)
        parts.append(jax.tree.map(lambda leaf, count=count: leaf[:, :count], metrics))
    return state, jax.tree.map(lambda *leaves: np.concatenate(leaves, axis=1), *parts)


def logits(state: AnalyticalState) -> np.ndarray:
    return np.asarray(state.agents.params)
