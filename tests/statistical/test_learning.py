"""The claims that the quick presets show, by training them: extortion of naive learners, cooperation in a mixed pool.

Methods are data to the compiled program, so that those without a critic of the batch train in one. The thresholds are
far from what was measured (docs/algorithm.md), since rounding differs between processors and the dynamics amplify it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from coalactl.configuration import resolve
from coalactl.presets import find_preset, read_preset
from coalactl_core.configuration.experiment import SequenceExperiment
from coalactl_core.training.engine import build_engine

pytestmark = pytest.mark.slow


def quick(preset: str, method: str, seed: int, **changes: float) -> SequenceExperiment:
    found = find_preset(preset)
    given = {"meta.method": (method, "--method"), "run.seed": (seed, "--seed")}
    given |= {key: (value, "--set") for key, value in changes.items()}
    return resolve(read_preset(found), found.label, given).experiment


def train(experiments: Sequence[SequenceExperiment], iterations: int, column: str) -> np.ndarray:
    """A column of metrics of all runs, mean over agents; shape (runs, iterations)."""
    engine = build_engine(experiments[0])
    state = engine.init([experiment.run.seed for experiment in experiments], experiments)
    parts, done = [], 0
    while done < iterations:
        count = min(engine.sizes.call_capacity, iterations - done)
        state, metrics = engine.advance(state, count)
        parts.append(np.nanmean(np.asarray(metrics.scalars[column])[:, :count], -1))
        done += count
    return np.concatenate(parts, 1)


def test_coala_pg_extorts_naive_learners_and_the_baselines_do_not() -> None:
    extortion = train([quick("ipd-shaping-quick", "coala-pg", seed) for seed in (0, 1)], 110, "reward_vs_naive")
    others = [quick("ipd-shaping-quick", method, 0) for method in ("m-fos", "batch-unaware")]
    baselines = train(others, 80, "reward_vs_naive")
    assert (extortion[:, -10:].mean(-1) > 0.8).all(), extortion
    assert (baselines[:, -10:].mean(-1) < 0.4).all(), baselines


def test_shaper_earns_more_of_learners_of_two_trajectories_than_always_defecting_does() -> None:
    """That is 0.54 (docs/shaper.md), and what agents come to first."""
    rewards = train([quick("ipd-shaper-quick", "shaper", 0)], 56, "reward_vs_naive")
    assert rewards[:, -8:].mean() > 0.66, rewards


def test_coala_pg_cooperates_in_a_mixed_pool_and_without_naive_agents_it_does_not() -> None:
    """Of batch-unaware pools some end a little above 0 (docs/algorithm.md); those without naive agents never did."""
    mixed = train([quick("ipd-mixed-quick", "coala-pg", 12)], 160, "reward_vs_meta")
    alone = train([quick("ipd-mixed-quick", "coala-pg", 12, **{"population.p_naive": 0.0})], 80, "reward_vs_meta")
    assert mixed[:, -20:].mean() > 0.6, mixed
    assert alone[:, -20:].mean() < 0.05, alone
