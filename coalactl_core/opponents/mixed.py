"""Naive agents of one pool that learn in several ways: a co-player that is one of several, by the agent's number.

Co-players that differ in numbers alone are one and choose their numbers; between others there is a switch. Mapped over
opponents it computes the updates of all of them, and each opponent takes its own. The state of each way of learning
lies in the learner, where the others leave it as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, Int, Num

from coalactl_core.nets.policy import PolicyOutput
from coalactl_core.opponents.seam import Coplayer
from coalactl_core.types import Experience, Learner, NaiveHyperparameters, Params, Tree


class MixedState(NamedTuple):
    """What a learner of a mixed pool keeps: its group, and the state that each way of learning has of its own."""

    group: Int[Array, "*lead"]
    states: tuple[Any, ...]


class Mixture(NamedTuple):
    """The static side of it: the ways of learning, each group's place among them, and its agents' number.

    Of a :class:`Learner` of a mixture ``opt_state`` has an entry for each way, as ``MixedState.states`` has.
    """

    ways: tuple[Coplayer, ...]
    way_of: tuple[int, ...]
    counts: tuple[int, ...]


def mixed(coplayers: Sequence[Coplayer], counts: Sequence[int]) -> Coplayer:
    """The co-player of a pool of groups with so many agents, numbered one group after the other; of one its own."""
    if len(coplayers) == 1:
        return coplayers[0]
    ways = tuple(dict.fromkeys(coplayers))
    mixture = Mixture(ways, tuple(ways.index(coplayer) for coplayer in coplayers), tuple(counts))
    return Coplayer(
        init=partial(_begin, number=jnp.int32(0), mixture=mixture),
        init_numbered=partial(_begin, mixture=mixture),
        update=partial(_update, mixture=mixture),
        behave=partial(_behave, mixture=mixture) if any(way.behave for way in ways) else None,
    )


def _begin(params: Params, number: Int[Array, ""], *, mixture: Mixture) -> Learner:
    """A learner of the group that the number is in; numbers beyond all groups are in the last."""
    ends = jnp.cumsum(jnp.asarray(mixture.counts[:-1]))
    group = jnp.sum(number >= ends)
    learners = [way.init(params) for way in mixture.ways]
    return Learner(
        params=_chosen(group, [learner.params for learner in learners], mixture),
        opt_state=tuple(learner.opt_state for learner in learners),
        state=MixedState(group, tuple(learner.state for learner in learners)),
    )


def _update(learner: Learner, experience: Experience, hyper: NaiveHyperparameters, *, mixture: Mixture) -> Learner:
    group, own = learner.state.group, _numbers_of(learner, hyper)

    def by(index: int) -> Callable[[Learner], Learner]:
        def update(learner: Learner) -> Learner:
            return _with(learner, index, mixture.ways[index].update(_seen_by(index, learner), experience, own))

        return update

    learnt: Learner = jax.lax.switch(_way(group, mixture), [by(index) for index in range(len(mixture.ways))], learner)
    return learnt


def _behave(
    learner: Learner,
    seen: Num[Array, "*features"],
    output: PolicyOutput,
    hyper: NaiveHyperparameters,
    *,
    mixture: Mixture,
) -> Float[Array, "actions"]:
    own = _numbers_of(learner, hyper)
    logits = [
        output.logits if way.behave is None else way.behave(_seen_by(index, learner), seen, output, own)
        for index, way in enumerate(mixture.ways)
    ]
    return _chosen(learner.state.group, logits, mixture)


def _numbers_of(learner: Learner, hyper: NaiveHyperparameters) -> NaiveHyperparameters:
    """Those of the learner's group; ``hyper`` lead with the groups."""
    numbers: NaiveHyperparameters = jax.tree.map(lambda leaf: jnp.asarray(leaf)[learner.state.group], hyper)
    return numbers


def _chosen(group: Int[Array, ""], by_way: Sequence[Tree], mixture: Mixture) -> Tree:
    """What is the group's of what there is of each way of learning."""
    return jax.tree.map(lambda *leaves: jax.lax.select_n(_way(group, mixture), *leaves), *by_way)


def _way(group: Int[Array, ""], mixture: Mixture) -> Int[Array, ""]:
    """The place of a group's way of learning among all."""
    return jnp.asarray(mixture.way_of, jnp.int32)[group]


def _seen_by(index: int, learner: Learner) -> Learner:
    """The learner as one of the ways of learning knows it."""
    opt_states: Any = learner.opt_state
    return Learner(learner.params, opt_states[index], learner.state.states[index])


def _with(learner: Learner, index: int, learnt: Learner) -> Learner:
    """The learner after one of the ways has learnt."""

    def put(entries: Any, entry: Any) -> tuple[Any, ...]:
        return (*entries[:index], entry, *entries[index + 1 :])

    state = learner.state._replace(states=put(learner.state.states, learnt.state))
    return Learner(learnt.params, put(learner.opt_state, learnt.opt_state), state)
