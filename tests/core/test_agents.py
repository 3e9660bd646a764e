"""An agent that is called step by step plays as the engine's rollout does, whatever its memory does in between."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support import naive_hyper, reactive_policy, recurrent_policy, rollout_of

from coalactl_core.configuration.experiment import SequenceExperiment
from coalactl_core.configuration.sizes import NetworkConfig
from coalactl_core.envs.coin_game import CoinGame
from coalactl_core.envs.matrix_game import MatrixGame
from coalactl_core.errors import ConfigurationError
from coalactl_core.methods import CROSSINGS, METHODS
from coalactl_core.nets.registry import build_policy
from coalactl_core.opponents.population import opponents_of
from coalactl_core.play.agent_games import AgentGame
from coalactl_core.play.agents import Agent
from coalactl_core.play.policies import observe_of, told_crossing
from coalactl_core.play.rollout import Seat
from coalactl_core.play.trajectories import play_meta_trajectories
from coalactl_core.rules import shaper
from coalactl_core.rules.seam import Rule, Setting
from coalactl_core.training.engine import build_engine
from coalactl_core.types import CARRIED, FORGOTTEN, META, NAIVE, SHARED

BATCH, EPISODES, LENGTH, MET = 3, 3, 4, 2
GAME = MatrixGame(episode_length=LENGTH)
RECALLING = MatrixGame(episode_length=LENGTH, recalls=True)
COINS = CoinGame(episode_length=LENGTH)
RECURRENT = recurrent_policy()
HAWK = build_policy(
    NetworkConfig(width=4, heads=2, depth=1, mlp_width=4),
    observation_size=5,
    num_actions=2,
    scan="sequential",
    vocabulary=GAME.vocabulary,
)

play = jax.jit(play_meta_trajectories, static_argnames="rollout")


def agent_of(environment: Any = GAME, policy: Any = RECURRENT, crossing: int = CARRIED, seed: int = 0) -> Agent:
    name = "coin-game" if isinstance(environment, CoinGame) else "matrix-game"
    seat = Seat(observe=observe_of(environment, policy), policy=policy, crossing=crossing)
    return Agent(0, 0, AgentGame(name, environment, crossing), seat, parameters(policy, seed))


def parameters(policy: Any, seed: int) -> Any:
    """Read-outs of Hawk start at zero; so that probabilities differ, everything is drawn here."""
    like = jax.eval_shape(policy.init, jax.random.key(0))
    leaves, form = jax.tree.flatten(like)
    keys = jax.random.split(jax.random.key(seed), len(leaves))
    return jax.tree.unflatten(
        form, [jax.random.normal(key, leaf.shape, leaf.dtype) for key, leaf in zip(keys, leaves, strict=True)]
    )


@pytest.mark.parametrize(
    ("environment", "policy", "crossing"),
    [
        *((RECALLING, RECURRENT, crossing) for crossing in (CARRIED, FORGOTTEN, SHARED)),
        *((GAME, HAWK, crossing) for crossing in (CARRIED, SHARED)),
    ],
)
def test_it_plays_as_the_engine_does(environment: Any, policy: Any, crossing: int) -> None:
    """For what was observed, the log-probabilities of what was done; of all trajectories of two meta-episodes."""
    agent = agent_of(environment, policy, crossing)
    seats = {"observe": agent.seat.observe, "crossing": crossing}
    rollout = rollout_of(environment, policy, BATCH, EPISODES, learns=False, **seats)
    others = jax.tree.map(lambda *leaves: jnp.stack(leaves), *(parameters(policy, seed) for seed in (1, 2)))
    met = opponents_of(jnp.asarray([META, NAIVE]), jnp.zeros(MET, int), others)
    trajectory = play(jax.random.key(3), agent.params, met, naive_hyper(), rollout=rollout).trajectory
    memory, found = agent.start((MET, BATCH)), []
    for step in range(EPISODES * LENGTH):
        if step and step % LENGTH == 0:
            memory = agent.next_episode(memory)
        seen = jax.vmap(jax.vmap(agent.game.observe))(trajectory.states[:, step])
        probabilities = agent.probabilities(seen, memory)
        _, memory = agent.act(jax.random.key(step), seen, memory)
        taken = trajectory.actions[:, step, :, None].astype(int)
        found.append(np.log(np.take_along_axis(np.asarray(probabilities), np.asarray(taken), -1)[..., 0]))
    # Single precision, and one step at a time instead of a whole scan.
    np.testing.assert_allclose(np.stack(found, 1), trajectory.log_probs, atol=2e-5)
    assert np.std(found) > 0.1


def test_a_batch_is_what_each_would_be_alone() -> None:
    agent = agent_of()
    seen = np.asarray([[0, 1, 2], [3, 4, 0]])
    keys = jax.random.split(jax.random.key(1), seen.shape)
    memory = agent.start(seen.shape)
    actions, after = agent.act(keys, seen, memory)
    again, after = agent.act(keys, seen, after)
    for place in np.ndindex(seen.shape):
        own = agent.start()
        for together in (actions, again):
            action, own = agent.act(keys[place], int(seen[place]), own)
            assert int(action) == int(together[place])
        np.testing.assert_allclose(own, after[place], rtol=1e-6)
    one_key = agent.act(jax.random.key(1), seen, memory)[0]
    np.testing.assert_array_equal(one_key, actions)


def test_actions_come_as_often_as_their_probabilities_say() -> None:
    agent, count = agent_of(), 4_000
    memory = agent.act(jax.random.key(0), 3, agent.start())[1]
    expected = np.asarray(agent.probabilities(2, memory))
    many = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (count, *leaf.shape)), memory)
    drawn = np.asarray(agent.act(jax.random.key(5), np.full(count, 2), many)[0])
    assert expected.sum() == pytest.approx(1)
    # Four standard errors of a share.
    assert abs((drawn == 1).mean() - expected[1]) < 4 * np.sqrt(expected.prod() / count)


def test_memories_cross_by_the_rule() -> None:
    carried, forgotten, shared = (agent_of(crossing=crossing) for crossing in (CARRIED, FORGOTTEN, SHARED))
    memory = jax.random.normal(jax.random.key(2), (2, 3, 3))
    np.testing.assert_array_equal(carried.next_episode(memory), memory)
    np.testing.assert_array_equal(forgotten.next_episode(memory), carried.start((2, 3)))
    expected = np.broadcast_to(np.asarray(memory).mean(1, keepdims=True), memory.shape)
    np.testing.assert_allclose(shared.next_episode(memory), expected, rtol=1e-6)
    np.testing.assert_allclose(shared.next_episode(memory[0, 0]), memory[0, 0], rtol=1e-6)


def test_a_player_is_the_agent_in_plain_numbers() -> None:
    agent = agent_of(crossing=FORGOTTEN)
    player, other = agent.player(seed=3), agent.player(seed=4)
    first = [player.act(number % 5) for number in range(40)]
    assert {type(action) for action in first} == {int}
    assert set(first) == {0, 1}
    assert first != [other.act(number % 5) for number in range(40)]
    again = agent.player(seed=3)
    assert first == [again.act(number % 5) for number in range(40)]
    assert player.probabilities(1) != pytest.approx(np.asarray(agent.probabilities(1, agent.start())).tolist())
    player.next_episode()
    assert player.probabilities(1) == pytest.approx(np.asarray(agent.probabilities(1, agent.start())).tolist())


@pytest.mark.parametrize("policy", [RECURRENT, HAWK])
def test_it_may_be_called_within_a_program_first(policy: Any) -> None:
    """Nothing of a program that is traced stays in the agent."""
    agent = agent_of(policy=policy)

    @jax.jit
    def played(key: Any) -> Any:
        def turn(moment: Any, key: Any) -> Any:
            seen, memory = moment
            action, memory = agent.act(key, seen, memory)
            return (agent.game.after(action, 1), memory), action

        return jax.lax.scan(turn, (jnp.asarray(agent.game.start()), agent.start()), jax.random.split(key, 6))[1]

    found, memory, seen = np.asarray(played(jax.random.key(0))), agent.start(), agent.game.start()
    for key, action in zip(jax.random.split(jax.random.key(0), 6), found, strict=True):
        own, memory = agent.act(key, seen, memory)
        assert int(own) == action
        seen = agent.game.after(int(own), 1)


# --- the game -------------------------------------------------------------------------------------------------------


def test_what_is_observed_in_a_game_of_memory_one_observations() -> None:
    game, forgets = agent_of(RECALLING).game, agent_of(RECALLING, crossing=FORGOTTEN).game
    assert game.actions == ("cooperate", "defect")
    assert (game.start(), [game.after(own, other) for own in (0, 1) for other in (0, 1)]) == (0, [1, 2, 3, 4])
    assert [game.start(last=(own, other)) for own in (0, 1) for other in (0, 1)] == [5, 6, 7, 8]
    assert {forgets.start(last=(own, other)) for own in (0, 1) for other in (0, 1)} == {0}
    assert agent_of(GAME).game.start(last=(1, 1)) == 0
    np.testing.assert_array_equal(agent_of(GAME).game.start(last=(np.asarray([0, 1]), [1, 0])), [0, 0])
    np.testing.assert_array_equal(game.after(np.asarray([0, 1]), np.asarray([1, 0])), [2, 3])


def test_both_seats_are_played_by_the_environment() -> None:
    """A start after an end, which one agent sees and the other does not."""
    game, forgets = agent_of(RECALLING).game, agent_of(RECALLING, crossing=FORGOTTEN).game
    key = jax.random.key(0)
    state, rewards, _ = game.step(key, game.reset(key), np.asarray([0, 1]))
    assert rewards.tolist() == [-1, 2]
    assert (int(game.observe(state, 0)), int(game.observe(state, 1))) == (game.after(0, 1), game.after(1, 0))
    start = game.reset(key, last=state)
    assert (int(game.observe(start, 0)), int(game.observe(start, 1))) == (game.start((0, 1)), game.start((1, 0)))
    assert int(forgets.observe(start, 1)) == 0


def test_other_games_are_played_by_their_features() -> None:
    policy = build_policy(
        NetworkConfig(width=4, heads=2, depth=1, mlp_width=4),
        observation_size=COINS.observation_size,
        num_actions=4,
        scan="sequential",
    )
    agent = agent_of(COINS, policy)
    assert agent.game.actions == ("right", "left", "down", "up")
    state = jax.vmap(agent.game.reset)(jax.random.split(jax.random.key(0), 5))
    seen = jax.vmap(partial(agent.game.observe, player=1))(state)
    actions, _ = agent.act(jax.random.key(1), seen, agent.start(5))
    assert actions.shape == (5,)
    one = agent.player(0)
    assert one.act(np.asarray(seen[0]).tolist()) in range(4)
    with pytest.raises(ValueError, match=r"observation: shape \(35,\) given; coin-game has 36 features, \(..., 36\)"):
        one.act(np.zeros(35))
    with pytest.raises(TypeError, match="coin-game is no game of memory-one observations; use reset, step and observe"):
        agent.game.start()


# --- mistakes -------------------------------------------------------------------------------------------------------


def test_wrong_input_is_told_in_a_line() -> None:
    agent, key = agent_of(), jax.random.key(0)
    memory = agent.start(3)
    for call, words in {
        lambda: agent.act(key, np.zeros(5), agent.start()): r"float64\[5\] given; matrix-game numbers .* use 0 to 4",
        lambda: agent.act(key, 5, agent.start()): "observation: 5 given; matrix-game numbers .* use 0 to 4",
        lambda: agent.act(key, [0, 1], memory): r"leading axes \(2,\) given, with a memory of \(3,\).*start\(\(2,\)\)",
        lambda: agent.act(key, 0, {"hidden": memory}): r"memory: none of this agent's given; begin with agent.start",
        lambda: agent.act(key, 0, jnp.zeros(4)): r"memory: none of this agent's given; begin with agent.start",
        lambda: agent.act(7, 0, agent.start()): r"key: 7 given; use one of JAX, jax.random.key\(seed\)",
        lambda: agent.act(jax.random.split(key, 2), [0, 1, 2], memory): r"key: leading axes \(2,\) given",
        lambda: agent.probabilities(-1, agent.start()): "observation: -1 given",
        lambda: agent.next_episode(jnp.zeros(4)): "memory: none of this agent's",
        lambda: agent.game.after(0, 2): "other action: 2 given; matrix-game has 0 to 1",
    }.items():
        with pytest.raises(ValueError, match=words) as caught:
            call()
        assert len(str(caught.value).splitlines()) == 1


def test_an_older_key_does_as_well() -> None:
    agent = agent_of()
    old, new = (agent.act(key(4), 1, agent.start())[0] for key in (jax.random.PRNGKey, jax.random.key))
    assert int(old) == int(new)


# --- what memories do is told without the rules ----------------------------------------------------------------------


def sharing(setting: Setting) -> Rule:
    """A rule that says itself how memories cross."""
    return shaper.build(setting)._replace(crossing=SHARED)


def test_a_row_and_a_rule_that_say_different_things_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    row = METHODS["shaper"]._replace(rule=f"{__name__}:sharing", crossing="forgotten")
    monkeypatch.setitem(METHODS, "shaper", row)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match=r"'shaper' says that memories are forgotten, its rule .* are shared"):
        build_engine(of_method("shaper", 2))


def of_method(method: str, inner_episodes: int) -> SequenceExperiment:
    return SequenceExperiment.model_validate(
        {
            "meta": {"method": method, "minibatches": 1, "algorithm": "a2c"},
            "population": {"naive": 2},
            "rollout": {"meta_batch_size": 2, "batch_size": 2, "inner_episodes": inner_episodes},
            "network": {"width": 4, "heads": 2, "mlp_width": 4},
        }
    )


# Who has a network of its own plays one inner episode alone: tests/core/test_ppi_training.py.
@pytest.mark.parametrize("method", [method for method, row in METHODS.items() if not row.network])
def test_methods_tell_what_their_rules_have(method: str) -> None:
    for episodes in (2, 1):
        experiment = of_method(method, episodes)
        engine = build_engine(experiment)
        told = told_crossing(experiment, 0)
        assert told == engine.rollout_of(0).crossing
        assert told is not None
        assert told == FORGOTTEN or episodes > 1
        if episodes > 1:
            assert METHODS[method].crossing in {"", CROSSINGS[told]}


def test_the_words_of_actions_are_as_many_as_actions() -> None:
    assert len(AgentGame("coin-game", CoinGame(stay=True), CARRIED).actions) == 5
    assert AgentGame("some:Game", CoinGame(), CARRIED).actions == ("0", "1", "2", "3")
    reactive = agent_of(policy=reactive_policy())
    assert reactive.probabilities(4, reactive.start()).shape == (2,)
