"""Settings that a learning rule has of its own: a table of the configuration for each rule that has some."""

from __future__ import annotations

import importlib
from typing import Protocol, runtime_checkable

from coalactl_core.configuration.environments import EnvironmentConfig
from coalactl_core.configuration.learning import MetaConfig, NaiveConfig
from coalactl_core.configuration.numbers import Section
from coalactl_core.configuration.population import PopulationConfig
from coalactl_core.configuration.sizes import NetworkConfig, RolloutConfig, RunConfig


@runtime_checkable
class AroundRule(Protocol):
    """What a rule may ask of the experiment that it is a part of: its tables, and how each meta agent learns."""

    @property
    def environment(self) -> EnvironmentConfig:
        """``[environment]``."""

    @property
    def network(self) -> NetworkConfig:
        """``[network]``."""

    @property
    def population(self) -> PopulationConfig:
        """``[population]``."""

    @property
    def rollout(self) -> RolloutConfig:
        """``[rollout]``."""

    @property
    def meta(self) -> MetaConfig:
        """``[meta]``, which groups of agents may have settings beside."""

    @property
    def naive(self) -> NaiveConfig:
        """``[naive]``."""

    @property
    def run(self) -> RunConfig:
        """``[run]``."""

    def agent_configs(self) -> tuple[MetaConfig, ...]:
        """``[meta]`` as each agent has it, in order."""


class RuleSettings(Section):
    """Base of such a table; what may be a schedule is data to the compiled program, everything else a part of it."""

    @property
    def further_plays(self) -> int:
        """How many more times a rule plays and differentiates each inner episode, for estimates of time."""
        return 0

    def network_steps(self, experiment: AroundRule) -> float:
        """How many more steps of a network than it plays an agent takes for a step of the environment, likewise."""
        del experiment
        return 0.0

    def cost_in_words(self, experiment: AroundRule) -> str:
        """What is told of an iteration before training, where that takes far more than what is played; "" if not."""
        del experiment
        return ""

    @property
    def crossing(self) -> str:
        """How agents' memories cross inner episodes, of ``methods.CROSSINGS``; "" where settings do not say."""
        return ""

    def check(self, experiment: AroundRule, method: str) -> None:
        """Raises ``ValueError``, naming key, value, rule and remedy, where the experiment does not suit the rule.

        Asked where some agent has the method.
        """


def settings_class(written: str) -> type[RuleSettings]:
    """The class of ``module:Name``."""
    module, _, name = written.partition(":")
    settings: type[RuleSettings] = getattr(importlib.import_module(module), name)
    return settings
