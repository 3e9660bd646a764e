"""Draws of opponents: how often each is met, that nobody meets itself, and which parameters they bring."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from coalactl_core.configuration.memory_one import MEMORY_ONE
from coalactl_core.configuration.population import PopulationConfig
from coalactl_core.configuration.sizes import RolloutConfig
from coalactl_core.envs.matrix_game import MatrixGame
from coalactl_core.errors import ConfigurationError
from coalactl_core.opponents.population import Population, build_population, naive_set, sample_opponents
from coalactl_core.types import FIXED, META, NAIVE, Learner, Opponents, PopulationHyperparameters

DRAWS = 20_000
META_AGENTS, NAIVE_AGENTS = 4, 5
# Parameters that name their owner.
META_PARAMS = {"name": jnp.arange(META_AGENTS) + 100.0}
NAIVES = Learner({"name": jnp.arange(NAIVE_AGENTS) + 200.0})
TWO_STRATEGIES = ({"strategy": "tit-for-tat", "weight": 0.2}, {"strategy": "always-defect", "weight": 0.1})

sample = jax.jit(sample_opponents, static_argnames="population")


def pool(meta_batch_size: int = DRAWS, batch_size: int = 1, **config: Any) -> Population:
    settings = PopulationConfig(**{"meta": META_AGENTS, "naive": NAIVE_AGENTS, "p_naive": 0.6, **config})
    sizes = RolloutConfig(meta_batch_size=meta_batch_size, batch_size=batch_size, inner_episodes=3)
    return build_population(settings, sizes, MatrixGame())


def draw(population: Population, agent: int = 1, p_naive: float = 0.6, weights: tuple = (), seed: int = 0) -> Opponents:
    hyper = PopulationHyperparameters(jnp.float32(p_naive), jnp.asarray(weights, jnp.float32))
    opponents = sample(jax.random.key(seed), jnp.int32(agent), META_PARAMS, NAIVES, hyper, population)
    return jax.tree.map(np.asarray, opponents)


def assert_frequency(hits: np.ndarray, probability: float) -> None:
    standard_error = np.sqrt(probability * (1 - probability) / hits.size)
    assert abs(np.mean(hits) - probability) < 4 * standard_error


@pytest.mark.parametrize("agent", range(META_AGENTS))
def test_kinds_by_p_naive_then_uniform_within_the_kind_and_never_oneself(agent) -> None:
    opponents = draw(pool(), agent)
    assert_frequency(opponents.kind == NAIVE, 0.6)
    naive, meta = opponents.number[opponents.kind == NAIVE], opponents.number[opponents.kind == META]
    assert len(naive) + len(meta) == DRAWS
    for number in range(NAIVE_AGENTS):
        assert_frequency(naive == number, 1 / NAIVE_AGENTS)
    assert agent not in meta
    for other in {*range(META_AGENTS)} - {agent}:
        assert_frequency(meta == other, 1 / (META_AGENTS - 1))


def test_draws_are_independent_and_with_replacement() -> None:
    """Neighbouring draws are equal as often as chance has it; another key gives other draws."""
    number = draw(pool()).number
    kind = draw(pool()).kind
    equal = (number[1:] == number[:-1]) & (kind[1:] == kind[:-1])
    assert_frequency(equal, 0.6**2 / NAIVE_AGENTS + 0.4**2 / (META_AGENTS - 1))
    assert not np.array_equal(number, draw(pool(), seed=1).number)


def test_parameters_belong_to_the_opponent_that_was_drawn() -> None:
    opponents = draw(pool())
    offset = np.where(opponents.kind == NAIVE, 200, 100)
    np.testing.assert_array_equal(opponents.learner.params["name"], offset + opponents.number)
    assert opponents.automata is None


@pytest.mark.parametrize(("p_naive", "kind"), [(1.0, NAIVE), (0.0, META)])
def test_pools_of_one_kind_hold_no_other(p_naive, kind) -> None:
    population = pool(p_naive=p_naive)
    assert population.kinds == (kind,)
    opponents = draw(population, p_naive=p_naive)
    np.testing.assert_array_equal(opponents.kind, kind)
    np.testing.assert_array_equal(opponents.learner.params["name"] // 100, 2 if kind == NAIVE else 1)


def test_fixed_strategies_come_with_their_weights_and_their_automata() -> None:
    population = pool(fixed=TWO_STRATEGIES)
    opponents = draw(population, weights=(0.2, 0.1))
    fixed = opponents.kind == FIXED
    assert_frequency(fixed & (opponents.number == 0), 0.2)
    assert_frequency(fixed & (opponents.number == 1), 0.1)
    # The rest is shared by p_naive.
    assert_frequency(opponents.kind == NAIVE, 0.7 * 0.6)
    assert_frequency(opponents.kind == META, 0.7 * 0.4)
    for number, name in enumerate(("tit-for-tat", "always-defect")):
        cooperation = opponents.automata.cooperation[fixed & (opponents.number == number)]
        np.testing.assert_array_equal(cooperation, np.broadcast_to(MEMORY_ONE[name], cooperation.shape))


def test_random_tabular_opponents_differ_from_each_other() -> None:
    population = pool(200, fixed=({"strategy": "random-tabular", "weight": 1.0},))
    cooperation = draw(population, weights=(1.0,)).automata.cooperation
    assert len(np.unique(cooperation)) == 1000
    assert ((cooperation >= 0) & (cooperation <= 1)).all()


def test_each_trajectory_may_meet_a_random_strategy_of_its_own() -> None:
    """All trajectories of an opponent meet the same kind of strategy, and differ in what is drawn."""
    fixed = ({"strategy": "random-tabular", "weight": 0.5}, {"strategy": "tit-for-tat", "weight": 0.5})
    opponents = draw(pool(400, fixed=fixed, fixed_drawn="trajectory", batch_size=3), weights=(0.5, 0.5))
    cooperation, random = opponents.automata.cooperation, opponents.number == 0
    assert cooperation.shape == (400, 3, 5)
    assert len(np.unique(cooperation[random])) == 15 * random.sum()
    assert_frequency(cooperation[random] < 0.3, 0.3)
    assert (cooperation[~random] == np.asarray(MEMORY_ONE["tit-for-tat"], np.float32)).all()


@pytest.mark.parametrize(
    ("size", "p_naive", "weights", "counts"),
    [(8, 0.75, (), (6, 2, 0, 0)), (10, 0.5, (0.2, 0.1), (4, 3, 2, 1)), (8, 0.0, (), (0, 8, 0, 0))],
)
def test_stratified_meta_batches_hold_exact_numbers_of_each_kind(size, p_naive, weights, counts) -> None:
    population = pool(size, stratified=True, fixed=TWO_STRATEGIES if weights else ())
    members = set()
    for seed in range(20):
        opponents = draw(population, p_naive=p_naive, weights=weights, seed=seed)
        fixed = [np.sum((opponents.kind == FIXED) & (opponents.number == number)) for number in (0, 1)]
        found = (np.sum(opponents.kind == NAIVE), np.sum(opponents.kind == META), *fixed)
        # Rounded cumulative shares: of 10 opponents, .35 and .35 are 3 or 4 each.
        assert np.max(np.abs(np.subtract(found, counts))) <= (1 if weights else 0)
        assert sum(found) == size
        members.add(tuple(opponents.number))
    # Only the kinds are stratified: who it is within them is drawn.
    assert len(members) > 1


def test_static_naive_agents_stay_and_dynamic_ones_are_meta_agents_of_the_moment() -> None:
    static = naive_set(jax.random.key(0), NAIVES, META_PARAMS, pool())
    np.testing.assert_array_equal(static.params["name"], NAIVES.params["name"])
    dynamic = pool(dynamic_naive=True)
    keys = jax.random.split(jax.random.key(0), DRAWS // NAIVE_AGENTS)
    chosen = np.asarray(jax.vmap(lambda key: naive_set(key, NAIVES, META_PARAMS, dynamic).params["name"])(keys))
    for agent in range(META_AGENTS):
        assert_frequency(chosen == 100 + agent, 1 / META_AGENTS)


def test_strategies_are_refused_where_they_cannot_play() -> None:
    with pytest.raises(ConfigurationError, match="did you mean 'tit-for-tat'"):
        pool(fixed=({"strategy": "tit-for-tot", "weight": 0.5},))
