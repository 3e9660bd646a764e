"""Adapters to and from JaxMARL: stepping through one is stepping what is behind it, with the same keys."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from coalactl_core.configuration.experiment import SequenceExperiment
from coalactl_core.envs.base import Environment
from coalactl_core.envs.cleanup_lite import CleanUpLite
from coalactl_core.envs.coin_game import CELLS, PLACES, SIDE, CoinGame
from coalactl_core.envs.coin_game import CoinState as OurCoins
from coalactl_core.envs.matrix_game import MatrixGame
from coalactl_core.envs.registry import build_environment
from coalactl_core.errors import ConfigurationError

jaxmarl = pytest.importorskip("jaxmarl")

from coalactl_core.envs.from_jaxmarl import FromJaxMarl  # noqa: E402
from coalactl_core.envs.to_jaxmarl import ToJaxMarl  # noqa: E402

STEPS = 40


def from_jaxmarl(name: str, steps: int = STEPS, **keys: Any) -> Environment:
    """As a configuration names it."""
    rollout = {"inner_episode_length": steps}
    table = {"name": f"jaxmarl:{name}", **keys}
    return build_environment(SequenceExperiment.model_validate({"environment": table, "rollout": rollout}))


def flat(observation: Any) -> jax.Array:
    return jnp.concatenate([jnp.ravel(part) for part in jax.tree.leaves(observation)])


def random_play(choices: int, steps: int = STEPS, seed: int = 0) -> tuple[jax.Array, jax.Array, jax.Array]:
    """A key for the start, keys and joint actions of the steps."""
    start, draw, play = jax.random.split(jax.random.key(seed), 3)
    return start, jax.random.split(draw, steps), jax.random.randint(play, (steps, 2), 0, choices)


GAMES = {
    "coin_game": ("num_inner_steps", {}),
    "coin_game, egocentric": ("num_inner_steps", {"egocentric": True, "payoff_matrix": [[1, 2, -3], [2, 1, -1]]}),
    "storm_2p": ("num_inner_steps", {}),  # an observation of two parts; agents that are numbers
    "MPE_simple_spread_v3": ("max_steps", {"num_agents": 2}),  # a clock of its base class, a state of floats
}


@pytest.mark.parametrize("game", GAMES)
def test_a_game_of_jaxmarl_is_played_as_there(game: str) -> None:
    name = game.partition(",")[0]
    clock, keys = GAMES[game]
    ours, theirs = from_jaxmarl(name, **keys), jaxmarl.make(name, **{clock: 10 * STEPS, **keys})
    assert isinstance(ours, Environment)
    start, draws, actions = random_play(ours.num_actions)

    def advance(state: Any, inputs: Any) -> Any:
        key, joint = inputs
        mine, (seen, there) = state
        shown = [ours.observe(mine, player) for player in (0, 1)], [flat(seen[agent]) for agent in theirs.agents]
        mine, rewards, _ = ours.step(key, mine, joint)
        seen, there, given, _, _ = theirs.step(key, there, dict(zip(theirs.agents, joint, strict=True)))
        return (mine, (seen, there)), (shown, (rewards, jnp.stack([given[agent] for agent in theirs.agents])))

    _, (shown, paid) = jax.jit(jax.lax.scan, static_argnums=0)(
        advance, (ours.reset(start), theirs.reset(start)), (draws, actions)
    )
    # Of floats, the compiler may round the same formula in two ways.
    np.testing.assert_allclose(*shown, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(*paid, rtol=1e-5)
    assert np.shape(shown[0]) == (2, STEPS, ours.observation_size)
    assert np.ptp(np.asarray(shown[0]), axis=1).any()
    assert np.any(paid[0]) or name == "storm_2p"  # where random play earns nothing so soon


def test_the_coin_game_keeps_eight_bytes_and_counts_coins() -> None:
    game, theirs = from_jaxmarl("coin_game"), jaxmarl.make("coin_game", num_inner_steps=10 * STEPS)
    start, draws, actions = random_play(5)
    first = game.reset(start)
    assert sum(leaf.nbytes for leaf in jax.tree.leaves(first)) == 8

    def advance(state: Any, inputs: Any) -> Any:
        key, joint = inputs
        mine, there = state
        mine, rewards, events = game.step(key, mine, joint)
        _, there, *_ = theirs.step(key, there, {"0": joint[0], "1": joint[1]})
        return (mine, there), (rewards, game.describe(mine, joint, events))

    (_, last), (rewards, measures) = jax.jit(jax.lax.scan, static_argnums=0)(
        advance, (first, theirs.reset(start)[1]), (draws, actions)
    )
    own, other = measures["own_coins"], measures["other_coins"]
    np.testing.assert_array_equal(own.sum(0), [last.red_coop.sum(), last.blue_coop.sum()])
    np.testing.assert_array_equal(other.sum(0), [last.red_defect.sum(), last.blue_defect.sum()])
    np.testing.assert_array_equal(rewards, own + other - 2 * other[:, ::-1])  # the payoffs by default
    assert own.any()
    assert other.any()


def test_our_coin_game_is_theirs_step_by_step() -> None:
    """Given the same moves and the same places of new coins, over 10 games of 200 steps."""
    ours, theirs = CoinGame(placing="anywhere", stay=True), jaxmarl.make("coin_game", num_inner_steps=10_000)

    def as_ours(state: Any) -> OurCoins:
        players, coins = (state.red_pos, state.blue_pos), (state.red_coin_pos, state.blue_coin_pos)
        cells = [jnp.stack([cell[0] * SIDE + cell[1] for cell in pair]).astype(jnp.int8) for pair in (players, coins)]
        return OurCoins(*cells)

    def advance(there: Any, inputs: Any) -> Any:
        key, joint = inputs
        before = as_ours(there)
        seen, there, paid, *_ = theirs.step(key, there, {"0": joint[0], "1": joint[1]})
        after = as_ours(there)
        # The place that our game scales to the cell where theirs has put a coin.
        places = (after.coins.astype(int) * PLACES + CELLS - 1) // CELLS
        mine, rewards, _ = ours.advance(before, joint, places)
        # Theirs has the four planes last.
        planes = jnp.stack([seen[agent].reshape(CELLS, 4).T.ravel() for agent in theirs.agents])
        shown = jnp.stack([ours.observe(mine, player) for player in (0, 1)])
        return there, ((mine, rewards, shown), (after, jnp.stack([paid["0"], paid["1"]]), planes))

    for seed in range(10):
        start, draws, actions = random_play(ours.num_actions, steps=200, seed=seed)
        pairs = jax.jit(jax.lax.scan, static_argnums=0)(advance, theirs.reset(start)[1], (draws, actions))[1]
        jax.tree.map(np.testing.assert_array_equal, *pairs)
        assert set(np.unique(pairs[0][1])) >= {-2, -1, 0, 1}


@pytest.mark.parametrize(("game", "clock"), [("coin_game", "num_inner_steps"), ("MPE_simple_spread_v3", "max_steps")])
def test_no_game_begins_anew_within_an_episode(game: str, clock: str) -> None:
    two = {"num_agents": 2} if game.startswith("MPE") else {}
    environment = from_jaxmarl(game, steps=7, **two)
    assert isinstance(environment, FromJaxMarl)
    assert getattr(environment.env, clock) == 8
    assert getattr(from_jaxmarl(game, steps=7, **two, **{clock: 100}).env, clock) == 100
    for short in (7, 1, "x", True):
        with pytest.raises(ConfigurationError, match=f"environment.{clock}: .*within an inner episode of 7 steps"):
            from_jaxmarl(game, steps=7, **two, **{clock: short})


OURS = {
    "cleanup-lite": CleanUpLite(episode_length=6, rows=2, columns=2, initial_dirt=0, p_pollution=0.2),
    "coin game": CoinGame(episode_length=6),
    "prisoner's dilemma": MatrixGame(episode_length=6),
}
ours = pytest.mark.parametrize("game", OURS.values(), ids=OURS)


@ours
def test_a_game_of_ours_is_played_there_and_begins_anew(game: Any) -> None:
    env = ToJaxMarl(game)
    length = game.episode_length
    start, draws, actions = random_play(game.num_actions, steps=4 * length)

    def advance(state: Any, inputs: Any) -> Any:
        number, key, joint = inputs
        mine, (seen, there) = state
        shown = [game.observe(mine, player) for player in (0, 1)], [seen[agent] for agent in env.agents]
        play, again = jax.random.split(key)  # as JaxMARL's step does
        after, rewards, events = game.step(play, mine, joint)
        measures = game.describe(mine, joint, events)
        over = number % length == length - 1
        after = jax.tree.map(lambda old, new: jnp.where(over, old, new), game.reset(again), after)
        seen, there, given, dones, infos = env.step(key, there, dict(zip(env.agents, joint, strict=True)))
        paid = rewards, jnp.stack([given[agent] for agent in env.agents])
        return (after, (seen, there)), (shown, paid, (measures, infos), dones)

    _, (shown, paid, measured, dones) = jax.jit(jax.lax.scan, static_argnums=0)(
        advance, (game.reset(start), env.reset(start)), (jnp.arange(4 * length), draws, actions)
    )
    np.testing.assert_array_equal(*shown)
    np.testing.assert_array_equal(*paid)
    jax.tree.map(np.testing.assert_array_equal, *measured)
    assert set(dones) == {*env.agents, "__all__"}
    for done in dones.values():
        np.testing.assert_array_equal(np.flatnonzero(done), np.arange(length - 1, 4 * length, length))
    assert np.any(paid[0])


@ours
def test_a_game_of_ours_is_a_whole_environment_of_theirs(game: Any) -> None:
    from jaxmarl.environments.multi_agent_env import MultiAgentEnv

    env = ToJaxMarl(game)
    assert isinstance(env, MultiAgentEnv)
    assert (env.name, env.num_agents) == (type(game).__name__, 2)
    assert env.agent_classes == {"player": env.agents}
    seen, state = env.reset(jax.random.key(0))
    assert seen.keys() == env.get_obs(state).keys() == set(env.agents)
    for agent in env.agents:
        assert seen[agent].shape == env.observation_space(agent).shape
        assert env.observation_space(agent).contains(seen[agent])
        assert env.action_space(agent).n == game.num_actions
        assert env.get_avail_actions(state)[agent].tolist() == [True] * game.num_actions
    actions = {agent: env.action_space(agent).sample(jax.random.key(1)) for agent in env.agents}
    first = state  # what a caller may give to begin anew from
    for _ in range(game.episode_length):
        _, state, *_ = env.step(jax.random.key(2), state, actions, first)
    jax.tree.map(np.testing.assert_array_equal, state, first)


@ours
def test_there_and_back_is_the_same_game(game: Any) -> None:
    there = FromJaxMarl(env=ToJaxMarl(game._replace(episode_length=100)), episode_length=game.episode_length)
    assert (there.observation_size, there.num_actions) == (game.observation_size, game.num_actions)
    start, draws, actions = random_play(game.num_actions)

    def advance(state: Any, inputs: Any) -> Any:
        key, joint = inputs
        mine, back = state
        shown = game.observe(mine, 1), there.observe(back, 1)
        mine, rewards, _ = game.step(jax.random.split(key)[0], mine, joint)
        back, given, _ = there.step(key, back, joint)
        return (mine, back), (shown, (rewards, given))

    _, (shown, paid) = jax.jit(jax.lax.scan, static_argnums=0)(
        advance, (game.reset(start), there.reset(start)), (draws, actions)
    )
    np.testing.assert_array_equal(*shown)
    np.testing.assert_array_equal(*paid)
    assert np.any(paid[0])


REFUSED = {
    "coin_gam": ({}, "did you mean 'jaxmarl:coin_game'"),
    "": ({}, "unknown to JaxMARL"),
    "switch_riddle": ({}, "is for 3 agents; two play here"),
    "HeuristicEnemySMAX": ({}, "is for 5 agents"),
    "MPE_simple_push_v3": ({}, "8 and 19 numbers to its two agents, which have 5 and 5 actions"),
    "MPE_simple_speaker_listener_v4": ({}, "3 and 5 actions; both players"),
    "MPE_simple_reference_v3": ({"action_type": "Continuous"}, "other actions than the numbers of a choice"),
    "hanabi": ({}, "does not show its states"),
    "coin_game": ({"nonsense": 1}, "refuses its keys"),
    "overcooked_v2": ({"layout": "cramped"}, "refuses its keys"),
    "LearnedPolicyEnemySMAX": ({}, "refuses its keys"),
    "JaxRobotarium_foraging": ({}, "refuses its keys"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_played_here_is_refused_in_one_line(name: str) -> None:
    keys, words = REFUSED[name]
    with pytest.raises(ConfigurationError) as refusal:
        from_jaxmarl(name, **keys)
    assert words in str(refusal.value)
    assert str(refusal.value).startswith("environment")
    assert "\n" not in str(refusal.value)
