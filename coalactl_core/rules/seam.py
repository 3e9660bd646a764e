"""The seam between what one meta agent has played and how it learns from it.

A rule is written for one agent; ``train_step`` maps it over the agents of a group, those that learn by one program. A
pool whose agents have different rules has a group for each. :mod:`coalactl_core.methods` has the rules by name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from jax import Array
from jaxtyping import Float, Key

from coalactl_core.configuration.experiment import SequenceExperiment
from coalactl_core.configuration.learning import LearningGroup
from coalactl_core.configuration.rule_settings import RuleSettings
from coalactl_core.play.rollout import Record, Rollout
from coalactl_core.plugins import load_named
from coalactl_core.types import (
    Learner,
    MetaHyperparameters,
    NaiveHyperparameters,
    Number,
    Opponents,
    Pairing,
    Params,
)

# One number an agent, by the name of a column.
Report = dict[str, Float[Array, "*lead"]]


class Numbers(NamedTuple):
    """The numbers of one iteration that an agent learns with: its own, its co-players', and its rule's by key."""

    meta: MetaHyperparameters
    naive: NaiveHyperparameters
    settings: dict[str, Number]


class Met(NamedTuple):
    """One iteration of one agent: what its rule kept of play, what is reported of it, and whom it met.

    ``kept`` leads with (meta_batch, inner_episodes), ``outcomes`` have means over batch and steps for both players.
    """

    kept: Any
    outcomes: dict[str, Float[Array, "meta_batch inner_episodes players"]]
    opponents: Opponents


class Rule(NamedTuple):
    """How one meta agent learns.

    ``init`` makes a learner of fresh or of given parameters, with what the rule keeps of its own in ``state``;
    ``init_trained`` does so of parameters that were trained elsewhere, where these make a difference. ``keep``
    takes what it needs from the start of an inner episode of all pairings, and from its records (meta_batch,
    episode_steps, batch). ``update`` gives the learner after the iteration, and a report with one number for each
    column. ``crossing``: how the agent's memory crosses from one inner episode to the next; None: as the rollout of
    its setting has it, where the method's row or its settings say so. An estimate of memory has to know ``whole``: it
    learns from all trajectories of a chunk of meta-episodes at once; and ``working``: the bytes that one agent works on
    at once of what else it plays and learns from.
    """

    init: Callable[[Key[Array, ""], Params], Learner]
    keep: Callable[[Pairing, Record], Any]
    update: Callable[[Key[Array, ""], Learner, Met, Numbers], tuple[Learner, Report]]
    crossing: int | None = None
    whole: bool = False
    working: int = 0
    init_trained: Callable[[Key[Array, ""], Params], Learner] | None = None


class Setting(NamedTuple):
    """What a rule is built for: the experiment, the agents that learn by it, and how they play.

    ``settings`` is the rule's own table (None where it has none). A rule that has to play more than it was given plays
    by ``rollout`` with the functions of :mod:`coalactl_core.play.rollout`.
    """

    experiment: SequenceExperiment
    group: LearningGroup
    rollout: Rollout
    kinds: tuple[int, ...]
    settings: RuleSettings | None


# What the ``rule`` of a method names.
Builder = Callable[[Setting], Rule]


def build_rule(written: str, setting: Setting) -> Rule:
    """The rule of a builder ``module:Name``.

    Raises:
        ConfigurationError: it cannot be loaded, or refuses the setting.
    """
    builder: Builder = load_named("meta.method", written)
    return builder(setting)
