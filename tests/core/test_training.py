"""The engine as a whole: one program for all numbers and lengths, runs that do not disturb each other, mixed pools."""

import dataclasses
from functools import partial
from typing import Any, get_origin, get_type_hints

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from coalactl_core.configuration.compute import ComputeConfig
from coalactl_core.configuration.experiment import SequenceExperiment
from coalactl_core.credit.estimators import ESTIMATORS
from coalactl_core.errors import ConfigurationError
from coalactl_core.numbers.hyperparameters import at_iteration, hyperparameters_of
from coalactl_core.training.engine import SequenceEngine, build_engine
from coalactl_core.training.warm_start import with_parameters
from coalactl_core.types import Metrics, Number, Schedule, TrainState

MIXED = [{"method": "coala-pg"}, {"method": "m-fos"}]


def experiment(methods: Any = tuple(MIXED), p_naive: float = 0.5, **meta: Any) -> SequenceExperiment:
    """Two meta agents, naive learners and tit-for-tat in one pool, as small as can be."""
    return SequenceExperiment.model_validate(
        {
            "network": {"width": 4, "heads": 2, "mlp_width": 4},
            "population": {
                "meta": list(methods),
                "naive": 2,
                "p_naive": p_naive,
                "fixed": [{"strategy": "tit-for-tat", "weight": 0.25}],
            },
            "rollout": {"meta_batch_size": 4, "batch_size": 2, "inner_episodes": 2, "inner_episode_length": 3},
            # Rewards in their own scale and a large step, so that a few iterations show in the parameters.
            "meta": {"learning_rate": 1e-2, "reward_scale": 1.0, "epochs": 2, **meta},
            # Two points, so that plain numbers and schedules are stored alike.
            "naive": {"entropy": {"0": 0.0, "50": 0.0}, "learning_rate": 0.1},
        }
    )


@pytest.fixture(scope="module")
def engine() -> SequenceEngine:
    return build_engine(experiment())


@pytest.fixture(scope="module", autouse=True)
def _fresh(engine) -> None:
    FRESH.update(state=engine.init(SEEDS))


SEEDS = (0, 3, 4)
FRESH: dict[str, TrainState] = {}


def fresh(*experiments: SequenceExperiment, seeds: tuple = (0,)) -> TrainState:
    """Runs at their start; initialised once for all tests, since that takes longer than training here."""
    rows = jnp.asarray([SEEDS.index(seed) for seed in seeds])
    state = jax.tree.map(lambda leaf: leaf[rows], FRESH["state"])
    return state._replace(hyperparameters=hyperparameters_of(experiments)) if experiments else state


def run(
    engine: SequenceEngine, *counts: int, seeds: tuple = (0,), experiments: Any = ()
) -> tuple[TrainState, list[Metrics]]:
    """The state after calls of these many iterations, and the metrics of each call."""
    state, metrics = fresh(*experiments, seeds=seeds), []
    for count in counts:
        state, measured = engine.advance(state, count)
        metrics.append(jax.tree.map(lambda leaf, count=count: np.asarray(leaf)[:, :count], measured))
    return state, metrics


def parameters(state: TrainState) -> np.ndarray:
    """The meta agents' parameters, one vector an agent."""
    return np.asarray(state.meta.params)


def assert_same(one: Any, other: Any) -> None:
    jax.tree.map(np.testing.assert_array_equal, one, other)


def test_numbers_and_lengths_are_data_to_one_program(engine) -> None:
    variants = [
        ({}, 1),
        ({"learning_rate": 1e-3}, 1),
        ({"discount": 0.9}, 2),
        ({"p_naive": 0.25}, 3),
        ({"learning_rate": {"0": 5e-3, "5": 0.0}}, 1),
        ({"methods": [{"method": "batch-unaware", "count": 2}]}, 1),
    ]
    found = [parameters(run(engine, count, experiments=[experiment(**changes)])[0]) for changes, count in variants]
    assert engine._compiled_advance._cache_size() == 1
    # And they do matter.
    for other in found[1:]:
        assert not np.array_equal(found[0], other)


def test_one_call_of_two_iterations_equals_two_calls_of_one_to_the_bit(engine) -> None:
    at_once, (together,) = run(engine, 2)
    in_turn, metrics = run(engine, 1, 1)
    assert_same(parameters(at_once), parameters(in_turn))
    assert_same(jax.random.key_data(at_once.key), jax.random.key_data(in_turn.key))
    assert_same(together, jax.tree.map(lambda *rows: np.concatenate(rows, 1), *metrics))
    np.testing.assert_array_equal(together.iteration, [[0, 1]])


def test_a_seed_decides_everything(engine) -> None:
    first, same, other = (run(engine, 2, seeds=(seed,)) for seed in (3, 3, 4))
    assert_same(parameters(first[0]), parameters(same[0]))
    assert_same(first[1], same[1])
    assert not np.array_equal(first[1][0].scalars["policy_loss"], other[1][0].scalars["policy_loss"])


@pytest.mark.parametrize("run_chunk", [1, pytest.param(2, marks=pytest.mark.long)], ids=["in-turn", "side-by-side"])
def test_runs_packed_in_one_program_equal_runs_alone(engine, run_chunk) -> None:
    """Different seeds and numbers side by side; two iterations, since the dynamics are chaotic later."""
    packing = dataclasses.replace(engine, run_chunk=run_chunk)
    experiments = [experiment(), experiment(learning_rate=3e-3, discount=0.95, p_naive=0.25, method="batch-unaware")]
    packed, (metrics,) = run(packing, 2, seeds=(0, 4), experiments=experiments)
    for place, (seed, settings) in enumerate(zip((0, 4), experiments, strict=True)):
        alone, (own,) = run(engine, 2, seeds=(seed,), experiments=[settings])
        jax.tree.map(
            lambda all_, one, place=place: np.testing.assert_allclose(all_[place], one[0], atol=1e-5),
            (parameters(packed), metrics.scalars["grad_norm"], metrics.episodes),
            (parameters(alone), own.scalars["grad_norm"], own.episodes),
        )


@pytest.mark.long
def test_agents_side_by_side_equal_agents_in_turn(engine) -> None:
    """Up to the order of summation in float32; two iterations, since the dynamics are chaotic later."""
    together = build_engine(experiment().model_copy(update={"compute": ComputeConfig(agent_chunk=2)}))
    assert (engine.experiment.compute.agent_chunk, jax.default_backend()) == (1, "cpu")
    found, expected = run(together, 2), run(engine, 2)
    jax.tree.map(
        partial(np.testing.assert_allclose, atol=1e-5),
        (parameters(found[0]), found[1][0].scalars["grad_norm"], found[1][0].episodes),
        (parameters(expected[0]), expected[1][0].scalars["grad_norm"], expected[1][0].episodes),
    )


def test_agents_of_a_mixed_pool_learn_by_their_own_row(engine) -> None:
    """Until the first update nobody's play depends on a method: so each agent learns as in a pool of its own kind."""
    mixed, coala, m_fos = (
        parameters(run(engine, 1, experiments=[experiment(methods)])[0])
        for methods in (MIXED, [{"method": "coala-pg", "count": 2}], [{"method": "m-fos", "count": 2}])
    )
    jax.tree.map(lambda ours, theirs: np.testing.assert_array_equal(ours[0, 0], theirs[0, 0]), mixed, coala)
    jax.tree.map(lambda ours, theirs: np.testing.assert_array_equal(ours[0, 1], theirs[0, 1]), mixed, m_fos)
    assert not np.array_equal(coala, m_fos)


def test_which_methods_a_pool_mixes_and_how_many_is_data_to_one_program(engine) -> None:
    run(engine, 1)
    programs = engine._compiled_advance._cache_size()
    pools = [[{"method": one}, {"method": other}] for one in ESTIMATORS for other in ESTIMATORS]
    assert all(experiment(pool).static_choices == experiment().static_choices for pool in pools)
    found = [parameters(run(engine, 1, experiments=[experiment(pool)])[0])[0].tobytes() for pool in pools]
    assert engine._compiled_advance._cache_size() == programs
    assert len(set(found)) == len(pools)


def test_one_group_is_that_many_agents_to_the_bit(engine) -> None:
    """Also where the group's values are its own: they are what ``[meta]`` would have."""
    tree = experiment([{"method": "m-fos", "count": 2}]).model_dump()
    as_number = {**tree, "population": {**tree["population"], "meta": 2}, "meta": {**tree["meta"], "method": "m-fos"}}
    as_settings = [{"method": "m-fos", "count": 2, "settings": {"learning_rate": 1e-2, "epochs": 2}}]
    plain = run(engine, 2, experiments=[SequenceExperiment.model_validate(as_number)])
    for groups in (tree["population"]["meta"], as_settings, [{"method": "m-fos"}, {"method": "m-fos"}]):
        found = run(engine, 2, experiments=[experiment(groups)])
        assert_same((parameters(found[0]), found[1]), (parameters(plain[0]), plain[1]))


def test_groups_of_a_pool_may_have_settings_of_their_own() -> None:
    methods = [{"method": "coala-pg", "count": 2}, {"method": "m-fos", "settings": {"learning_rate": 0.5}}]
    hyper = at_iteration(hyperparameters_of([experiment(methods)]), jnp.int32(0)).meta
    np.testing.assert_allclose(hyper.learning_rate, [[0.01, 0.01, 0.5]], rtol=1e-6)
    rows = [ESTIMATORS["coala-pg"], ESTIMATORS["coala-pg"], ESTIMATORS["m-fos"]]
    for flag, expected in zip(hyper.credit_assignment, zip(*rows, strict=True), strict=True):
        np.testing.assert_array_equal(flag, [expected])


def test_a_pool_of_another_rule_is_another_program(engine) -> None:
    other_rule = experiment([{"method": "coala-pg"}, {"method": "lola-dice", "settings": {"algorithm": "a2c"}}])
    with pytest.raises(ConfigurationError, match=r"^meta: .* runs of one program share all but numbers"):
        engine.init([0], [other_rule])


@pytest.mark.long
def test_a_mean_over_the_batch_is_data_and_a_value_after_the_end_another_program(engine) -> None:
    hyper = hyperparameters_of([experiment(MIXED, batch_reduction="mean")])
    plain = hyperparameters_of([experiment(MIXED)])
    rows, ours = hyper.meta.credit_assignment, plain.meta.credit_assignment
    assert (rows.sum_over_batch.any(), ours.sum_over_batch.all()) == (False, True)
    assert_same(rows._replace(sum_over_batch=None), ours._replace(sum_over_batch=None))
    means, _ = run(engine, 1, experiments=[experiment(MIXED, batch_reduction="mean")])
    default, _ = run(engine, 1)
    assert not np.array_equal(parameters(means), parameters(default))
    with pytest.raises(ConfigurationError, match="last-value"):
        engine.init([0], [experiment(MIXED, value_after_end="last-value")])
    bootstrapping = build_engine(experiment(MIXED, value_after_end="last-value"))
    found, _ = run(bootstrapping, 2)
    assert not np.array_equal(parameters(found), parameters(run(engine, 2)[0]))


def test_leaves_are_what_their_records_name_after_evaluation_and_schedules_before() -> None:
    of_one_run = jax.tree.map(lambda leaf: jnp.asarray(leaf[0]), hyperparameters_of([experiment()]))
    scheduled = of_one_run._replace(meta=jax.tree.map(lambda leaf: leaf[0], of_one_run.meta))
    for before, after in zip(scheduled, at_iteration(scheduled, jnp.int32(0)), strict=True):
        for name, hint in get_type_hints(type(after)).items():
            kind = dict if get_origin(hint) is dict else hint
            assert isinstance(getattr(after, name), kind)
            assert isinstance(getattr(before, name), Schedule if hint is Number else kind)


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (2.0, {0: 2.0, 500: 2.0}),
        ({"0": 1.0, "100": 4.0}, {0: 1.0, 99: 1.0, 100: 4.0, 10_000: 4.0}),
        ({"0": 1.0, "10": 2.0, "30": 0.5}, {9: 1.0, 10: 2.0, 29: 2.0, 30: 0.5}),
        ({"0": 1.0, "100": 3.0, "interpolation": "linear"}, {0: 1.0, 25: 1.5, 99: 2.98, 100: 3.0, 500: 3.0}),
        ({"0": 1.0, "10": 2.0, "30": 0.0, "interpolation": "linear"}, {5: 1.5, 10: 2.0, 20: 1.0, 30: 0.0, 31: 0.0}),
    ],
)
def test_schedules_evaluate_as_they_read(schedule, expected) -> None:
    """Beside another run whose schedule has more points, and on agents that differ."""
    longer = experiment(meta_opponent_weight={str(10 * point): float(point) for point in range(5)})
    hyper = hyperparameters_of([experiment(meta_opponent_weight=schedule), longer])
    for step, value in expected.items():
        found = at_iteration(hyper, jnp.int32(step)).meta.meta_opponent_weight
        np.testing.assert_allclose(found[0], [value, value], rtol=1e-6)
        np.testing.assert_allclose(found[1], min(step // 10, 4), rtol=1e-6)


def test_a_scheduled_learning_rate_acts_in_training(engine) -> None:
    """Zero until iteration 2: nothing is learned in two iterations, something in the third."""
    settings = [experiment(learning_rate={"0": 0.0, "2": 1e-2})]
    start, two, three = (parameters(run(engine, count, experiments=settings)[0]) for count in (0, 2, 3))
    assert_same(start, two)
    assert not np.array_equal(start, three)


def test_every_kind_of_opponent_is_met_in_training_and_reported_where_it_was(engine) -> None:
    _, (metrics,) = run(engine, 8)
    assert engine.sizes.kinds == ("naive", "meta", "fixed")
    for kind in engine.sizes.kinds:
        rewards = metrics.scalars[f"reward_vs_{kind}"]
        assert np.any(np.isfinite(rewards)), kind
        assert np.nanmax(np.abs(rewards)) <= 2
    own = [metrics.scalars[f"reward_vs_agent_{agent}"][..., agent] for agent in range(2)]
    assert np.all(np.isnan(own))
    for name in ("policy_loss", "value_loss", "entropy", "kl", "clip_fraction", "grad_norm"):
        assert np.all(np.isfinite(metrics.scalars[name])), name


def test_with_parameters_puts_them_in_with_fresh_optimisers(engine) -> None:
    trained, _ = run(engine, 2)
    learned = jax.tree.map(jnp.asarray, engine.summary(trained).parameters)
    state = with_parameters(engine, fresh(), learned)
    assert_same(engine.summary(state).parameters, learned)
    # A run that is given its own start is as if nothing had happened.
    own_start = jax.tree.map(jnp.asarray, engine.summary(fresh()).parameters)
    again, _ = engine.advance(with_parameters(engine, fresh(), own_start), 2)
    assert_same(parameters(again), parameters(trained))


def test_calls_beyond_the_capacity_are_refused(engine) -> None:
    with pytest.raises(ValueError, match=r"count 65 is not in 0\.\.64"):
        engine.advance(fresh(), 65)
