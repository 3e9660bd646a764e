"""The claims that the quick presets show, by training them: extortion of naive learners, cooperation in a mixed pool.

Methods are data to the compiled program, so that all runs of a test train in one. The thresholds are far from what was
measured (docs/algorithm.md), since rounding differs between processors and the dynamics amplify it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from coalactl.configuration import resolve
from coalactl.presets import find_preset, read_preset
from coalactl_core.config import SequenceExperiment
from coalactl_core.training import build_engine

pytestmark = pytest.mark.slow


def quick(preset: str, method: str, seed: int) -> SequenceExperiment:
    found = find_preset(preset)
    given = {"meta.method": (method, "--method"), "run.seed": (seed, "--seed")}
    return resolve(read_preset(found), found.label, given).experiment


def train(experiments: Sequence[SequenceExperiment], iterations: int, column: str) -> np.ndarray:
    """A column of metrics of all runs, mean over agents; shape (runs, iterations)."""
    engine = build_engine(experiments[0])
    state = engine.init([experiment.run.seed for experiment in experiments], experiments)
    parts, done = [], 0
    while done < iterations:
        count = min(engine.call_capacity, iterations - done)
        state, metrics = engine.advance(state, count)
        parts.append(np.nanmean(np.asarray(metrics.scalars[column])[:, :count], -1))
        done += count
    return np.concatenate(parts, 1)


def test_coala_pg_extorts_naive_learners_and_the_baselines_do_not() -> None:
    methods, seeds = ("coala-pg", "m-fos", "batch-unaware"), (0, 1, 2)
    runs = [quick("ipd-shaping-quick", method, seed) for method in methods for seed in seeds]
    rewards = train(runs, 120, "reward_vs_naive")[:, -12:].mean(-1).reshape(len(methods), len(seeds))
    assert (rewards[0] > 0.7).all(), rewards
    assert (rewards[1:] < 0.4).all(), rewards


def test_coala_pg_cooperates_in_a_mixed_pool_and_batch_unaware_does_not() -> None:
    """The control defected on every seed that was tried; M-FOS does on most (docs/reproduce.md)."""
    runs = [quick("ipd-mixed-quick", method, 12) for method in ("coala-pg", "batch-unaware")]
    coala_pg, unaware = train(runs, 240, "reward_vs_meta")[:, -24:].mean(-1)
    assert coala_pg > 0.6
    assert unaware < 0.05
