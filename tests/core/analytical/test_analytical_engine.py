"""The engine: one step against a transcription, calls, seeds and numbers that are data, float64 that stays inside."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from reference import analytical_games as paper

from coalactl_core.analytical.engine import AnalyticalEngine, build_analytical_engine
from coalactl_core.analytical.learning import AnalyticalState
from coalactl_core.config import ConfigurationError
from coalactl_core.config_analytical import AnalyticalExperiment
from coalactl_core.types import Metrics

DILEMMA = np.array([[1.0, -1.0], [2.0, 0.0]])
TIT_FOR_TAT = np.array([1.0, 1, 0, 1, 0])
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


def fresh(seed: int = 0, **sections: dict[str, Any]) -> AnalyticalState:
    """The start of a run of an experiment whose program is that of ``engine``."""
    return build_analytical_engine(experiment(**sections)).init([seed])


@pytest.fixture(scope="module")
def engine() -> AnalyticalEngine:
    return build_analytical_engine(experiment())


def run(engine: AnalyticalEngine, state: AnalyticalState, *counts: int) -> tuple[AnalyticalState, Metrics]:
    """The state after calls of these many iterations, and their metrics in one piece."""
    parts = []
    for count in counts:
        state, metrics = engine.advance(state, count)
        parts.append(jax.tree.map(lambda leaf, count=count: leaf[:, :count], metrics))
    return state, jax.tree.map(lambda *leaves: np.concatenate(leaves, axis=1), *parts)


def assert_same(one: Any, other: Any) -> None:
    jax.tree.map(np.testing.assert_array_equal, one, other)


def logits(state: AnalyticalState) -> np.ndarray:
    return np.asarray(state.agents.params)


# --- one iteration, against the transcription -----------------------------------------------------------------------

GAMMA, RATE, STEPS, WEIGHT, P_NAIVE, LEARNING_RATE = 0.9, 3.0, 2, 0.2, 0.6, 0.5
PROBED: dict[str, dict[str, Any]] = {
    "environment": {"discount": GAMMA},
    "population": {"meta": 3, "p_naive": P_NAIVE, "fixed": [{"strategy": "tit-for-tat", "weight": WEIGHT}]},
    "meta": {"optimizer": "sgd", "learning_rate": LEARNING_RATE},
    # All learners start at even odds, so that nothing is drawn.
    "naive": {"learners": 1, "steps": STEPS, "learning_rate": RATE, "initial_scale": 0.0},
    "run": {"seeds": 1},
}


def against_learner(method: str, policy: np.ndarray, others: list[np.ndarray]) -> float:
    """J, not normalised, of what an agent ascends with weight p_naive."""
    steps = {"payoffs": DILEMMA, "gamma": GAMMA, "eta": RATE * (1 - GAMMA)}
    if method == "shaping":
        return paper.shaping_value(policy, [np.zeros(5)], steps=STEPS, **steps) / (STEPS + 1)
    return float(np.mean([paper.look_ahead_value(policy, other, look_aheads=2, **steps) for other in others]))


def mixture(method: str, policy: np.ndarray, others: list[np.ndarray]) -> float:
    """What an agent ascends: fixed policies have their weight, learners p_naive of the rest, others what is left."""
    own = paper.sigmoid(policy)
    meta = np.mean([paper.values(own, paper.sigmoid(other), DILEMMA, GAMMA)[0] for other in others])
    fixed = paper.values(own, TIT_FOR_TAT, DILEMMA, GAMMA)[0]
    learned = against_learner(method, policy, others)
    return (1 - GAMMA) * (WEIGHT * fixed + (1 - WEIGHT) * (P_NAIVE * learned + (1 - P_NAIVE) * meta))


@pytest.mark.parametrize("method", ["shaping", "lola-dice"])
def test_an_iteration_is_a_simultaneous_step_along_the_mixed_gradient(method) -> None:
    probed = {**PROBED, "meta": {**PROBED["meta"], "method": method}, "lola": {"look_aheads": 2}}
    engine = build_analytical_engine(experiment(**probed))
    before = engine.init([0])
    after, metrics = run(engine, before, 1)
    policies = list(logits(before)[0, 0])
    for agent, policy in enumerate(policies):
        others = policies[:agent] + policies[agent + 1 :]
        gradient = paper.central_differences(lambda at, others=others: mixture(method, at, others), policy)
        # Central differences 1e-5 apart of values that are exact to 1e-12.
        np.testing.assert_allclose(logits(after)[0, 0, agent] - policy, LEARNING_RATE * gradient, atol=1e-7)
        np.testing.assert_allclose(metrics.scalars["grad_norm"][0, 0, 0, agent], np.linalg.norm(gradient), atol=1e-7)
    if method == "shaping":
        assert_reported(metrics, policies)


def assert_reported(metrics: Metrics, policies: list[np.ndarray]) -> None:
    """Every measure of every agent, before its first step."""
    told = {name: values[0, 0, 0] for name, values in metrics.scalars.items()}
    for agent, policy in enumerate(policies):
        own = paper.sigmoid(policy)
        learner = paper.naive_learner(np.zeros(5), policy, DILEMMA, GAMMA, RATE * (1 - GAMMA), STEPS)
        met = {
            "naive": [paper.sigmoid(after) for after in learner],
            "meta": [paper.sigmoid(other) for other in policies[:agent] + policies[agent + 1 :]],
            "fixed": [TIT_FOR_TAT],
        }
        for kind, opponents in met.items():
            for measure, payoffs in (("reward", DILEMMA), ("defection", np.array([[0.0, 0], [1, 1]]))):
                pairs = (1 - GAMMA) * np.array([paper.values(own, other, payoffs, GAMMA) for other in opponents])
                for player, prefix in enumerate(("", "coplayer_")):
                    name = f"{prefix}{measure}"
                    expected = {f"{name}_vs_{kind}": pairs[:, player].mean()}
                    if kind == "naive":
                        expected |= {f"{name}_first_vs_naive": pairs[0, player]}
                        expected |= {f"{name}_last_vs_naive": pairs[-1, player]}
                        episodes = metrics.episodes[name][0, 0, 0, agent, 0]
                        np.testing.assert_allclose(episodes, pairs[:, player], atol=1e-12)
                    for column, value in expected.items():
                        np.testing.assert_allclose(told[column][agent], value, atol=1e-12, err_msg=column)
        states = [told[f"cooperation_{state}"][agent] for state in ("start", "cc", "cd", "dc", "dd")]
        np.testing.assert_allclose(states, own, atol=1e-15)
        fit = paper.extortion(told["zd_chi"][agent], told["zd_phi"][agent], DILEMMA)
        np.testing.assert_allclose(told["zd_error"][agent], np.mean((fit - own[1:]) ** 2), atol=1e-12)
    assert len(set(told["random_zd_error"])) == len(policies)


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
        restarted = engine.with_parameters(state, engine.summary(state).parameters)
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
    state = engine.with_parameters(trained, {"logits": given.reshape(1, SEEDS * 2, 1, 5)})
    assert_same(logits(state), given.reshape(1, SEEDS, 2, 5))
    assert_same(state.agents.opt_state, fresh().agents.opt_state)
    same = engine.with_parameters(trained, {"logits": given[:5].reshape(1, 1, 1, 5)})
    assert_same(logits(same), np.broadcast_to(given[:5], (1, SEEDS, 2, 5)))
    with pytest.raises(ConfigurationError, match=r"it has 5 policies \(here 6"):
        engine.with_parameters(trained, {"logits": given[:25].reshape(1, 5, 1, 5)})


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
    assert engine.finite_parameters(state).all()
    params = logits(state).copy()
    params[0, 1, 0, 3] = np.nan
    state = state._replace(agents=state.agents._replace(params=params))
    np.testing.assert_array_equal(engine.finite_parameters(state), [[[True, True], [False, True], [True, True]]])


@pytest.mark.parametrize("count", [-1, 257])
def test_a_call_holds_what_it_has_room_for(engine, count) -> None:
    with pytest.raises(ValueError, match=r"0\.\.256"):
        engine.advance(fresh(), count)


def test_more_devices_than_there_are_are_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"compute\.devices: 3 given, but JAX has 1"):
        build_analytical_engine(experiment(compute={"devices": 3}))
