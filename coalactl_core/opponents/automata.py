"""How automata play, written for one: its state, an integer, is all that a fixed strategy remembers."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Int

from coalactl_core.configuration.automata import MEMORY_ONE_STATES, Automaton
from coalactl_core.types import CARRIED, FORGOTTEN, Automata

# As many states as an automaton may have, MOST_STATES, fit.
STATE = np.int16
START = np.zeros((), STATE)


def as_arrays(automaton: Automaton) -> Automata:
    """An automaton as data; numbers may be drawn ones."""
    return Automata(
        cooperation=jnp.asarray(automaton.cooperation, float),
        following=jnp.asarray(automaton.following, STATE),
        carried=jnp.asarray(automaton.carried, bool),
    )


def padded(automata: Automata, states: int) -> Automata:
    """With so many states, of which those behind the first ones are never reached."""
    missing = states - automata.cooperation.shape[-1]
    lead = [(0, 0)] * (automata.cooperation.ndim - 1)
    return automata._replace(
        cooperation=jnp.pad(automata.cooperation, [*lead, (0, missing)]),
        following=jnp.pad(automata.following, [*lead, (0, missing), (0, 0)]),
    )


def stacked(automata: Sequence[Automata]) -> Automata:
    """Several as one, on a leading axis, padded to the largest."""
    states = max(each.cooperation.shape[-1] for each in automata)
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *(padded(each, states) for each in automata))


def is_memory_one(automata: Automata) -> bool:
    """Whether the state is the start or the last joint outcome, and each inner episode begins at the start."""
    following = np.asarray(automata.following)
    shape = np.shape(MEMORY_ONE_STATES)
    return (
        following.shape[-2:] == shape and bool((following == MEMORY_ONE_STATES).all()) and not np.any(automata.carried)
    )


def with_noise(automata: Automata, noise: float) -> Automata:
    """Whose every action is the other one with this probability."""
    kept = automata.cooperation
    return automata._replace(cooperation=kept * (1 - noise) + (1 - kept) * noise)


def crossing(automata: Automata) -> Int[Array, "*lead"]:
    """How its memory crosses from one inner episode to the next."""
    return jnp.where(automata.carried, CARRIED, FORGOTTEN)


def log_probs(automaton: Automata, state: Int[Array, ""]) -> Float[Array, "actions"]:
    """Log-probabilities of cooperating and of defecting in a state; −inf of what is never done."""
    cooperation = automaton.cooperation[state]
    return jnp.log(jnp.stack([cooperation, 1 - cooperation]))


def moved(automaton: Automata, state: Int[Array, ""], seen: Float[Array, "observations"]) -> Int[Array, ""]:
    """The state after a step, of which the strategy has seen the joint outcome, own action first.

    A game that shows the start once more has the automaton begin again.
    """
    number = jnp.argmax(seen)
    return jnp.where(number == 0, 0, automaton.following[state, number - 1]).astype(STATE)
