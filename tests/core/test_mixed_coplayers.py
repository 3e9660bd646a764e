"""Naive agents of one pool that learn in several ways: each learns as it would among its like."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support import keep_start, naive_hyper, opponents_like, reactive_policy, rollout_of

from coalactl_core.configuration.experiment import SequenceExperiment
from coalactl_core.configuration.learning import NaiveConfig
from coalactl_core.envs.matrix_game import MatrixGame
from coalactl_core.numbers.hyperparameters import hyperparameters_of, numbers_at
from coalactl_core.opponents.mixed import mixed
from coalactl_core.opponents.registry import build_coplayer
from coalactl_core.opponents.seam import Coplayer, CoplayerSetting
from coalactl_core.opponents.starts import begun, with_kept_states
from coalactl_core.play.meta_episodes import play_meta_episodes
from coalactl_core.training.engine import SequenceEngine, build_engine
from coalactl_core.training.fitting import memory_needed, settled
from coalactl_core.training.pieces import build_pieces
from coalactl_core.types import META, NAIVE, Learner, TrainState

GAME = MatrixGame(episode_length=4)
POLICY = reactive_policy()
OWN = {"clip": 0.2, "exploration": 0.25}
# Five naive agents in four groups: which learn how, and with which numbers.
ALGORITHMS = ("a2c", "q-learning", "a2c", "ppo")
COUNTS = (1, 2, 1, 1)
NUMBERS = tuple(naive_hyper(learning_rate=rate, own=OWN) for rate in (0.5, 0.3, 0.05, 0.2))
PLACES = {0: 0, 1: 1, 2: 1, 3: 2, 4: 3}


def coplayers() -> list[Coplayer]:
    built = {
        name: build_coplayer(CoplayerSetting(NaiveConfig(algorithm=name, epochs=2), POLICY, GAME))
        for name in dict.fromkeys(ALGORITHMS)
    }
    return [built[name] for name in ALGORITHMS]


def play(naive: Coplayer, numbers: list[int], hyper: Any) -> Any:
    """Meta-episodes against naive agents of these numbers and at last a meta agent; optimisers go on from elsewhere."""
    ego, other = POLICY.init(jax.random.key(1)), POLICY.init(jax.random.key(2))
    kinds, agents = [*([NAIVE] * len(numbers)), META], sum(COUNTS)
    opponents = opponents_like(other, kinds)._replace(number=jnp.asarray([*numbers, 7]))
    pool = Learner(jax.tree.map(lambda leaf: jnp.stack([leaf] * agents), other))
    fresh = begun(pool, jnp.arange(agents), naive)
    kept = pool._replace(opt_state=jax.tree.map(lambda leaf: leaf + 1, fresh.opt_state))
    opponents = with_kept_states(opponents, kept, naive)
    rollout = rollout_of(GAME, POLICY, batch_size=3, inner_episodes=3, naive=naive)
    compiled = jax.jit(play_meta_episodes, static_argnames=("rollout", "keep"))
    played = compiled(jax.random.key(0), ego, opponents, hyper, rollout=rollout, keep=keep_start)
    return jax.tree.map(np.asarray, played)


def test_each_learns_as_in_a_pool_of_its_own() -> None:
    """To the bit in what is played; parameters to rounding, as two programs may add in another order."""
    order = [4, 1, 0, 3, 2]
    own, hyper = coplayers(), jax.tree.map(lambda *leaves: jnp.stack(leaves), *NUMBERS)
    together = play(mixed(own, COUNTS), order, hyper)
    ways = list(dict.fromkeys(own))
    for group, coplayer in enumerate(own):
        alone = play(coplayer, order, NUMBERS[group])
        for place, number in enumerate(order):
            if PLACES[number] != group:
                continue
            for found, expected in zip(
                jax.tree.leaves(together.outcomes), jax.tree.leaves(alone.outcomes), strict=True
            ):
                np.testing.assert_array_equal(found[place], expected[place])
            pairs = [(together.kept.learner.params, alone.kept.learner.params)]
            if alone.learners is not None:
                pairs.append((together.learners.opt_state[ways.index(coplayer)], alone.learners.opt_state))
            else:
                pairs.append((together.kept.learner.state.states[ways.index(coplayer)], alone.kept.learner.state))
            for mine, theirs in pairs:
                for found, expected in zip(jax.tree.leaves(mine), jax.tree.leaves(theirs), strict=True):
                    np.testing.assert_allclose(found[place], expected[place], rtol=1e-5, atol=1e-6)
    logits = together.kept.learner.params["logits"][:, -1]
    assert np.abs(logits[order.index(0)] - logits[order.index(3)]).max() > 0.1  # numbers of one's group count
    # What learns otherwise stays as it began: of the one that learns by Q-learning, Adam's count.
    counts = together.learners.opt_state[0].count[: len(order)]
    np.testing.assert_array_equal(counts, [1 + 3 * (ALGORITHMS[PLACES[number]] == "a2c") for number in order])


def experiment(naive: Any, **changes: Any) -> SequenceExperiment:
    return SequenceExperiment.model_validate(
        {
            "network": {"width": 4, "heads": 2, "mlp_width": 4},
            "population": {"naive": naive, **changes},
            "rollout": {"meta_batch_size": 4, "batch_size": 2, "inner_episodes": 2, "inner_episode_length": 3},
            "meta": {"learning_rate": 1e-2, "epochs": 1},
            "naive": {"learning_rate": 0.25, "optimizer_state": "kept"},
            "compute": {"devices": 1},
        }
    )


TWO = [{"algorithm": "a2c"}, {"algorithm": "q-learning", "count": 2, "settings": {"exploration": {"0": 0.5, "2": 0.0}}}]


def test_what_learns_alike_is_a_pool_as_ever() -> None:
    """In its program and in its numbers; with several groups each has its own numbers, schedules too."""
    plain, listed = experiment(3), experiment([{"algorithm": "a2c", "count": 2}, {"algorithm": "a2c"}])
    assert plain.static_choices == listed.static_choices
    jax.tree.map(np.testing.assert_array_equal, hyperparameters_of([plain]), hyperparameters_of([listed]))
    own = build_coplayer(CoplayerSetting(plain.naive, POLICY, GAME))
    assert mixed([own], [3]) is own
    pool = experiment(TWO)
    assert [(each.agents, each.config.algorithm) for each in pool.naive_learners] == [(1, "a2c"), (2, "q-learning")]
    numbers = numbers_at(pool, 2).naive
    np.testing.assert_allclose(numbers.learning_rate, [0.25, 0.25])
    np.testing.assert_allclose(numbers.own["exploration"], [0.1, 0.0])
    faster = experiment([TWO[0], {**TWO[1], "settings": {"learning_rate": 0.9}}])
    assert faster.static_choices == pool.static_choices
    assert experiment([{**TWO[0], "count": 2}, TWO[1]]).static_choices != pool.static_choices


@pytest.mark.parametrize("method", ["loqa", "advantage-alignment", "reciprocator"])
def test_what_a_rule_keeps_of_play_with_all_of_them_is_known_beforehand(method: str) -> None:
    """Numbers are NumPy's where nothing is computed."""
    pool = experiment(TWO)
    pool = settled(pool.model_copy(update={"meta": pool.meta.model_copy(update={"method": method})}))
    assert memory_needed(pool, build_pieces(pool), 1) > 0


@pytest.mark.long
def test_a_run_meets_all_of_them_and_cuts_change_no_bit() -> None:
    engine = build_engine(experiment(TWO))
    whole, _ = engine.advance(engine.init([0]), 4)
    state = engine.init([0])
    for _ in range(2):
        state, _ = engine.advance(state, 2)
    jax.tree.map(np.testing.assert_array_equal, *(_arrays(each) for each in (whole, state)))
    assert _shapes(engine, state) == jax.tree.map(lambda leaf: leaf.shape, engine.run_template.naive)
    # Agents that learn by Q-learning have no step of Adam's to count.
    counts = np.asarray(state.naive.opt_state[0].count[0])
    assert counts[0] > 0
    np.testing.assert_array_equal(counts[1:], 0)


def _arrays(state: TrainState) -> Any:
    return state._replace(key=jax.random.key_data(state.key))


def _shapes(engine: SequenceEngine, state: TrainState) -> Any:
    return jax.tree.map(lambda leaf: leaf.shape[1:], state.naive)
