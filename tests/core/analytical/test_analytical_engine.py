"""The analytical engine: calls, seeds and numbers that are data, starts, float64 that stays inside."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from analytical_runs import RESTART, SEEDS, constant, experiment, logits, run
from reference import analytical_games as paper

from coalactl.training.rows import non_finite_parameters
from coalactl_core.analytical.engine import AnalyticalEngine, build_analytical_engine
from coalactl_core.analytical.learning import AnalyticalState
from coalactl_core.analytical.warm_start import with_parameters
from coalactl_core.errors import ConfigurationError


def fresh(seed: int = 0, **sections: dict[str, Any]) -> AnalyticalState:
    """The start of a run of an experiment whose program is that of ``engine``."""
    return build_analytical_engine(experiment(**sections)).init([seed])


@pytest.fixture(scope="module")
def engine() -> AnalyticalEngine:
    return build_analytical_engine(experiment())


def assert_same(one: Any, other: Any) -> None:
    jax.tree.map(np.testing.assert_array_equal, one, other)


# --- calls, seeds and numbers ---------------------------------------------------------------------------------------


def test_same_seed_same_numbers_and_other_seeds_others(engine) -> None:
    once = run(engine, fresh(), 3)
    assert_same(once, run(engine, fresh(), 3))
    assert not np.isin(logits(once[0])[0, :2], logits(run(engine, fresh(seed=7), 3)[0])).any()


def test_how_iterations_are_cut_into_calls_changes_no_bit(engine) -> None:
    """Across the restart of the optimisers too."""
    assert_same(run(engine, fresh(), 9), run(engine, fresh(), 1, 4, 0, 4))


def test_a_seed_does_not_depend_on_those_beside_it(engine) -> None:
    """Seeds 1 and 2, at other places of runs that hold others too."""
    (first, first_metrics), (second, second_metrics) = (run(engine, fresh(seed=seed), 5) for seed in (0, 1))
    assert_same(logits(first)[:, 1:], logits(second)[:, :-1])
    one, other = first_metrics._replace(iteration=None), second_metrics._replace(iteration=None)
    assert_same(jax.tree.map(lambda leaf: leaf[:, :, 1:], one), jax.tree.map(lambda leaf: leaf[:, :, :-1], other))


@pytest.mark.parametrize(
    ("section", "key", "before", "after"), [("population", "p_naive", 1.0, 0.0), ("naive", "learning_rate", 5.0, 1.0)]
)
def test_a_schedule_changes_a_number_where_it_says(engine, section, key, before, after) -> None:
    scheduled = run(engine, fresh(**{section: {key: {"0": before, "2": after}}}), 4)[0]
    halfway = run(engine, fresh(**{section: {key: constant(before)}}), 2)[0]
    numbers = fresh(**{section: {key: constant(after)}}).numbers
    by_hand = run(engine, halfway._replace(numbers=numbers), 2)[0]
    assert_same(scheduled.agents, by_hand.agents)
    assert np.abs(logits(scheduled) - logits(run(engine, halfway, 2)[0])).max() > 1e-4


def test_a_learning_rate_of_zero_leaves_the_policies_but_learners_are_drawn_anew(engine) -> None:
    start = fresh(meta={"learning_rate": {"0": 0.05, "2": 0.0}})
    halfway, _ = run(engine, start, 2)
    end, metrics = run(engine, halfway, 3)
    assert (logits(halfway) != logits(start)).all()
    assert_same(logits(end), logits(halfway))
    assert_same(metrics.scalars["reward_vs_meta"][:, 0], metrics.scalars["reward_vs_meta"][:, 2])
    assert (metrics.scalars["reward_vs_naive"][:, 0] != metrics.scalars["reward_vs_naive"][:, 2]).all()


def test_agents_and_seeds_meet_learners_of_their_own(engine) -> None:
    _, metrics = run(engine, fresh(meta={"initial": "tit-for-tat"}), 1)
    assert len(np.unique(metrics.scalars["reward_vs_naive"][0, 0])) == 2 * SEEDS
    assert len(np.unique(metrics.scalars["cooperation_dc"][0, 0])) == 1


def test_optimisers_restart_where_it_is_told(engine) -> None:
    def goes_on_like_fresh_ones(iteration: int) -> bool:
        state = run(engine, fresh(), iteration)[0]
        restarted = with_parameters(engine, state, engine.summary(state).parameters)
        one, other = (logits(run(engine, each, 1)[0]) for each in (state, restarted))
        return bool((one == other).all())

    assert goes_on_like_fresh_ones(RESTART)
    assert not goes_on_like_fresh_ones(RESTART - 1)


def test_raw_returns_are_normalized_ones_with_the_rate_over_one_minus_the_discount() -> None:
    raw = fresh(naive={"returns": "raw", "learning_rate": 0.005}, environment={"discount": 0.99})
    normalized = fresh(naive={"returns": "normalized", "learning_rate": 0.5}, environment={"discount": 0.99})
    # 1 - .99 is off by 1e-17, a part in 1e15.
    jax.tree.map(lambda one, other: np.testing.assert_allclose(one, other, rtol=1e-14), raw, normalized)


def test_measures_are_missing_between_evaluations(engine) -> None:
    _, metrics = run(engine, fresh(), 5)
    norms = metrics.scalars.pop("grad_norm")
    assert np.isfinite(norms).all()
    for values in (*metrics.scalars.values(), *metrics.episodes.values()):
        assert np.isfinite(values[:, ::2]).all()
        assert np.isnan(values[:, 1::2]).all()


def test_shaping_learns_to_earn_more_from_naive_learners(engine) -> None:
    """Two agents of three seeds: an evaluation of four learners has a standard deviation of .2, the gain of .02."""
    _, metrics = run(engine, fresh(population={"p_naive": constant(1.0)}), 200, 200, 200)
    earned = metrics.scalars["reward_vs_naive"][0, ::2]
    assert earned[-50:].mean() - earned[:20].mean() > 0.15


# --- starts ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("initial", "expected"),
    [
        # The odds of logit log .01 are 1 to 100.
        ("always-defect", np.full(5, 1 / 101)),
        ("tit-for-tat", np.array([100, 100, 1, 100, 1]) / 101),
    ],
)
def test_named_starts_err_one_time_in_101(initial, expected) -> None:
    found = paper.sigmoid(logits(fresh(meta={"initial": initial})))
    np.testing.assert_allclose(found, np.broadcast_to(expected, (1, SEEDS, 2, 5)), atol=1e-15)


def test_random_starts_have_the_scale_that_is_given() -> None:
    one, three = (logits(fresh(meta={"initial_scale": scale}, run={"seeds": 400})) for scale in (1.0, 3.0))
    # 4000 normal numbers: the mean's standard error is .016, that of the deviation .011; four of each.
    assert abs(one.mean()) < 0.064
    assert abs(one.std() - 1) < 0.044
    np.testing.assert_allclose(three, 3 * one, rtol=1e-12)


def test_policies_of_other_runs_fill_the_agents_in_order_or_one_fills_all(engine) -> None:
    given = np.arange(SEEDS * 2 * 5, dtype=float)
    trained = run(engine, fresh(), 2)[0]
    state = with_parameters(engine, trained, {"logits": given.reshape(1, SEEDS * 2, 1, 5)})
    assert_same(logits(state), given.reshape(1, SEEDS, 2, 5))
    assert_same(state.agents.opt_state, fresh().agents.opt_state)
    same = with_parameters(engine, trained, {"logits": given[:5].reshape(1, 1, 1, 5)})
    assert_same(logits(same), np.broadcast_to(given[:5], (1, SEEDS, 2, 5)))
    with pytest.raises(ConfigurationError, match=r"it has 5 policies \(here 6"):
        with_parameters(engine, trained, {"logits": given[:25].reshape(1, 5, 1, 5)})


# --- precision and refusals -----------------------------------------------------------------------------------------


def test_float64_stays_inside(engine) -> None:
    """What is computed before, between and after calls is in float32, and the engine's numbers are not rounded."""
    double = jax.jit(lambda x: 2 * x)
    assert double(jnp.ones(3)).dtype == jnp.float32
    state, metrics = engine.advance(fresh(), 2)
    assert jax.config.jax_enable_x64 is False
    assert double(jnp.ones(3)).dtype == jnp.float32
    assert double(np.ones(3)).dtype == jnp.float32
    for leaf in jax.tree.leaves((state, metrics)):
        assert isinstance(leaf, np.ndarray)
        assert leaf.dtype in (np.float64, np.int32, np.uint32, np.bool_)
    assert (logits(state) != logits(state).astype(np.float32)).all()
    assert logits(fresh(compute={"precision": "float32"})).dtype == np.float32


def test_what_is_not_finite_is_seen(engine) -> None:
    state = fresh()
    assert non_finite_parameters(engine.summary(state), 0, engine.sizes.seeds) is None
    params = logits(state).copy()
    params[0, 1, 0, 3] = np.nan
    state = state._replace(agents=state.agents._replace(params=params))
    told = non_finite_parameters(engine.summary(state), 0, engine.sizes.seeds)
    assert told == f"a parameter of agent 0 of seed {engine.sizes.seeds[1]} is not finite"


@pytest.mark.parametrize("count", [-1, 257])
def test_a_call_holds_what_it_has_room_for(engine, count) -> None:
    with pytest.raises(ValueError, match=r"0\.\.256"):
        engine.advance(fresh(), count)


def test_more_devices_than_there_are_are_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"compute\.devices: 3 given, but JAX has 1"):
        build_analytical_engine(experiment(compute={"devices": 3}))
