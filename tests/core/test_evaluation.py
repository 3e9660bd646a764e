"""Evaluation against opponents whose outcomes are known, and what is told of an agent's behaviour."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support import a2c_with, naive_hyper, reactive_policy, rollout_of

from coalactl_core.configuration.memory_one import MEMORY_ONE, Payoffs, classic
from coalactl_core.envs.matrix_game import MatrixGame
from coalactl_core.fits.zero_determinant import extortion_of, extortion_policy, largest_phi
from coalactl_core.games import PRISONERS_DILEMMA
from coalactl_core.learning.optimizers import adam
from coalactl_core.opponents.strategies import Strategy, always, find_strategy
from coalactl_core.play.evaluation import Encounters, Lineup, evaluate, strategy_automata
from coalactl_core.play.rollout import Rollout
from coalactl_core.types import FIXED, META, NAIVE, Automata

pytestmark = pytest.mark.usefixtures("float64")

EPISODES, LENGTH, BATCH = 5, 6, 4
ENVIRONMENT = MatrixGame(episode_length=LENGTH)
POLICY = reactive_policy()
# A logit that makes an action certain: the other one's probability is below exp(-1000), which is 0.
CERTAIN = 1e3
AXELROD = ((3.0, 0.0), (5.0, 1.0))
STAG_HUNT = ((4.0, 0.0), (3.0, 2.0))

GAME = rollout_of(ENVIRONMENT, POLICY, BATCH, EPISODES, naive=a2c_with(adam, POLICY), learns=False)


def playing(name: str) -> Any:
    """Tables of the policy that is a memory-one strategy without chance."""
    cooperation = np.asarray(MEMORY_ONE[name])
    return {"logits": CERTAIN * np.stack([cooperation, 1 - cooperation], -1), "values": np.zeros(5)}


def bank_of(*members: Any) -> Any:
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *members)


def in_chunks(chunks: int, strategies: list[tuple[Strategy, int]]) -> Automata:
    drawn = strategy_automata(jax.random.key(0), strategies)
    return jax.tree.map(lambda leaf: leaf.reshape(chunks, -1, *leaf.shape[1:]), drawn)


def play(agent: Any, bank: Any, kind: list, rules: Rollout = GAME, automata: Any = None, seed: int = 0) -> Encounters:
    """Leaves of ``kind`` and ``automata`` lead with (chunks, meta_batch); member 0 of the bank plays everywhere."""
    lineup = Lineup(kind=jnp.asarray(kind), member=jnp.zeros_like(jnp.asarray(kind)), automata=automata)
    hyper = naive_hyper(learning_rate=0.5)
    encounters = evaluate(jax.random.key(seed), agent, bank, lineup, hyper, rollout=rules)
    return jax.tree.map(np.asarray, encounters)


@pytest.mark.parametrize(
    ("own", "other", "rewards"),
    [
        ("tit-for-tat", "tit-for-tat", (1, 1)),
        ("always-defect", "always-cooperate", (2, -1)),
        ("always-defect", "tit-for-tat", (2 / LENGTH, -1 / LENGTH)),
        # C D first, then both defect: -1 / 6 and 2 / 6 a step.
        ("grim", "always-defect", (-1 / LENGTH, 2 / LENGTH)),
    ],
)
@pytest.mark.parametrize("by", ["table", "network"])
def test_pools_of_known_outcome(own, other, rewards, by) -> None:
    """The same strategy as a fixed opponent and as another agent's network."""
    automata = in_chunks(1, [(always(*MEMORY_ONE[other]), 2)]) if by == "table" else None
    met = playing("always-cooperate" if by == "table" else other)
    found = play(playing(own), bank_of(met), [[FIXED if by == "table" else META] * 2], automata=automata)
    np.testing.assert_allclose(found.outcomes["reward"], np.broadcast_to(rewards, (2, EPISODES, 2)), atol=1e-12)
    steps = found.steps["reward"]
    assert steps.shape == (2, EPISODES, LENGTH, 2)
    np.testing.assert_allclose(steps.mean(2), found.outcomes["reward"], atol=1e-12)
    if own == "grim":
        np.testing.assert_array_equal(steps[..., 0], np.broadcast_to([-1, *[0] * (LENGTH - 1)], steps.shape[:3]))


def test_each_trajectory_may_meet_a_draw_of_its_own() -> None:
    random = find_strategy("random-tabular", episode_length=LENGTH, inner_episodes=EPISODES)
    drawn = strategy_automata(jax.random.key(0), [(random, 2), (always(*MEMORY_ONE["tit-for-tat"]), 1)], draws=BATCH)
    assert drawn.cooperation.shape == (3, BATCH, 5)
    assert len(np.unique(drawn.cooperation[:2])) == 2 * BATCH * 5
    np.testing.assert_array_equal(drawn.cooperation[2], [MEMORY_ONE["tit-for-tat"]] * BATCH)


def test_a_naive_learner_against_always_defect_learns_to_defect() -> None:
    untaught = {"logits": np.zeros((5, 2)), "values": np.zeros(5)}
    rules = GAME._replace(learns=True, inner_episodes=30, batch_size=16)
    found = play(playing("always-defect"), bank_of(untaught), [[NAIVE] * 8], rules)
    defection = found.outcomes["defection"][..., 1].mean(0)
    # 8 x 16 x 6 samples of a fair coin: a standard error of .018.
    assert abs(defection[0] - 0.5) < 0.08
    assert defection[-1] > 0.9
    assert found.outcomes["reward"][:, -1, 1].mean() > -0.1


def test_behaviour_by_previous_outcome_is_the_agents_table() -> None:
    agent = POLICY.init(jax.random.key(1))
    automata = in_chunks(2, [(always(0.5, 0.5, 0.5, 0.5, 0.5), 6)])
    found = play(agent, bank_of(agent), [[FIXED] * 3] * 2, automata=automata)
    assert found.visits is not None
    np.testing.assert_array_equal(found.visits.sum(-1), LENGTH * BATCH)
    np.testing.assert_array_equal(found.visits[..., 0], BATCH)
    expected = np.asarray(jax.nn.softmax(agent["logits"]))[:, 0]
    # Sums of at most 24 probabilities in float64.
    np.testing.assert_allclose(found.cooperation, found.visits * expected, atol=1e-12)


def test_a_start_that_recalls_a_joint_action_is_a_start() -> None:
    environment = ENVIRONMENT._replace(recalls=True)
    agent = POLICY.init(jax.random.key(1))
    found = play(
        agent, bank_of(agent), [[META] * 2], GAME._replace(environment=environment, observe=environment.observe)
    )
    assert found.visits is not None
    np.testing.assert_array_equal(found.visits[..., 0], BATCH)
    np.testing.assert_array_equal(found.visits.sum(-1), LENGTH * BATCH)


def test_what_is_played_does_not_depend_on_the_number_of_chunks() -> None:
    agent = POLICY.init(jax.random.key(1))
    one, three = (play(agent, bank_of(agent), [[META] * 2] * chunks) for chunks in (1, 3))
    jax.tree.map(lambda few, many: np.testing.assert_array_equal(few, many[:2]), one, three)
    by_chunk = three.outcomes["reward"].reshape(3, 2, -1)
    assert not (by_chunk[0] == by_chunk[1]).all()


def test_the_lineup_names_members_of_the_bank() -> None:
    bank = bank_of(playing("always-defect"), playing("always-cooperate"))
    lineup = Lineup(kind=jnp.full((1, 4), META), member=jnp.asarray([[0, 1, 1, 0]]), automata=None)
    agent = playing("always-cooperate")
    found = evaluate(jax.random.key(0), agent, bank, lineup, naive_hyper(), rollout=GAME)
    np.testing.assert_array_equal(found.outcomes["defection"][:, 0, 1], [1, 0, 0, 1])


# Hand-computed: 1 - 1/2 and (1 - 0)/2 in the paper's game, 1 - 2/3 and 2/4 in Axelrod's.
@pytest.mark.parametrize(("payoffs", "forgiven"), [(PRISONERS_DILEMMA, 1 / 2), (AXELROD, 1 / 3)])
def test_classic_strategies_fit_the_game(payoffs: Payoffs, forgiven: float) -> None:
    strategies = classic(payoffs)
    assert len(strategies) == 8
    assert strategies["generous-tit-for-tat"] == pytest.approx((1, 1, forgiven, 1, forgiven))
    table = jnp.asarray(payoffs)
    for chi in (3.0, 10.0):
        exact = extortion_policy(jnp.asarray(chi), largest_phi(jnp.asarray(chi), table), table)
        start, *after = strategies[f"extortion-{chi:g}"]
        assert start == 1
        np.testing.assert_allclose(after, exact, atol=1e-12)
        found = extortion_of(jnp.asarray(after), payoffs)
        assert found["zd_chi"] == pytest.approx(chi)
        assert found["zd_error"] < 1e-12


def test_only_dilemmas_have_extortioners() -> None:
    names = set(classic(STAG_HUNT))
    assert names == {"tit-for-tat", "win-stay-lose-shift", "always-cooperate", "always-defect", "grim"}
    assert np.isnan(extortion_of(jnp.full(4, 0.5), STAG_HUNT)["zd_chi"])
