"""Shaper against a NumPy transcription, in float64, and its memory wherever it plays."""

from functools import cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from reference import shaper as reference
from support import meta_hyper, naive_hyper, played_with, recurrent_policy, rollout_of, score_function_updater

from coalactl_core.configuration.experiment import SequenceExperiment
from coalactl_core.configuration.sizes import NetworkConfig
from coalactl_core.envs.matrix_game import MatrixGame
from coalactl_core.nets.hawk_policy import hawk_policy, tabulated_hawk_policy
from coalactl_core.nets.policy import Policy, unroll_from_start, unroll_sharing
from coalactl_core.play.duels import Duel, DuelSide, Player, play_duel
from coalactl_core.play.rollout import Rollout, Seat
from coalactl_core.rules.score_function import score_function_rule
from coalactl_core.rules.seam import Met, Numbers
from coalactl_core.training.engine import build_engine
from coalactl_core.types import CARRIED, FIXED, FORGOTTEN, META, NAIVE, SHARED, Played

pytestmark = pytest.mark.usefixtures("float64")

EPISODES, LENGTH, BATCH = 3, 4, 3
STEPS = EPISODES * LENGTH
ENVIRONMENT = MatrixGame(episode_length=LENGTH, recalls=True)
POLICY = recurrent_policy()
KINDS = [META, NAIVE, META, FIXED]
ALL = (NAIVE, META, FIXED)
close = partial(np.testing.assert_allclose, rtol=1e-11, atol=1e-12)


def rollout(crossing: int = SHARED, **changes: Any) -> Rollout:
    return rollout_of(ENVIRONMENT, POLICY, BATCH, EPISODES, crossing=crossing, **changes)


def play(rollout: Rollout, crossing: jax.Array | None = None) -> tuple[Any, Any, Played]:
    return played_with(rollout, KINDS, rule().keep, crossing)


@cache
def rule(chunk: int = 2) -> Any:
    updater = score_function_updater(POLICY, ENVIRONMENT, chunk, sharing=True, trajectory_chunk=BATCH, copies=2)
    return score_function_rule(updater, ALL)._replace(crossing=SHARED)


def of_member(leaf: Any, member: int) -> np.ndarray:
    return np.asarray(leaf[member]).reshape(STEPS, BATCH)


def test_play_and_update_are_those_of_the_transcription_against_every_kind_of_coplayer() -> None:
    """The probabilities it acted by, its values, and one plain step of A2C from each trajectory's own return."""
    params, opponents, kept = play(rollout())
    hyper = meta_hyper("batch-unaware", discount=0.9, gae_lambda=0.7, reward_scale=0.5)
    before = rule().init(jax.random.key(1), params)
    met = Met(kept.kept, kept.outcomes, opponents)
    after, _ = jax.jit(rule().update)(jax.random.key(2), before, met, Numbers(hyper, naive_hyper(), {}))

    named = jax.tree.map(np.asarray, params)
    expected = {name: np.zeros(leaf.shape) for name, leaf in named.items()}
    for member in range(len(KINDS)):
        states = of_member(kept.kept.states, member)
        seen = np.asarray(jax.vmap(jax.vmap(partial(ENVIRONMENT.observe, player=0)))(states))
        actions, rewards = of_member(kept.kept.actions, member).astype(int), of_member(kept.kept.rewards, member)
        logits, values = reference.along(named, seen, LENGTH)
        close(of_member(kept.kept.log_probs, member), reference.log_probs_of(logits, actions))
        close(of_member(kept.kept.values, member), values)
        weights = reference.advantages(0.5 * rewards, values, 0.9, 0.7) / (len(KINDS) * STEPS * BATCH)
        gradient = reference.policy_gradient(named, seen, actions, weights, LENGTH)
        expected = {name: total + gradient[name] for name, total in expected.items()}
    for name, slope in expected.items():
        close(np.asarray(after.params[name]), named[name] + 0.1 * slope)
    assert max(np.abs(slope).max() for slope in expected.values()) > 0.01


def hawks() -> list[Policy]:
    """On features and, the same network, on the numbers of its observations."""
    config = NetworkConfig(name="hawk", width=4, heads=2, depth=2, mlp_width=4)
    vocabulary = np.asarray(ENVIRONMENT.vocabulary)
    plain = hawk_policy(config, vocabulary.shape[1], 2, "sequential")
    return [plain, tabulated_hawk_policy(config, vocabulary, 2, "sequential")]


@pytest.mark.long
def test_hawk_learns_on_what_it_acted_by() -> None:
    """Unrolled as it was played, on both paths; its memories are those that it has without sharing no longer."""
    outputs = []
    for policy in hawks():
        observe = ENVIRONMENT.observe_number if policy.takes_indices else ENVIRONMENT.observe
        params = policy.init(jax.random.key(3))
        params = jax.tree.map(lambda leaf: leaf + 0.3 * jax.random.normal(jax.random.key(4), leaf.shape), params)
        numbers = jax.random.randint(jax.random.key(5), (STEPS, 2 * BATCH), 0, len(ENVIRONMENT.vocabulary))
        seen = jax.vmap(jax.vmap(partial(observe, player=0)))(numbers)
        prepared = policy.prepare(params, 10_000)
        shared = unroll_sharing(policy, prepared, seen, every=LENGTH, sharing=BATCH, copies=2)
        alone = unroll_from_start(policy, prepared, seen)
        by_step = stepped(policy, prepared, seen)
        jax.tree.map(close, shared, by_step)
        close(shared.value[:LENGTH], alone.value[:LENGTH])
        assert np.abs(shared.value[LENGTH:] - alone.value[LENGTH:]).min() > 0
        outputs.append(shared)
    jax.tree.map(close, *outputs)


def stepped(policy: Policy, prepared: Any, seen: jax.Array) -> Any:
    """Acting step by step, each half of the sequences sharing what it remembers."""
    start = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (2, BATCH, *leaf.shape)), policy.initial_carry())
    act = jax.vmap(jax.vmap(lambda one, carry: policy.step(prepared, one, carry)))
    carry, outputs = start, []
    for t, now in enumerate(seen.reshape(STEPS, 2, BATCH, *seen.shape[2:])):
        if t and t % LENGTH == 0:
            carry = jax.vmap(policy.share)(carry)
        output, carry = act(now, carry)
        outputs.append(jax.tree.map(lambda leaf: leaf.reshape(2 * BATCH, *leaf.shape[2:]), output))
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *outputs)


def test_a_coplayer_shares_its_memory_as_its_seat_says_or_as_it_says_itself() -> None:
    """A co-player that shares plays otherwise than one that carries on; naive ones forget in either case."""
    agent = partial(rollout, CARRIED)
    seat = partial(Seat, observe=ENVIRONMENT.observe, policy=POLICY)
    by_seat = play(agent(coplayer=seat(crossing=SHARED)))[2].outcomes["reward"]
    carried = play(agent(coplayer=seat(crossing=CARRIED)))[2].outcomes["reward"]
    said = jnp.asarray([SHARED if kind == META else FORGOTTEN for kind in KINDS])
    by_itself = play(agent(coplayer=seat()), said)[2].outcomes["reward"]
    close(by_itself[:3], by_seat[:3])
    differs = np.any(np.asarray(by_seat != carried), (1, 2))
    assert differs.tolist() == [True, False, True, False]


def test_it_shares_in_duels_too() -> None:
    """The first inner episode is as without; what follows is not."""
    params = POLICY.init(jax.random.key(6))
    side = DuelSide(ENVIRONMENT.observe, POLICY)
    duel, keys = Duel(ENVIRONMENT, (side, side), BATCH, EPISODES), jax.random.split(jax.random.key(7), 64)

    def rewards(crossing: int) -> np.ndarray:
        players = Player(params, jnp.asarray(crossing)), Player(params, jnp.asarray(CARRIED))
        return np.asarray(jax.jit(jax.vmap(lambda key: play_duel(key, players, duel)["reward"]))(keys))

    shared, carried = rewards(SHARED), rewards(CARRIED)
    close(shared[:, 0], carried[:, 0])
    assert (shared[:, 1:] != carried[:, 1:]).any()


@pytest.mark.long
def test_agents_of_the_method_train_beside_others() -> None:
    experiment = SequenceExperiment.model_validate(
        {
            "network": {"width": 2, "heads": 1, "mlp_width": 2},
            "population": {"meta": [{"method": "coala-pg"}, {"method": "shaper", "count": 2}], "naive": 2},
            "rollout": {"meta_batch_size": 2, "batch_size": 2, "inner_episodes": 2, "inner_episode_length": 3},
            "meta": {"learning_rate": 1e-2, "epochs": 1, "minibatches": 1},
            "compute": {"devices": 1},
        }
    )
    engine = build_engine(experiment)
    assert engine.pieces.population.crossings == (CARRIED, SHARED, SHARED)
    assert [group.rollout.crossing for group in engine.pieces.groups] == [CARRIED, SHARED]
    metrics = engine.advance(engine.init([0]), 1)[1]
    assert np.isfinite(np.asarray(metrics.scalars["grad_norm"])[0, 0]).all()
