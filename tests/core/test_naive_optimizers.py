"""Naive agents whose optimisers go on from one meta-episode to the next: what is handed on, and from whom."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support import a2c_with, naive_hyper, opponents_like, reactive_policy, rollout_of

from coalactl_core.configuration.experiment import SequenceExperiment
from coalactl_core.envs.matrix_game import MatrixGame
from coalactl_core.learning.optimizers import adam, fresh_learner, sgd
from coalactl_core.numbers.hyperparameters import at_iteration
from coalactl_core.opponents.a2c import naive_update
from coalactl_core.opponents.population import naive_set, opponents_of, sample_opponents
from coalactl_core.opponents.starts import begun, kept_after, with_kept_states
from coalactl_core.play.meta_episodes import play_meta_episodes
from coalactl_core.play.rollout import Record
from coalactl_core.play.trajectories import ego_trajectory
from coalactl_core.training.engine import SequenceEngine, build_engine
from coalactl_core.types import FIXED, META, NAIVE, Experience, Learner, Pairing, TrainState, Trajectory

BATCH, EPISODES, LENGTH, NAIVES = 4, 3, 5, 3
PAYOFFS = ((3.0, -1.5), (4.0, 0.25))
ENVIRONMENT = MatrixGame(payoffs=PAYOFFS, episode_length=LENGTH)
POLICY = reactive_policy()
ADAM = a2c_with(adam, POLICY)


def vectors(opt_state: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Count, first and second moment of the logits in Adam's state."""
    return tuple(np.asarray(leaf) for leaf in (opt_state.count, opt_state.mu["logits"], opt_state.nu["logits"]))


@pytest.mark.usefixtures("float64")
def test_adam_goes_on_in_play_as_written_down_by_hand() -> None:
    """Plain NumPy: β₁ = .9, β₂ = .999, moments and count from before; only the gradients are the engine's."""
    ego, other = POLICY.init(jax.random.key(1)), POLICY.init(jax.random.key(2))
    rollout = rollout_of(ENVIRONMENT, POLICY, BATCH, EPISODES, naive=ADAM)
    fresh = fresh_learner(adam, other).opt_state
    kept = jax.tree.map(lambda leaf: jnp.stack([leaf + place for place in range(NAIVES)]), fresh)
    opponents = opponents_like(other, [NAIVE, META, NAIVE])._replace(number=jnp.asarray([2, 1, 0]))
    opponents = with_kept_states(opponents, Learner(other, kept), ADAM)
    hyper = naive_hyper(learning_rate=0.7)

    def keep(start: Pairing, records: Record) -> tuple[Pairing, Trajectory]:
        return start, ego_trajectory(start, records)

    play = jax.jit(play_meta_episodes, static_argnames=("rollout", "keep"))
    played = jax.tree.map(np.asarray, play(jax.random.key(0), ego, opponents, hyper, rollout=rollout, keep=keep))
    starts, trajectory = played.kept
    plain_step = jax.jit(naive_update, static_argnames=("policy", "optimizer"))
    for place, start in ((0, 2), (2, 0)):
        count, first, second = start, np.full((5, 2), float(start)), np.full((5, 2), float(start))
        logits = np.asarray(other["logits"])
        for episode in range(EPISODES):
            np.testing.assert_allclose(starts.learner.params["logits"][place, episode], logits, rtol=1e-12, atol=1e-12)
            own = trajectory.actions[place, episode].astype(int)
            theirs = np.where(trajectory.rewards[place, episode] == np.asarray(PAYOFFS)[own, 0], 0, 1)
            experience = Experience(
                observations=jnp.eye(5)[np.asarray([0, 1, 3, 2, 4])[trajectory.states[place, episode]]],
                actions=jnp.asarray(theirs),
                rewards=jnp.asarray(np.asarray(PAYOFFS)[theirs, own]),
            )
            now = {"logits": jnp.asarray(logits), "values": other["values"]}
            moved = plain_step(
                fresh_learner(sgd, now), experience, naive_hyper(learning_rate=1.0), policy=POLICY, optimizer=sgd
            )
            gradient = logits - np.asarray(moved.params["logits"])
            count, first, second = count + 1, 0.9 * first + 0.1 * gradient, 0.999 * second + 0.001 * gradient**2
            step = (first / (1 - 0.9**count)) / (np.sqrt(second / (1 - 0.999**count)) + 1e-5)
            logits = logits - 0.7 * step
        end = vectors(jax.tree.map(lambda leaf, place=place: leaf[place], played.learners.opt_state))
        for found, expected in zip(end, (count, first, second), strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
    # A meta agent does not learn in play: it has the fresh state that it came with.
    assert played.learners.opt_state.count[1] == 0


def test_the_first_meta_episode_of_the_first_agent_hands_its_state_on() -> None:
    """A plain loop over who met whom; numbers of other kinds do not count, and who was not met keeps what it had."""
    draws = np.random.default_rng(0)
    for case in range(30):
        kind = draws.choice([NAIVE, META, FIXED], size=(2, 3))
        number = draws.integers(0, 4, size=(2, 3))
        opponents = opponents_of(jnp.asarray(kind), jnp.asarray(number), ())
        kept = {"count": np.arange(4), "moment": draws.normal(size=(4, 2)).astype(np.float32)}
        ends = {"count": draws.integers(10, 99, (2, 3)), "moment": draws.normal(size=(2, 3, 2)).astype(np.float32)}
        expected = {name: leaf.copy() for name, leaf in kept.items()}
        seen = set()
        for place in np.ndindex(kind.shape):
            agent = int(number[place])
            if kind[place] == NAIVE and agent not in seen:
                seen.add(agent)
                for name, leaf in expected.items():
                    leaf[agent] = ends[name][place]
        before, after = (Learner(jnp.zeros(4), jax.tree.map(jnp.asarray, states)) for states in (kept, ends))
        found = kept_after(before, after, opponents).opt_state
        for name, leaf in expected.items():
            np.testing.assert_array_equal(found[name], leaf, err_msg=f"case {case}")


def experiment(**naive: Any) -> SequenceExperiment:
    return SequenceExperiment.model_validate(
        {
            "network": {"width": 4, "heads": 2, "mlp_width": 4},
            "population": {"meta": 2, "naive": NAIVES, "p_naive": 0.5},
            "rollout": {"meta_batch_size": 4, "batch_size": 2, "inner_episodes": 2, "inner_episode_length": 3},
            "meta": {"learning_rate": 1e-2, "reward_scale": 1.0, "epochs": 1},
            "naive": {"learning_rate": 0.1, **naive},
            "compute": {"devices": 1},
        }
    )


def met_in(engine: SequenceEngine, state: TrainState) -> set[int]:
    """Naive agents that a run is about to meet, drawn as an iteration draws them."""
    run = jax.tree.map(lambda leaf: leaf[0], state)
    _, shuffle, draw, _, _ = jax.random.split(run.key, 5)
    population, hyper = engine.pieces.population, at_iteration(run.hyperparameters, run.step)
    naive = naive_set(shuffle, run.naive, run.meta.params, population)
    found = set()
    for agent, key in enumerate(jax.random.split(draw, population.meta)):
        drawn = sample_opponents(key, jnp.asarray(agent), run.meta.params, naive, hyper.population, population)
        found |= {int(number) for number, kind in zip(drawn.number, drawn.kind, strict=True) if kind == NAIVE}
    return found


@pytest.mark.long
def test_training_counts_on_for_those_who_were_met() -> None:
    engine = build_engine(experiment(optimizer_state="kept"))
    state = engine.init([0])
    naive, steps = np.asarray(state.naive.params), np.zeros(NAIVES, int)
    np.testing.assert_array_equal(state.naive.opt_state.count, steps[None])
    always = True
    for _ in range(4):
        met = met_in(engine, state)
        always = always and len(met) == NAIVES
        steps[list(met)] += engine.experiment.rollout.inner_episodes
        state = engine.advance(state, 1)[0]
        np.testing.assert_array_equal(state.naive.opt_state.count, steps[None])
    assert not always  # somebody was left out at times
    np.testing.assert_array_equal(state.naive.params, naive)


@pytest.mark.long
def test_kept_states_matter_from_the_second_iteration_on_and_plain_steps_have_none() -> None:
    for optimizer, differs in (("adam", True), ("sgd", False)):
        first, second = ([], [])
        for optimizer_state in ("fresh", "kept"):
            engine = build_engine(experiment(optimizer=optimizer, optimizer_state=optimizer_state))
            state = engine.init([0])
            assert (state.naive.opt_state is None) == (optimizer_state == "fresh")
            for found in (first, second):
                state = engine.advance(state, 1)[0]
                found.append(np.asarray(state.meta.params))
        # Two programs, which may round otherwise.
        np.testing.assert_allclose(*first, atol=1e-6)
        assert (np.max(np.abs(second[0] - second[1])) > 1e-5) == differs


def test_opponents_of_other_kinds_start_afresh() -> None:
    params = {"logits": jnp.zeros((5, 2)), "values": jnp.zeros(5)}
    fresh = begun(Learner(jax.tree.map(lambda leaf: jnp.stack([leaf] * 2), params)), jnp.arange(2), ADAM)
    kept = fresh._replace(opt_state=jax.tree.map(lambda leaf: leaf + 7, fresh.opt_state))
    opponents = opponents_like(params, [META, NAIVE, FIXED])._replace(number=jnp.asarray([1, 1, 5]))
    assert with_kept_states(opponents, fresh._replace(opt_state=None), ADAM).learner.opt_state is None
    for leaf in jax.tree.leaves(with_kept_states(opponents, kept, ADAM).learner.opt_state):
        np.testing.assert_array_equal(np.asarray(leaf).reshape(3, -1).max(1), [0, 7, 0])
