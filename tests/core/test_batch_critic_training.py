"""Training with a critic of the batch: one program, state that goes along, the same however the work is laid out."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from coalactl_core.configuration.compute import ComputeConfig
from coalactl_core.configuration.experiment import SequenceExperiment
from coalactl_core.errors import ConfigurationError
from coalactl_core.training.engine import SequenceEngine, build_engine
from coalactl_core.training.warm_start import with_parameters
from coalactl_core.types import Metrics, TrainState

CRITIC, OTHER = "play", "measures"
SEEDS = (0, 4)
# A mean over 4 meta-episodes, of numbers in float32 whose sums come in another order.
close = partial(np.testing.assert_allclose, atol=1e-5)


def agents(coala_pg: str, m_fos: str) -> list[dict[str, Any]]:
    """One agent of each method, with these critics."""
    critics = {"coala-pg": coala_pg, "m-fos": m_fos}
    return [{"method": method, "settings": {"batch_critic": critic}} for method, critic in critics.items()]


def experiment(coala_pg: str = CRITIC, m_fos: str = "none", **meta: Any) -> SequenceExperiment:
    """An agent with a critic and one without, naive learners and tit-for-tat in one pool, as small as can be."""
    return SequenceExperiment.model_validate(
        {
            "network": {"width": 4, "heads": 2, "mlp_width": 4},
            "population": {
                "meta": agents(coala_pg, m_fos),
                "naive": 2,
                "p_naive": 0.75,
                "fixed": [{"strategy": "tit-for-tat", "weight": 0.25}],
                # All kinds of opponents in every iteration.
                "stratified": True,
            },
            "rollout": {"meta_batch_size": 4, "batch_size": 2, "inner_episodes": 3, "inner_episode_length": 3},
            # Rewards in their own scale and a large step, so that a few iterations show in the parameters.
            "meta": {"learning_rate": 1e-2, "reward_scale": 1.0, "epochs": 1, **meta},
            # Two points, so that plain numbers and schedules are stored alike.
            "naive": {"entropy": {"0": 0.0, "50": 0.0}, "learning_rate": 0.1},
        }
    )


@pytest.fixture(scope="module")
def engine() -> SequenceEngine:
    return build_engine(experiment())


@pytest.fixture(scope="module")
def fresh(engine: SequenceEngine) -> TrainState:
    """Runs at their start, one for each seed."""
    return engine.init(SEEDS, [experiment()] * len(SEEDS))


def run(
    engine: SequenceEngine, fresh: TrainState, *counts: int, seeds: tuple[int, ...] = (0,), settings: Any = ()
) -> tuple[TrainState, Metrics]:
    """The state after calls of these many iterations, and the metrics of the last one."""
    rows = jnp.asarray([SEEDS.index(seed) for seed in seeds])
    state = jax.tree.map(lambda leaf: leaf[rows], fresh)
    if settings:
        state = state._replace(hyperparameters=engine.init(seeds, settings).hyperparameters)
    for count in counts:
        state, metrics = engine.advance(state, count)
    return state, jax.tree.map(lambda leaf: np.asarray(leaf)[:, :count], metrics)


def learned(state: TrainState) -> Any:
    return jax.tree.map(np.asarray, (state.meta.params, state.meta.states))


@pytest.mark.long
def test_lambdas_and_who_uses_the_critic_are_data_to_one_program(engine, fresh) -> None:
    pools = [
        experiment(),
        experiment(episode_lambda=0.5),
        experiment(episode_lambda={"0": 0.9, "1": 0.2}),
        experiment("none", CRITIC),
        experiment(CRITIC, CRITIC),
    ]
    found = [learned(run(engine, fresh, 2, settings=[settings])[0])[0] for settings in pools]
    assert engine._compiled_advance._cache_size() == 1
    assert len({params.tobytes() for params in found}) == len(pools)
    with pytest.raises(ConfigurationError, match=r"meta\.batch_critic"):
        engine.init([0], [experiment(OTHER)])


def test_each_agent_is_credited_as_it_asks(engine, fresh) -> None:
    """Until the first update nobody's play depends on it: an agent learns as beside one that asks otherwise.

    At λ_e = 1 there would be nothing to tell: all values are 0 at first, and so is what the critic expects.
    """
    pools = {
        pool: learned(run(engine, fresh, 1, settings=[experiment(*pool, episode_lambda=0.5)])[0])[0][0]
        for pool in ((CRITIC, "none"), ("none", CRITIC), (CRITIC, CRITIC))
    }
    both = pools[CRITIC, CRITIC]
    np.testing.assert_array_equal(pools[CRITIC, "none"][0], both[0])
    np.testing.assert_array_equal(pools["none", CRITIC][1], both[1])
    assert not np.array_equal(pools["none", CRITIC][0], both[0])
    assert not np.array_equal(pools[CRITIC, "none"][1], both[1])


def test_the_critic_goes_along_from_call_to_call_and_explains_more_than_nothing(engine, fresh) -> None:
    at_once, _ = run(engine, fresh, 3)
    in_turn, metrics = run(engine, fresh, 1, 2)
    jax.tree.map(np.testing.assert_array_equal, learned(at_once), learned(in_turn))
    assert all(np.all(np.any(leaf != 0, (2, 3))) for leaf in in_turn.meta.states[0])
    assert not np.array_equal(in_turn.meta.states[0].products[0, 0], in_turn.meta.states[0].products[0, 1])
    told = metrics.scalars["batch_critic_explained_variance"][0]
    # Of the agent that uses one.
    assert np.isfinite(told[:, 0]).all()
    assert np.isnan(told[:, 1]).all()


def test_other_parameters_start_with_a_fresh_critic(engine, fresh) -> None:
    trained, _ = run(engine, fresh, 2)
    state = with_parameters(engine, fresh, jax.tree.map(lambda leaf: leaf[:1], engine.summary(trained).parameters))
    np.testing.assert_array_equal(state.meta.params[0], trained.meta.params[0])
    jax.tree.map(np.testing.assert_array_equal, state.meta.states, fresh.meta.states)
    assert all(np.all(leaf == 0) for leaf in jax.tree.leaves(fresh.meta.states))


@pytest.mark.long
def test_packed_runs_are_runs_alone(engine, fresh) -> None:
    """Two iterations, so that the second has what the first taught the critic."""
    settings = [experiment(), experiment("none", CRITIC, episode_lambda=0.5)]
    packing = dataclasses.replace(engine, run_chunk=2)
    packed, metrics = run(packing, fresh, 2, seeds=SEEDS, settings=settings)
    for place, seed in enumerate(SEEDS):
        alone, own = run(engine, fresh, 2, seeds=(seed,), settings=[settings[place]])
        jax.tree.map(
            lambda all_, one, place=place: close(all_[place], one[0]),
            (*learned(packed), metrics.scalars["grad_norm"], metrics.episodes),
            (*learned(alone), own.scalars["grad_norm"], own.episodes),
        )


@pytest.mark.long
def test_work_in_chunks_is_the_same_work(engine, fresh) -> None:
    chunks = {"agent_chunk": 2, "meta_batch_chunk": 1, "trajectory_chunk": 1, "naive_chunk": 1}
    in_chunks = build_engine(experiment().model_copy(update={"compute": ComputeConfig(**chunks)}))
    (found, metrics), (expected, own) = run(in_chunks, fresh, 2), run(engine, fresh, 2)
    jax.tree.map(
        close,
        (*learned(found), metrics.scalars["grad_norm"], metrics.episodes),
        (*learned(expected), own.scalars["grad_norm"], own.episodes),
    )
