"""Gradient balance beside training: it changes no bit of it, and is measured in any pool."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from coalactl_core.configuration.experiment import SequenceExperiment
from coalactl_core.training.engine import build_engine


def experiment(every: int, **population: Any) -> SequenceExperiment:
    return SequenceExperiment.model_validate(
        {
            "network": {"width": 4, "heads": 2, "mlp_width": 4},
            "population": {"meta": [{"method": "coala-pg"}, {"method": "m-fos"}], "naive": 2, "p_naive": 0.5}
            | population,
            "rollout": {"meta_batch_size": 4, "batch_size": 2, "inner_episodes": 2, "inner_episode_length": 3},
            "meta": {"learning_rate": 1e-2, "reward_scale": 1.0},
            "naive": {"learning_rate": 0.1},
            "diagnostics": {"gradient_balance_every": every, "gradient_balance_meta_batch": 8},
        }
    )


COLUMNS = [f"gradient_balance_{name}" for name in ("coala_pg", "m_fos", "batch_unaware")]


@pytest.mark.long
def test_measuring_changes_no_bit_of_training_and_is_of_the_iteration_alone() -> None:
    """The same rows and parameters with and without it, and however the iterations are cut into calls."""
    plain, measuring = build_engine(experiment(0)), build_engine(experiment(2))
    state, metrics = plain.advance(plain.init([0, 3]), 5)
    found, at_once = measuring.advance(measuring.init([0, 3]), 5)
    np.testing.assert_array_equal(found.meta.params, state.meta.params)
    assert sorted(set(at_once.scalars) - set(metrics.scalars)) == sorted(COLUMNS)
    for name, values in metrics.scalars.items():
        np.testing.assert_array_equal(at_once.scalars[name], values)
    ratios = np.stack([np.asarray(at_once.scalars[name])[:, :5] for name in COLUMNS])
    assert np.isfinite(ratios[:, :, ::2]).all()
    assert np.isnan(ratios[:, :, 1::2]).all()
    assert len(np.unique(ratios[0, :, ::2])) == 12
    np.testing.assert_allclose(ratios[1, :, ::2], ratios[0, :, ::2] / 2, rtol=1e-6)
    cut, rows = measuring.init([0, 3]), []
    for count in (1, 3, 1):
        cut, part = measuring.advance(cut, count)
        rows.append(np.stack([np.asarray(part.scalars[name])[:, :count] for name in COLUMNS]))
    np.testing.assert_array_equal(np.concatenate(rows, 2), ratios)
    assert measuring._compiled_advance._cache_size() == 1


@pytest.mark.long
def test_it_is_measured_against_naive_learners_in_any_pool() -> None:
    """Also where a pool has none, or fixed strategies beside them."""
    engine = build_engine(
        experiment(1, p_naive=0.0, fixed=[{"strategy": "tit-for-tat", "weight": 0.5}], dynamic_naive=True)
    )
    _, metrics = engine.advance(engine.init([0]), 1)
    assert all(np.isfinite(metrics.scalars[name][0, 0]).all() for name in COLUMNS)


def test_a_meta_batch_that_is_no_multiple_of_the_trainings_is_refused_where_it_is_used() -> None:
    words = r"diagnostics\.gradient_balance_meta_batch: 10 is no multiple of rollout\.meta_batch_size 4; .* 8"
    tree = experiment(0).model_dump()
    for every in (0, 1):
        tree["diagnostics"] = {"gradient_balance_every": every, "gradient_balance_meta_batch": 10}
        if every:
            with pytest.raises(ValueError, match=words):
                SequenceExperiment.model_validate(tree)
        else:
            SequenceExperiment.model_validate(tree)
