"""Fixed strategies: opponents that never learn, with a memory that is the state of an automaton.

A strategy is an automaton, or a function of a random key that draws one for each opponent, or five probabilities of
cooperating (action 0): at the start and after CC, CD, DC and DD, own action first. Those of this project are in
:mod:`coalactl_core.configuration.strategies`; those of other packages are named by an entry point in the group
``coalactl.strategies`` or as ``module:Name``, those of the Axelrod library as ``axelrod:Name``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Key

from coalactl_core.configuration.automata import (
    MEMORY_ONE_STATES,
    MOST_STATES,
    OUTCOMES,
    Automaton,
    automaton_of,
    memory_one,
)
from coalactl_core.configuration.memory_one import MEMORY_ONE, STATES, Probabilities
from coalactl_core.configuration.strategies import CARRIED, RANDOM_TABULAR, Written, names, read, rule_of
from coalactl_core.contracts import Part, described
from coalactl_core.errors import ConfigurationError
from coalactl_core.opponents.asked import AskedStrategy
from coalactl_core.opponents.automata import as_arrays, with_noise
from coalactl_core.opponents.axelrod_library import PREFIX
from coalactl_core.opponents.from_axelrod import NotFiniteError, asked_from_axelrod, automaton_from_axelrod
from coalactl_core.plugins import load_plugin
from coalactl_core.types import Automata

KEY = "population.fixed"
_ASKED = "it plays in evaluations alone, where it is asked move by move"
_EXPECTED = "a function from a key to five probabilities or an Automaton, or an Automaton, expected"
Draw = Callable[[Key[Array, ""]], Any]


class OnlyAskedError(ConfigurationError):
    """A strategy that is no automaton, and that plays where :func:`find_asked` finds it."""


class Strategy(NamedTuple):
    """A fixed opponent: an automaton, or what draws one; with what stands behind its name.

    ``states``: how many it has. ``carried``: whether its memory goes on from one inner episode to the next whatever the
    automaton says. ``noise``: with which probability each action is the other one.
    """

    source: Automaton | Draw
    states: int
    carried: bool = False
    noise: float = 0.0

    @property
    def is_drawn(self) -> bool:
        """Whether each opponent has an automaton of its own."""
        return not isinstance(self.source, Automaton)

    def draw(self, key: Key[Array, ""]) -> Automata:
        """The automaton of one opponent, as data."""
        drawn = as_arrays(self.source) if isinstance(self.source, Automaton) else _as_automata(self.source(key))
        if self.noise:
            drawn = with_noise(drawn, self.noise)
        return drawn._replace(carried=drawn.carried | self.carried)


def always(*cooperation: float) -> Strategy:
    """The memory-one strategy with these probabilities of cooperating."""
    return Strategy(memory_one(cooperation), len(STATES))


def random_tabular(key: Key[Array, ""]) -> Float[Array, "5"]:
    """A memory-one strategy drawn anew for each opponent, each probability uniform on [0, 1]."""
    return jax.random.uniform(key, (5,), dtype=float)


def find_strategy(
    written: str,
    *,
    episode_length: int,
    inner_episodes: int,
    known: Mapping[str, Probabilities] = MEMORY_ONE,
) -> Strategy:
    """The strategy of this name, and of what stands behind it, for inner episodes of so many steps.

    Strategies that count do so up to the end of an inner episode, or of the meta-episode where their memory is carried.
    ``known``: memory-one strategies by name, as they are in the game.

    Raises:
        OnlyAskedError: it is one of the Axelrod library that is not finite.
        ConfigurationError: it is unknown, its numbers are none, it takes too many states, or it is no strategy.
    """
    try:
        name, carried, noise = read(written)
        moves = episode_length * (inner_episodes if carried else 1)
        found = _of_axelrod(name, moves) if name.startswith(PREFIX) else _of_this_project(name, moves, known)
    except NotFiniteError as error:
        raise OnlyAskedError(f"{KEY}: {written!r}: {error}; {_ASKED}") from error
    except ValueError as error:
        shorter = f"; leave {CARRIED} out, or take fewer inner episodes" if CARRIED in written else ""
        raise ConfigurationError(f"{KEY}: {written!r}: {error}{shorter if 'states' in str(error) else ''}") from error
    found = found or _of_another_package(Written(name, carried, noise))
    return found._replace(carried=carried, noise=noise)


def find_asked(written: str) -> AskedStrategy:
    """The strategy of the Axelrod library of this name, and of what stands behind it, as one that is asked.

    Raises:
        ConfigurationError: it is unknown, or does not play by what was played alone.
    """
    try:
        name, carried, noise = read(written)
        return asked_from_axelrod(name)._replace(carried=carried, noise=noise)
    except ValueError as error:
        raise ConfigurationError(f"{KEY}: {written!r}: {error}") from error


def _of_this_project(name: str, moves: int, known: Mapping[str, Probabilities]) -> Strategy | None:
    if name in known or name in MEMORY_ONE:
        return always(*{**MEMORY_ONE, **known}[name])
    if name == RANDOM_TABULAR:
        return Strategy(random_tabular, len(STATES))
    rule = rule_of(name)
    if rule is None:
        return None
    automaton = automaton_of(rule, moves)
    return Strategy(automaton, len(automaton.cooperation))


def _of_axelrod(name: str, moves: int) -> Strategy:
    automaton = automaton_from_axelrod(name, moves)
    return Strategy(automaton, len(automaton.cooperation))


def _of_another_package(written: Written) -> Strategy:
    loaded = load_plugin(KEY, written.name, group="coalactl.strategies", builtin=names())
    part = Part(KEY, written.name, getattr(loaded, "__module__", None) or "")
    if isinstance(loaded, Automaton):
        return _of_automaton(part, loaded)
    if not callable(loaded):
        raise part.complaint(f"it is {described(loaded)}; {_EXPECTED}")
    given = part.traced("as a function from a key to five probabilities or an Automaton it", loaded, jax.random.key(0))
    if not isinstance(given, Automaton):
        part.require_floats("it", given, (len(STATES),))
        return Strategy(loaded, len(STATES))
    drawn = part.traced("it", lambda key: _as_automata(loaded(key)), jax.random.key(0))
    _check_shapes(part, drawn)
    return Strategy(loaded, drawn.cooperation.shape[0])


def _of_automaton(part: Part, automaton: Automaton) -> Strategy:
    """With plain numbers, so that strategies can be compared."""
    _check_shapes(part, part.plain("it", lambda: _as_automata(automaton)))
    problem = problem_of(automaton)
    if problem:
        raise part.complaint(problem)
    cooperation, following = np.asarray(automaton.cooperation, float).tolist(), np.asarray(automaton.following).tolist()
    return Strategy(
        Automaton(tuple(cooperation), tuple(map(tuple, following)), bool(automaton.carried)), len(cooperation)
    )


def problem_of(automaton: Automaton | Automata) -> str:
    """What is wrong with an automaton's numbers, in words; nothing if they are in order."""
    cooperation, following = (np.asarray(leaf) for leaf in (automaton.cooperation, automaton.following))
    states = len(cooperation)
    if not ((cooperation >= 0) & (cooperation <= 1)).all():
        wrong = cooperation[~((cooperation >= 0) & (cooperation <= 1))][0]
        return f"probabilities are from 0 to 1, not {wrong:.4g}"
    if not ((following >= 0) & (following < states)).all():
        wrong = following[(following < 0) | (following >= states)][0]
        return f"next states are from 0 to {states - 1}, not {wrong}"
    return ""


def _check_shapes(part: Part, automata: Automata) -> None:
    states = automata.cooperation.shape[0] if automata.cooperation.ndim else 0
    part.require(
        1 <= states <= MOST_STATES, "cooperation", described(automata.cooperation), f"1 to {MOST_STATES} probabilities"
    )
    part.require_floats("cooperation", automata.cooperation, (states,))
    wanted = states, len(OUTCOMES)
    part.require(
        automata.following.shape == wanted,
        "following",
        described(automata.following),
        f"four next states of each state, shape {wanted},",
    )


def _as_automata(drawn: Any) -> Automata:
    """Of an automaton that was drawn, or of five probabilities."""
    if isinstance(drawn, Automaton):
        if not jnp.issubdtype(jnp.asarray(drawn.following).dtype, jnp.integer):
            raise TypeError("following holds no whole numbers")
        return as_arrays(drawn)
    return as_arrays(Automaton(drawn, MEMORY_ONE_STATES))
