"""Pools whose agents learn by rules of their own: whose is what, and that nobody's learning touches another's."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support import naive_hyper, opponents_like, reactive_policy, rollout_of

from coalactl_core.configuration.experiment import SequenceExperiment
from coalactl_core.envs.matrix_game import MatrixGame
from coalactl_core.loops.chunks import agent_map
from coalactl_core.rules.seam import Met, Numbers, Report, Rule
from coalactl_core.training.engine import build_engine
from coalactl_core.training.groups import RuleGroup, fresh_agents, learn_groups, play_groups
from coalactl_core.types import CARRIED, FORGOTTEN, NAIVE, Hyperparameters, Learner, Number

ENVIRONMENT = MatrixGame(episode_length=3)
POLICY = reactive_policy()
GAME = rollout_of(ENVIRONMENT, POLICY, 4, 2)
AGENTS, MET = 4, 3


def rule(name: str) -> Rule:
    """Adds its agent's own number to all parameters, and counts what it kept in a state of its own."""

    def init(key: jax.Array, params: Any) -> Learner:
        return Learner(params=params, opt_state=(), state=jnp.zeros((), int))

    def update(key: jax.Array, learner: Learner, met: Met, numbers: Numbers) -> tuple[Learner, Report]:
        own: Any = numbers.meta
        moved = jax.tree.map(lambda leaf: leaf + own + numbers.settings.get("step", 0.0), learner.params)
        told = {name: own, "opponents": jnp.asarray(len(met.opponents.kind), float)}
        return learner._replace(params=moved, state=learner.state + met.kept.size), told

    return Rule(init=init, keep=lambda start, records: records.rewards[..., 0], update=update)


@pytest.mark.usefixtures("float64")
def test_every_agent_learns_by_its_own_rule_with_its_own_numbers() -> None:
    """Agents 1 and 2 are of one group, 0 and 3 of another; everything comes back in the order of the agents."""
    groups = [RuleGroup((0, 3), rule("outer"), GAME, "outer"), RuleGroup((1, 2), rule("inner"), GAME, "")]
    params = jax.vmap(POLICY.init)(jax.random.split(jax.random.key(0), AGENTS))
    agents = fresh_agents(jax.random.key(1), params, groups)
    jax.tree.map(np.testing.assert_array_equal, agents.params, params)
    opponents = jax.tree.map(
        lambda leaf: jnp.stack([leaf] * AGENTS), opponents_like(POLICY.init(jax.random.key(2)), [NAIVE] * MET)
    )
    numbers: Number = jnp.asarray([1.0, 10.0, 100.0, 1000.0])
    hyper = Hyperparameters(
        meta=numbers, naive=naive_hyper(), population=(), rules={"outer": {"step": jnp.asarray(0.5)}}
    )
    played = play_groups(jax.random.key(3), agents, opponents, hyper, groups, agent_map(1))
    found, report = learn_groups(jax.random.key(4), agents, played, opponents, hyper, groups, agent_map(1))
    for agent, moved in enumerate((1.5, 10.0, 100.0, 1000.5)):
        np.testing.assert_allclose(found.params["values"][agent], params["values"][agent] + moved)
    np.testing.assert_array_equal(report["outer"], [1, np.nan, np.nan, 1000])
    np.testing.assert_array_equal(report["inner"], [np.nan, 10, 100, np.nan])
    np.testing.assert_array_equal(report["opponents"], [MET] * AGENTS)
    assert [states.tolist() for states in found.states] == [[MET * 2 * 3 * 4] * 2] * 2


def experiment(meta: list[dict[str, Any]]) -> SequenceExperiment:
    return SequenceExperiment.model_validate(
        {
            "network": {"width": 2, "heads": 1, "mlp_width": 2},
            "population": {"meta": meta, "naive": 2, "p_naive": 0.5, "stratified": True},
            "rollout": {"meta_batch_size": 2, "batch_size": 2, "inner_episodes": 2, "inner_episode_length": 3},
            "meta": {"learning_rate": 1e-2, "reward_scale": 1.0, "epochs": 1, "minibatches": 1},
            "compute": {"devices": 1},
        }
    )


COALA = {"method": "coala-pg"}
LOLA = {"method": "lola-dice", "settings": {"algorithm": "a2c", "optimizer": "sgd"}}


def test_agents_are_grouped_by_rule_and_by_what_shapes_a_program() -> None:
    slow = {"method": "m-fos", "settings": {"learning_rate": 1e-4}}
    once = {"method": "coala-pg", "settings": {"epochs": 2}}
    groups = experiment([COALA, LOLA, slow, once, COALA]).groups
    assert [group.agents for group in groups] == [(0, 2, 4), (1,), (3,)]
    assert [group.method for group in groups] == ["coala-pg", "lola-dice", "coala-pg"]


def test_agents_that_never_meet_a_second_inner_episode_know_one_alone() -> None:
    several = experiment([COALA, COALA])
    once = several.model_copy(update={"rollout": several.rollout.model_copy(update={"inner_episodes": 1})})
    for each, crossing in ((once, FORGOTTEN), (several, CARRIED)):
        pieces = build_engine(each).pieces
        assert pieces.rollout_of(0).crossing == pieces.rollout.crossing == crossing


@pytest.mark.long
def test_coala_pg_and_lola_dice_train_in_one_pool() -> None:
    """Each told of by its rule's columns; those who know the inner episode alone are told from those who do not."""
    engine = build_engine(experiment([LOLA, COALA]))
    assert engine.pieces.population.crossings == (FORGOTTEN, CARRIED)
    state = engine.init([0])
    before = np.asarray(state.meta.params)
    state, metrics = engine.advance(state, 2)
    assert (np.abs(np.asarray(state.meta.params) - before).max((0, 2)) > 0).all()
    finite = {name: np.isfinite(values[0, :2]).all(0).tolist() for name, values in metrics.scalars.items()}
    assert finite["policy_loss"] == [True, True]
    assert (finite["look_ahead_norm"], finite["kl"]) == ([True, False], [False, True])
