"""The seam of naive co-players: how one acts, and how it learns from an inner episode. Each algorithm is one file here.

:mod:`coalactl_core.coplayers` has them by name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from jax import Array
from jaxtyping import Float, Int, Num

from coalactl_core.configuration.learning import NaiveConfig
from coalactl_core.envs.base import Environment
from coalactl_core.nets.policy import Policy, PolicyOutput, unroll_from, unroll_from_start
from coalactl_core.types import Experience, Learner, NaiveHyperparameters, Params


class Coplayer(NamedTuple):
    """How a naive co-player acts and learns; written for one.

    ``init`` makes a learner that has not taken a step; what it keeps beside parameters and optimiser is its ``state``.
    ``update`` is what it learns from the inner episode that it has just played. ``behave`` gives the logits that it
    draws its action from, of what it sees (as in :class:`Experience`) and of what its policy says (None: the policy's
    own). ``differentiable``: whether ``update`` may be differentiated in its experience. ``init_numbered``: ``init`` of
    the naive agent with that number, where those of one pool differ in more than parameters (None: they do not).
    """

    init: Callable[[Params], Learner]
    update: Callable[[Learner, Experience, NaiveHyperparameters], Learner]
    behave: (
        Callable[[Learner, Num[Array, "*features"], PolicyOutput, NaiveHyperparameters], Float[Array, "actions"]] | None
    ) = None
    differentiable: bool = False
    init_numbered: Callable[[Params, Int[Array, ""]], Learner] | None = None


class CoplayerSetting(NamedTuple):
    """What a co-player is built for: its table of the configuration, the network that it has, the game it plays."""

    config: NaiveConfig
    policy: Policy
    environment: Environment


# What the ``build`` of an algorithm names; raises ConfigurationError where it cannot play the game.
Builder = Callable[[CoplayerSetting], Coplayer]


def replayed(params: Params, experience: Experience, policy: Policy) -> PolicyOutput:
    """What a policy makes of an inner episode that was played, leading with (episode_steps, batch)."""
    prepared = policy.prepare(params, experience.actions.size)
    if experience.memory is None:
        return unroll_from_start(policy, prepared, experience.observations)
    return unroll_from(policy, prepared, experience.observations, experience.memory)
