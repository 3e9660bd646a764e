"""What the engine relies on of an environment of another package, checked before anything is played."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from coalactl_core.configuration.memory_one import STATES
from coalactl_core.contracts import Part, described
from coalactl_core.envs.base import DerivesMeasures, Environment, FewObservations, MemoryOneGame, RecallsEnds
from coalactl_core.measures import NAME_RULE, is_name

# Actions are kept in a byte.
_MOST_ACTIONS = 127


def check_environment(part: Part, environment: Any, episode_length: int) -> None:
    """Calls every method on shapes and types alone; ``environment`` has all that an :class:`Environment` must have.

    Raises:
        ConfigurationError: one of them fails or gives something else than the protocol says.
    """
    _check_sizes(part, environment, episode_length)
    key, actions = jax.random.key(0), jax.ShapeDtypeStruct((2,), jnp.asarray(0).dtype)
    state = part.traced("reset", environment.reset, key)
    events = _check_step(part, environment, key, state, actions)
    for player in (0, 1):
        method = f"observe for player {player}"
        # A plain number: it is a part of the program.
        seen = part.traced(method, lambda state, player=player: environment.observe(state, player), state)
        part.require_floats(method, seen, (environment.observation_size,))
    _check_measures(part, environment, state, events)
    # That an object has a property is found out by computing it.
    if part.plain("recalls", lambda: isinstance(environment, RecallsEnds)):
        _check_recalling(part, environment, state)
    if part.plain("vocabulary", lambda: isinstance(environment, FewObservations)):
        _check_numbering(part, environment, state)
    if part.plain("payoffs", lambda: isinstance(environment, MemoryOneGame)):
        _check_outcomes(part, environment, state)


def _check_sizes(part: Part, environment: Any, episode_length: int) -> None:
    for name, most in (("observation_size", None), ("num_actions", _MOST_ACTIONS), ("episode_length", None)):
        part.require_size(name, part.plain(name, partial(getattr, environment, name)), most)
    length = environment.episode_length
    part.require(length == episode_length, "episode_length", str(length), f"{episode_length}, what it was made with,")


def _check_step(part: Part, environment: Environment, key: Any, state: Any, actions: Any) -> Any:
    """The events, where the rest is as it should be."""
    result = part.traced("step", environment.step, key, state, actions)
    triple = isinstance(result, tuple) and len(result) == 3
    part.require(triple, "step", f"a {type(result).__name__}", "a tuple of state, rewards and events")
    after, rewards, events = result
    part.require_like("step", after, state, "the state of reset")
    part.require_floats("step", rewards, (2,))
    return events


def _check_measures(part: Part, environment: Environment, state: Any, events: Any) -> None:
    played = jax.ShapeDtypeStruct((2,), jnp.int8)
    measures = part.traced("describe", environment.describe, state, played, events)
    _check_named(part, "describe", measures, taken=("reward",))
    if isinstance(environment, DerivesMeasures):
        means = {name: jax.ShapeDtypeStruct((2,), jnp.asarray(0.0).dtype) for name in ("reward", *measures)}
        derived = part.traced("derive", environment.derive, means)
        _check_named(part, "derive", derived, taken=tuple(means))


def _check_named(part: Part, method: str, measures: Any, taken: tuple[str, ...]) -> None:
    """Names become columns, ``NAME_first_vs_naive`` and ``coplayer_NAME_vs_naive``: they may not say such things."""
    part.require(isinstance(measures, Mapping), method, described(measures), "a dictionary of measures by name")
    for name, values in measures.items():
        free = isinstance(name, str) and name not in ("", *taken)
        part.require(free, method, f"a measure called {name!r}", "another name: the engine has this one already,")
        part.require(is_name(name), method, f"a measure called {name!r}", NAME_RULE)
        part.require_numbers(f"{method}, measure {name!r},", values, (2,))


def _check_recalling(part: Part, environment: RecallsEnds, state: Any) -> None:
    before = part.plain("before_first", lambda: jax.tree.map(np.asarray, environment.before_first))
    part.require_like("before_first", before, state, "the state of reset")
    recalled = part.traced("recall", environment.recall, state, state)
    part.require_like("recall", recalled, state, "the state of reset")
    part.require_like("forget", part.traced("forget", environment.forget, state), state, "the state of reset")


def _check_numbering(part: Part, environment: FewObservations, state: Any) -> None:
    vocabulary = part.plain("vocabulary", lambda: np.asarray(environment.vocabulary))
    rows = vocabulary.shape[0] if vocabulary.ndim else 0
    part.require_floats("vocabulary", vocabulary, (rows, environment.observation_size))
    for player in (0, 1):
        method = f"observe_number for player {player}"
        number = part.traced(method, lambda state, player=player: environment.observe_number(state, player), state)
        _require_number(part, method, number)


def _check_outcomes(part: Part, environment: MemoryOneGame, state: Any) -> None:
    """Strategies are tables by observation, one-hot, of two actions."""
    for name, needed in (("observation_size", len(STATES)), ("num_actions", 2)):
        size = getattr(environment, name)
        part.require(size == needed, name, str(size), f"{needed}, as memory-one strategies play,")
    payoffs = part.plain("payoffs", lambda: np.asarray(environment.payoffs, float))
    part.require(payoffs.shape == (2, 2), "payoffs", described(payoffs), "own payoff by own action and the other's")
    _require_number(part, "outcome", part.traced("outcome", environment.outcome, state))


def _require_number(part: Part, method: str, value: Any) -> None:
    whole = getattr(value, "shape", None) == () and jnp.issubdtype(value.dtype, jnp.integer)
    part.require(whole, method, described(value), "a whole number of shape ()")
