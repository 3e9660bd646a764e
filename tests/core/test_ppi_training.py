"""PPI in training: what is kept from one phase to the next, what is refused, and (slow) that it learns to defect."""

from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from coalactl_core.configuration.experiment import SequenceExperiment
from coalactl_core.envs.registry import build_environment
from coalactl_core.nets.policy import packed
from coalactl_core.nets.registry import build_policy
from coalactl_core.play.agent_games import AgentGame
from coalactl_core.play.agents import Agent
from coalactl_core.play.policies import observe_of, revealed_by, stepping_policy, told_crossing
from coalactl_core.play.rollout import Seat
from coalactl_core.training.engine import SequenceEngine, build_engine
from coalactl_core.training.warm_start import with_meta, with_naive
from coalactl_core.types import FORGOTTEN

GAMES, ROUNDS, FIRST = 6, 5, 40
POOL = {"meta": 2, "naive": 1, "p_naive": 0.0, "stratified": True}
PLANS = {"samples": 2, "horizon": 3, "phases": 4, "epochs": 2, "batch": 8, "first_histories": FIRST}
TABLES: dict[str, dict[str, Any]] = {
    "network": {"name": "sequence-model", "width": 5, "embedding": 3},
    "population": {**POOL, "fixed": [{"strategy": "random-tabular", "weight": 0.5}]},
    "rollout": {"meta_batch_size": GAMES, "batch_size": 1, "inner_episodes": 1, "inner_episode_length": ROUNDS},
    "meta": {"method": "ppi", "algorithm": "a2c"},
    "ppi": {**PLANS, "learning_rate": 0.01},
    "compute": {"devices": 1},
    "run": {"iterations": 4},
}


def experiment(**changes: dict[str, Any]) -> SequenceExperiment:
    tables = {name: {**table, **changes.get(name, {})} for name, table in TABLES.items()}
    return SequenceExperiment.model_validate({**changes, **tables})


@cache
def engine() -> SequenceEngine:
    return build_engine(experiment())


def on_host(state: Any) -> Any:
    """A state as a checkpoint has it, and back."""
    key = jax.random.key_data(state.key)
    stored = jax.tree.map(np.array, state._replace(key=key))
    return jax.tree.map(jax.numpy.asarray, stored)._replace(key=jax.random.wrap_key_data(np.array(key)))


@pytest.mark.long
def test_a_phase_adds_its_games_and_training_cut_in_three_is_training_at_once() -> None:
    start = engine().init([3])
    at_once, metrics = engine().advance(on_host(start), 3)
    state, sizes, found, before = start, [], [], None
    for count in range(3):
        state, row = engine().advance(on_host(state), 1)
        (kept,) = state.meta.states
        sizes.append(np.asarray(kept.size)[0].tolist())
        found.append(np.asarray(state.meta.params)[0])
        assert np.asarray(row.scalars["ppi_histories"])[0, 0].tolist() == sizes[-1]
        numbers = np.asarray(kept.histories.numbers)[0]
        if before is not None:
            np.testing.assert_array_equal(numbers[:, : before[1]], before[0][:, : before[1]])
        before = numbers, sizes[-1][0]
        assert (numbers[:, : sizes[-1][0], 0] == 0).all()
        assert (numbers[:, : sizes[-1][0], 1:] > 0).all()
        assert count or not numbers[:, FIRST:].any()
    assert sizes == [[FIRST] * 2, [FIRST + GAMES] * 2, [FIRST + 2 * GAMES] * 2]
    plain = [jax.tree.map(np.asarray, (each.meta, each.step)) for each in (state, at_once)]
    jax.tree.map(np.testing.assert_array_equal, *plain)
    assert np.isfinite(np.asarray(metrics.scalars["ppi_action_loss"])[0, :3]).all()
    # Both agents have data and models of their own.
    assert not np.array_equal(found[-1][0], found[-1][1])
    assert not np.array_equal(before[0][0, :FIRST], before[0][1, :FIRST])


@pytest.mark.long
def test_against_frozen_agents_and_begun_as_others_whose_first_games_are_added() -> None:
    trained, _ = engine().advance(engine().init([3]), 1)
    agents = engine().summary(trained).parameters
    begun = with_meta(engine(), engine().init([4]), 0, agents)
    np.testing.assert_array_equal(begun.meta.params[0], trained.meta.params[0])
    after, _ = engine().advance(begun, 1)
    assert np.asarray(after.meta.states[0].size)[0].tolist() == [FIRST + GAMES] * 2
    frozen = build_engine(experiment(population={"p_naive": 1.0, "fixed": []}))
    state = with_naive(frozen, frozen.init([4]), 0, agents)
    after, metrics = frozen.advance(state, 2)
    np.testing.assert_array_equal(after.naive.params[0, 0], trained.meta.params[0, 0])
    assert np.isfinite(np.asarray(metrics.scalars["reward_vs_naive"])[0, :2]).all()


@pytest.mark.long
def test_each_phase_begins_at_a_model_of_its_own() -> None:
    """Without a rate that is what agents are after an iteration."""
    still = build_engine(experiment(ppi={"learning_rate": 0.0, "weight_decay": 0.0}))
    state, _ = still.advance(still.init([0]), 1)
    first = np.asarray(state.meta.params)
    second = np.asarray(still.advance(state, 1)[0].meta.params)
    assert not np.isclose(first[first != 0], second[first != 0]).any()


@pytest.mark.long
def test_a_pack_of_seeds_is_what_each_would_be_alone() -> None:
    both, _ = engine().advance(engine().init([3, 4]), 2)
    alone, _ = engine().advance(engine().init([4]), 2)
    np.testing.assert_allclose(both.meta.params[1], alone.meta.params[0], atol=1e-5)
    jax.tree.map(
        lambda one, other: np.testing.assert_array_equal(one[1], other[0]), both.meta.states, alone.meta.states
    )


@pytest.mark.long
def test_an_agent_that_is_loaded_plans() -> None:
    """By the experiment alone; without β it acts as the model expects, and with another key it plans by other draws."""
    game = build_environment(experiment())
    params = stepping_policy(experiment(), game)[0].init(jax.random.key(1))

    def agent(beta: float) -> Agent:
        policy, _ = stepping_policy(experiment(ppi={"beta": beta}), game)
        seat = Seat(observe=observe_of(game, policy), policy=policy)
        return Agent(0, 0, AgentGame("matrix-game", game, seat.crossing), seat, params)

    revealed = revealed_by(game)
    sizes: Any = {"observation_size": 5, "num_actions": 2, "scan": "sequential"}
    model, _ = packed(build_policy(experiment().network, revealed=revealed, **sizes))
    expected = jax.nn.softmax(model.step(model.prepare(params, 1), jnp.int8(0), model.initial_carry())[0].logits)
    plain, planning = agent(0.0), agent(30.0)
    np.testing.assert_allclose(plain.probabilities(0, plain.start()), expected, atol=1e-6)
    assert abs(planning.probabilities(0, planning.start())[0] - expected[0]) > 0.05
    many = planning.start((200,))
    actions, memory = planning.act(jax.random.key(2), np.zeros(200, int), many)
    assert actions.shape == (200,)
    assert np.ptp(np.asarray(memory), 0).max() < 1e-6


def test_the_estimate_of_memory_knows_what_is_kept() -> None:
    def needed(histories: int) -> int:
        engine = build_engine(experiment(ppi={"first_histories": histories}))
        assert told_crossing(engine.experiment, 0) == engine.rollout_of(0).crossing == FORGOTTEN
        return engine.memory.needed(1)

    # Numbers and actions of two agents, before and after an iteration.
    assert needed(10_040) - needed(40) == 2 * 2 * 2 * 10_000 * ROUNDS


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"run": {"iterations": 5}}, "run.iterations: 5 given; ppi has room for the games of ppi.phases 4"),
        ({"rollout": {"inner_episodes": 2}}, "rollout.inner_episodes: 2 given"),
        ({"ppi": {"batch": 41}}, "ppi.batch: 41 is more than ppi.first_histories 40"),
        ({"network": {"name": "gru"}}, "network.name: 'gru' given; agents of ppi have another"),
        ({"network": {"depth": 2}}, "network.depth: 'sequence-model' has no use for it, but 'hawk'"),
        ({"meta": {"method": "coala-pg"}}, "network.name: 'sequence-model' given; only agents of ppi have it"),
        ({"environment": {"payoffs_second": [[1.0, 0.0], [0.0, 1.0]]}}, "environment.payoffs_second: differs"),
    ],
)
def test_what_does_not_suit_it_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        experiment(**changes)


def test_games_of_many_observations_are_refused() -> None:
    with pytest.raises(ValueError, match=r"network.name: 'sequence-model' is for games of few"):
        build_engine(experiment(environment={"name": "coin-game"}, population={"fixed": []}))


def test_the_cost_of_a_phase_is_told() -> None:
    """Two epochs of five batches at first, of seven at last; six tokens a round of each of two roll-outs."""
    plan = experiment()
    assert plan.settings_of("ppi").cost_in_words(plan) == (
        "a phase of each ppi agent: 10 in the first to 14 in the last gradient steps of 8 histories, and 1,080 tokens "
        "of roll-outs for 6 games"
    )


@pytest.mark.slow
def test_it_learns_to_defect_against_tabular_agents() -> None:
    """The paper's step 1 at a tiny size: about 1 a step, of .5 when it acts at random, and little cooperation."""
    alone = {"meta": 1, "p_naive": 1.0, "fixed": [{"strategy": "random-tabular", "weight": 1.0}]}
    sizes = {"samples": 8, "horizon": 10, "epochs": 10, "batch": 64, "first_histories": 1024, "beta": 100.0}
    trained = build_engine(
        experiment(
            network={"width": 16, "embedding": 8},
            population=alone,
            rollout={"meta_batch_size": 128, "inner_episode_length": 30},
            ppi={**sizes, "learning_rate": 3e-3},
        )
    )
    _, metrics = trained.advance(trained.init([0]), 2)
    reward, defection = (np.asarray(metrics.scalars[f"{name}_vs_fixed"])[0, 1, 0] for name in ("reward", "defection"))
    # 128 opponents whose cooperation varies by .2 around a half: rewards of 2 c, with a standard error of .05.
    assert reward > 0.8
    assert defection > 0.85
