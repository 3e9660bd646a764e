"""What another package gives is checked before it is played: the complaint names the method, what it gave, what not."""

import sys
import types
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import pytest

from coalactl_core.configuration.automata import Automaton
from coalactl_core.configuration.experiment import SequenceExperiment
from coalactl_core.contracts import Part
from coalactl_core.envs.cleanup_lite import CleanUpLite
from coalactl_core.envs.contract import check_environment
from coalactl_core.envs.matrix_game import MatrixGame
from coalactl_core.envs.registry import build_environment
from coalactl_core.errors import ConfigurationError
from coalactl_core.nets.contract import check_policy
from coalactl_core.nets.hawk_policy import hawk_policy
from coalactl_core.nets.policy import Policy, PolicyOutput
from coalactl_core.nets.registry import build_policy
from coalactl_core.opponents.strategies import find_strategy


class Game(NamedTuple):
    """Both are paid the number of the step."""

    episode_length: int = 3

    observation_size = 2
    num_actions = 2

    def reset(self, key: Any) -> Any:
        return {"time": jnp.int8(0)}

    def step(self, key: Any, state: Any, actions: Any) -> Any:
        return {"time": state["time"] + jnp.int8(1)}, jnp.full(2, state["time"], float), None

    def observe(self, state: Any, player: int) -> Any:
        return jnp.full(2, state["time"], float)

    def describe(self, state: Any, actions: Any, events: Any) -> dict[str, Any]:
        return {"greed": actions}


class Recalling(Game):
    recalls = True
    before_first = property(lambda self: {"time": jnp.int8(0)})

    def recall(self, state: Any, last: Any) -> Any:
        return last

    def forget(self, state: Any) -> Any:
        return state


class Deriving(Game):
    def derive(self, means: Any) -> Any:
        return {"gap": means["greed"] - means["reward"]}


def fails(*_: Any) -> Any:
    raise KeyError("payoff")


def branches(self: Any, key: Any, state: Any, actions: Any) -> Any:
    return fails() if actions[0] == actions[1] else None


def stepping(state: Any = None, rewards: Any = None) -> Any:
    after = {"time": jnp.int8(1)} if state is None else state
    return lambda self, key, state, actions: (after, jnp.zeros(2) if rewards is None else rewards, None)


def measured(**measures: Any) -> Any:
    return lambda self, state, actions, events: measures


TWO = jnp.zeros(2)
# Of a game: what it is made from, what of it is another, and words of the complaint.
GAMES: list[tuple[type, dict[str, Any], list[str]]] = [
    (Game, {"observation_size": 3}, ["observe for player 0 gives float32 of shape (2,)", "shape (3,) expected"]),
    (Game, {"observation_size": 2.0}, ["observation_size gives 2.0", "a whole number from 1 on"]),
    (Game, {"num_actions": 128}, ["num_actions gives 128", "at most 127"]),
    (Game, {"num_actions": property(fails)}, ["num_actions fails: KeyError: 'payoff' (test_contracts.py, line "]),
    (Game, {"episode_length": 4}, ["episode_length gives 4; 3, what it was made with"]),
    (Game, {"reset": fails}, ["reset fails: KeyError: 'payoff' (test_contracts.py, line "]),
    (Game, {"reset": lambda self, key: "start"}, ["reset fails: TypeError"]),
    (Game, {"step": fails}, ["step fails: KeyError: 'payoff' (test_contracts.py, line "]),
    (Game, {"step": branches}, ["step fails: TracerBoolConversionError", "(test_contracts.py, line "]),
    (Game, {"step": lambda self, key, state, actions: state}, ["step gives a dict; a tuple of state, rewards and"]),
    (
        Game,
        {"step": stepping(state={"time": jnp.int32(1)})},
        ["step gives ['time']: int32 of shape (); int8 of shape (), as the state of reset"],
    ),
    (Game, {"step": stepping(state={"time": jnp.zeros(2, jnp.int8)})}, ["int8 of shape (2,); int8 of shape ()"]),
    (Game, {"step": stepping(state={})}, ["step gives the parts PyTreeDef({})", "those of the state of reset"]),
    (Game, {"step": stepping(rewards=jnp.zeros(3))}, ["step gives float32 of shape (3,); floats of shape (2,)"]),
    (Game, {"step": stepping(rewards=jnp.zeros((), int))}, ["step gives int32 of shape (); floats"]),
    (Game, {"observe": fails}, ["observe for player 0 fails: KeyError"]),
    (
        Game,
        {"observe": lambda self, state, player: TWO.astype(int)},
        ["observe for player 0 gives int32 of shape (2,)"],
    ),
    (Game, {"observe": lambda self, state, player: TWO if player == 0 else 0.0}, ["observe for player 1 gives"]),
    (Game, {"describe": fails}, ["describe fails: KeyError"]),
    (Game, {"describe": lambda *_: TWO}, ["describe gives float32 of shape (2,); a dictionary"]),
    (Game, {"describe": measured(greed=jnp.zeros(5))}, ["describe, measure 'greed', gives float32 of shape (5,)"]),
    (Game, {"describe": measured(reward=TWO)}, ["describe gives a measure called 'reward'; another name"]),
    (Game, {"describe": measured(coplayer_greed=TWO)}, ["called 'coplayer_greed'", "without coplayer_"]),
    (Game, {"describe": measured(greed_first=TWO)}, ["called 'greed_first'", "_first or _last"]),
    (Game, {"describe": measured(greed_vs_naive=TWO)}, ["called 'greed_vs_naive'", "_vs_"]),
    (Deriving, {"derive": fails}, ["derive fails: KeyError"]),
    (Deriving, {"derive": lambda self, means: {"greed": TWO}}, ["derive gives a measure called 'greed'; another name"]),
    (Deriving, {"derive": lambda self, means: {"gap": 0.0}}, ["derive, measure 'gap', gives float32 of shape ()"]),
    (Recalling, {"recall": lambda self, state, last: {"time": 1.0}}, ["recall gives ['time']: float32"]),
    (Recalling, {"forget": fails}, ["forget fails: KeyError"]),
    (Recalling, {"before_first": {}}, ["before_first gives the parts"]),
    (Recalling, {"recalls": property(fails)}, ["recalls fails: KeyError"]),
]
OF_GAMES = [pytest.param(*case, id=f"{number}-{case[2][0]}") for number, case in enumerate(GAMES)]


@pytest.mark.parametrize(("base", "changes", "words"), OF_GAMES)
def test_a_mistake_in_a_game_is_told_as_one(base: type, changes: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        check_environment(part("environment.name"), type("Changed", (base,), changes)(), 3)
    assert_told(refusal.value, "environment.name: 'my:Part': ", words)


@pytest.mark.parametrize(
    "environment",
    [
        *(Game(), Deriving(), Recalling(), CleanUpLite(episode_length=3)),
        *(MatrixGame(episode_length=3), MatrixGame(episode_length=3, recalls=True)),
    ],
    ids=lambda environment: type(environment).__name__,
)
def test_what_is_right_passes(environment: Any) -> None:
    check_environment(part("environment.name"), environment, 3)


def an_init(key: Any) -> Any:
    return jnp.zeros(3)


def a_memory() -> Any:
    return jnp.zeros(4)


def a_step(params: Any, seen: Any, memory: Any) -> Any:
    return PolicyOutput(jnp.zeros(2), jnp.zeros(())), memory


def an_unroll(params: Any, seen: Any, memory: Any, resets: Any) -> Any:
    return PolicyOutput(jnp.zeros((len(seen), 2)), jnp.zeros(len(seen))), memory


POLICIES: list[tuple[dict[str, Any], list[str]]] = [
    ({"init": fails}, ["init fails: KeyError: 'payoff' (test_contracts.py, line "]),
    ({"init": lambda key: {"a": jnp.zeros(2), "b": jnp.zeros(2, int)}}, ["parameters of float32, int32"]),
    ({"init": lambda key: {}}, ["init gives parameters of no type"]),
    ({"initial_carry": fails}, ["initial_carry fails"]),
    ({"step": fails}, ["step fails"]),
    ({"step": lambda params, seen, memory: memory}, ["step gives float32 of shape (4,); a pair of a PolicyOutput"]),
    ({"step": lambda params, seen, memory: (a_step(0, 0, 0)[0], memory[:2])}, ["step, memory, gives float32 of shape"]),
    (
        {"unroll": lambda params, seen, memory, resets: a_step(0, 0, memory)},
        ["unroll, logits, gives", "(3, 2) expected"],
    ),
    ({"unroll": lambda params, seen, memory, resets: fails() if resets is None else 0}, ["unroll fails"]),
    ({"prepare": fails}, ["prepare fails"]),
]


@pytest.mark.parametrize(("changes", "words"), POLICIES, ids=[words[0] for _, words in POLICIES])
def test_a_mistake_in_a_network_is_told_as_one(changes: dict[str, Any], words: list[str]) -> None:
    right = Policy(init=an_init, initial_carry=a_memory, step=a_step, unroll=an_unroll)
    check_policy(part("network.name"), right, observation_size=5, num_actions=2)
    with pytest.raises(ConfigurationError) as refusal:
        check_policy(part("network.name"), right._replace(**changes), observation_size=5, num_actions=2)
    assert_told(refusal.value, "network.name: 'my:Part': ", words)


def test_hawk_is_a_policy() -> None:
    config = SequenceExperiment.model_validate({"network": {"width": 4, "mlp_width": 4}}).network
    policy = hawk_policy(config, 5, 2, "sequential")
    check_policy(part("network.name"), policy, observation_size=5, num_actions=2)


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """A module of the user's."""
    module = types.ModuleType("of_a_user")
    monkeypatch.setitem(sys.modules, "of_a_user", module)
    return module


STRATEGIES = [
    (lambda key: jnp.zeros(4), "gives float32 of shape (4,); floats of shape (5,) expected"),
    (fails, "fails: KeyError: 'payoff'"),
    (3, "it is 3; a function"),
    (Automaton((0.5, 1.5), [[0] * 4] * 2), "probabilities are from 0 to 1, not 1.5"),
    (Automaton((0.5, jnp.nan), [[0] * 4] * 2), "probabilities are from 0 to 1, not nan"),
    (Automaton((0.5, 1), [[0, 1, 2, 0]] * 2), "next states are from 0 to 1, not 2"),
    (Automaton((0.5, 1), [[0, -1, 1, 0]] * 2), "next states are from 0 to 1, not -1"),
    (Automaton((0.5, 1), [[0] * 3] * 2), "following gives int16 of shape (2, 3); four next states of each state"),
    (Automaton((0.5, 1), [[0] * 4] * 3), "following gives int16 of shape (3, 4); four next states of each state"),
    (Automaton((0.5, 1), [[0.0] * 4] * 2), "it fails: TypeError: following holds no whole numbers"),
    (Automaton((0.5, 1), [[0] * 4, [0]]), "it fails: "),
    (Automaton((), ()), "it fails: TypeError: following holds no whole numbers"),
    (Automaton((0.5, 1), jnp.full((2, 4), 2**16)), "next states are from 0 to 1, not 65536"),
    (Automaton(0.5, [[0] * 4]), "cooperation gives float32 of shape (); 1 to 4096 probabilities"),
    (lambda key: Automaton(jnp.ones(2), jnp.zeros((2, 3), int)), "following gives int16 of shape (2, 3)"),
    (lambda key: Automaton(jnp.ones((2, 2)), jnp.zeros((2, 4), int)), "cooperation gives float32 of shape (2, 2)"),
    (lambda key: Automaton(jnp.ones(2), jnp.zeros((2, 4))), "it fails: TypeError: following holds no whole numbers"),
]


@pytest.mark.parametrize(("strategy", "words"), STRATEGIES)
def test_a_mistake_in_a_strategy_is_told_as_one(plugin: Any, strategy: Any, words: str) -> None:
    plugin.strategy = strategy
    with pytest.raises(ConfigurationError) as refusal:
        find_strategy("of_a_user:strategy", episode_length=3, inner_episodes=2)
    assert_told(refusal.value, "population.fixed: 'of_a_user:strategy': ", [words])


def experiment(**tables: Any) -> SequenceExperiment:
    return SequenceExperiment.model_validate({"rollout": {"inner_episode_length": 3}, **tables})


def test_games_and_networks_are_checked_where_they_are_built(plugin: Any) -> None:
    plugin.Game = type("Changed", (Game,), {"observation_size": 7})
    plugin.network = lambda *_: Policy(init=an_init, initial_carry=a_memory, step=a_step, unroll=an_unroll)
    with pytest.raises(ConfigurationError, match="observe for player 0 gives"):
        build_environment(experiment(environment={"name": "of_a_user:Game"}))
    network = experiment(network={"name": "of_a_user:network"}).network
    with pytest.raises(ConfigurationError, match="step, logits, gives"):
        build_policy(network, observation_size=5, num_actions=3, scan="sequential")


def test_whatever_a_constructor_raises_is_told(plugin: Any) -> None:
    plugin.Game = lambda episode_length: fails()
    plugin.Empty = lambda episode_length: object()
    with pytest.raises(ConfigurationError, match="refuses its keys: KeyError: 'payoff'"):
        build_environment(experiment(environment={"name": "of_a_user:Game"}))
    with pytest.raises(ConfigurationError, match=r"has no observation_size, num_actions, .*, describe;"):
        build_environment(experiment(environment={"name": "of_a_user:Empty"}))
    plugin.network = fails
    network = experiment(network={"name": "of_a_user:network"}).network
    with pytest.raises(ConfigurationError, match="builds no policy: KeyError"):
        build_policy(network, observation_size=5, num_actions=2, scan="sequential")


@pytest.mark.parametrize("text", ["1 / 0", "raise KeyError('x')", "import sys; sys.exit(3)", "no_such_name"])
def test_whatever_a_module_raises_is_told(tmp_path: Any, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    name = f"broken_{abs(hash(text))}"
    (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigurationError, match=r"cannot be loaded: (Zero|Key|System|Name)"):
        find_strategy(f"{name}:x", episode_length=3, inner_episodes=2)


def part(key: str) -> Part:
    return Part(key, "my:Part", __name__)


def assert_told(error: ConfigurationError, start: str, words: list[str]) -> None:
    line = str(error)
    assert line.startswith(start)
    assert "\n" not in line
    for word in words:
        assert word in line, line
    jax.eval_shape(lambda: jnp.zeros(1))  # JAX goes on as before.
