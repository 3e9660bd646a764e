"""The experiment tree: every setting of a run, validated and frozen.

A preset file holds exactly these keys. Defaults are the paper's iterated prisoner's dilemma in the shaping setting
(Tables 2, 4 and 8). This module imports no JAX, so that mistakes in a configuration are reported at once.

Larger tables are in modules of their own, beside this one; numbers that a sweep varies may be schedules over training
iterations (:mod:`coalactl_core.configuration.numbers`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from pydantic import create_model, model_validator

from coalactl_core.configuration.compute import ComputeConfig
from coalactl_core.configuration.diagnostics import DiagnosticsConfig
from coalactl_core.configuration.environments import EnvironmentConfig, MatrixGameConfig, seats_differ
from coalactl_core.configuration.learning import GROUP_CHOICES, LearningGroup, MetaConfig, NaiveConfig, NaiveLearners
from coalactl_core.configuration.numbers import Section, numbers_of
from coalactl_core.configuration.population import PopulationConfig
from coalactl_core.configuration.rule_settings import RuleSettings, settings_class
from coalactl_core.configuration.sizes import NetworkConfig, RolloutConfig, RunConfig
from coalactl_core.methods import METHODS, find_method, settings_tables


class _SequenceExperiment(Section):
    """Everything that determines a run of the sequence engine; beside these tables one for each rule with settings."""

    kind: Literal["sequence"] = "sequence"
    environment: EnvironmentConfig = MatrixGameConfig()
    network: NetworkConfig = NetworkConfig()
    population: PopulationConfig = PopulationConfig()
    rollout: RolloutConfig = RolloutConfig()
    meta: MetaConfig = MetaConfig()
    naive: NaiveConfig = NaiveConfig()
    diagnostics: DiagnosticsConfig = DiagnosticsConfig()
    compute: ComputeConfig = ComputeConfig()
    run: RunConfig = RunConfig()

    @model_validator(mode="after")
    def _consistent(self) -> _SequenceExperiment:
        size = self.rollout.meta_batch_size
        for agent, config in enumerate(self.agent_configs()):
            parts = config.passes[1]
            if size % parts:
                fitting = ", ".join(str(count) for count in range(1, size + 1) if size % count == 0)
                whose = "" if parts == self.meta.passes[1] else f"population.meta: agent {agent}: "
                raise ValueError(
                    f"{whose}meta.minibatches: {parts} does not divide rollout.meta_batch_size {size}; "
                    f"use one of {fitting}"
                )
        self.diagnostics.check_portions(size)
        for method in dict.fromkeys(self.methods):
            settings = self.settings_of(method)
            if settings is not None:
                settings.check(self, method)
        self._check_network()
        self._check_seats()
        self._check_naive()
        self._check_balance()
        self._check_batch_critic()
        return self

    def _check_network(self) -> None:
        name = self.network.name
        owners = [method for method, row in METHODS.items() if row.network == name]
        for method in self.methods:
            needed = find_method(method).network
            if needed and needed != name:
                raise ValueError(f"network.name: {name!r} given; agents of {method} have another, use {needed!r}")
            if owners and method not in owners:
                raise ValueError(
                    f"network.name: {name!r} given; only agents of {' and '.join(owners)} have it, and there is "
                    f"{method}; use another network"
                )

    def _check_seats(self) -> None:
        if seats_differ(self.environment) and self.population.has_meta:
            raise ValueError(
                "population.p_naive: below 1 agents meet agents, in the second seat, where none learns, and "
                "environment.payoffs_second differs from environment.payoffs; use 1"
            )

    def _check_naive(self) -> None:
        groups = self.naive_learners
        for index, learners in enumerate(groups):
            try:
                learners.config.check(self.population, self.rollout.batch_size)
            except ValueError as error:
                whose = "" if len(groups) == 1 else f"population.naive.{index}: "
                raise ValueError(f"{whose}{error}") from error

    def _check_balance(self) -> None:
        estimators = [name for name, row in METHODS.items() if row.is_estimator]
        others = [method for method in self.methods if method not in estimators]
        if self.diagnostics.gradient_balance_every and others:
            raise ValueError(
                f"diagnostics.gradient_balance_every: {self.diagnostics.gradient_balance_every} given; it measures the "
                f"estimators of other methods, use 0 with {others[0]}"
            )
        if self.diagnostics.gradient_balance_every and len(self.groups) > 1:
            raise ValueError(
                f"diagnostics.gradient_balance_every: {self.diagnostics.gradient_balance_every} given; use 0 where "
                f"agents differ in {', '.join(f'meta.{key}' for key in GROUP_CHOICES)}"
            )

    def _check_batch_critic(self) -> None:
        for agent, config in enumerate(self.agent_configs()):
            if config.batch_critic != "none" and not find_method(config.method).crosses_batch:
                crossing = [name for name, row in METHODS.items() if row.crosses_batch]
                alone = isinstance(self.population.meta, int)
                whose = "" if alone else f"population.meta: agent {agent}: "
                remedy = "'none'" if alone else "settings = { batch_critic = 'none' } in its group"
                raise ValueError(
                    f"{whose}meta.batch_critic: {config.batch_critic!r} given; credit of {config.method} does not "
                    f"cross the batch, use {remedy}, or method {' or '.join(crossing)}"
                )
        names = sorted({config.batch_critic for config in self.agent_configs()} - {"none"})
        if len(names) > 1:
            raise ValueError(
                f"population.meta: agents with the critics {' and '.join(map(repr, names))}; in one pool "
                "meta.batch_critic is one of them, or 'none'"
            )

    @property
    def batch_critic(self) -> str | None:
        """The critic of the batch that some agent has; None if none has one, or no co-player learns."""
        if not self.population.has_naive:
            return None
        return next((config.batch_critic for config in self.agent_configs() if config.batch_critic != "none"), None)

    def settings_of(self, method: str) -> RuleSettings | None:
        """The table of the settings that a method's rule has of its own; None where it has none."""
        table = find_method(method).table
        return getattr(self, table) if table else None

    def crossing_of(self, method: str) -> str:
        """How memories of a method's agents cross inner episodes, of ``methods.CROSSINGS``; "": only its rule says."""
        settings = self.settings_of(method)
        return (settings.crossing if settings is not None else "") or find_method(method).crossing

    @property
    def groups(self) -> tuple[LearningGroup, ...]:
        """The meta agents by the program that they learn by, in the order of each one's first."""
        members: dict[Any, list[int]] = {}
        configs = self.agent_configs()
        for agent, config in enumerate(configs):
            row, choices = find_method(config.method), (getattr(config, key) for key in GROUP_CHOICES)
            members.setdefault((row.rule, row.table, *choices), []).append(agent)
        return tuple(
            LearningGroup(tuple(agents), tuple(configs[agent] for agent in agents)) for agents in members.values()
        )

    @property
    def methods(self) -> tuple[str, ...]:
        """The method of each meta agent, in order."""
        return tuple(config.method for config in self._agent_configs())

    @property
    def seeds(self) -> tuple[int, ...]:
        """The one seed of a run."""
        return (self.run.seed,)

    def agent_configs(self) -> tuple[MetaConfig, ...]:
        """The learning settings of each meta agent, in order."""
        return tuple(self._agent_configs())

    def _agent_configs(self) -> Iterator[MetaConfig]:
        if isinstance(self.population.meta, int):
            yield from (self.meta,) * self.population.meta
            return
        for group in self.population.meta:
            settings = {**self.meta.model_dump(), **group.settings, "method": group.method}
            yield from (MetaConfig.model_validate(settings),) * group.count

    @property
    def naive_learners(self) -> tuple[NaiveLearners, ...]:
        """The naive agents by how they learn, in the order of their numbers; one entry where all learn alike."""
        population = self.population
        if isinstance(population.naive, int):
            return (NaiveLearners(population.naive, self.naive),)
        shared = self.naive.model_dump()
        groups = [
            NaiveLearners(
                group.count, NaiveConfig.model_validate({**shared, **group.settings, "algorithm": group.algorithm})
            )
            for group in population.naive
        ]
        alike = all(group.config == groups[0].config for group in groups)
        return (NaiveLearners(population.naive_agents, groups[0].config),) if alike else tuple(groups)

    @property
    def static_choices(self) -> dict[str, Any]:
        """What the compiled program depends on: shapes and choices, but no number that is data to it."""
        population = self.population
        return {
            "environment": self.environment.model_dump(),
            "network": self.network.model_dump(),
            "rollout": self.rollout.model_dump(),
            "compute": self.compute.model_dump(),
            "diagnostics": self.diagnostics.model_dump(),
            "population": (population.meta_agents, population.naive_agents, population.has_naive, population.has_meta),
            "population.fixed": tuple(fixed.strategy for fixed in population.fixed),
            "population.fixed_drawn": population.fixed_drawn,
            "population.stratified": population.stratified,
            "population.dynamic_naive": population.dynamic_naive,
            "meta.batch_critic": self.batch_critic,
            "meta": tuple(
                (group.agents, find_method(group.method).rule, *(getattr(group.meta, key) for key in GROUP_CHOICES))
                for group in self.groups
            ),
            "naive": self._naive_choices(),
            **self._rule_choices(),
        }

    def _naive_choices(self) -> tuple[Any, ...]:
        first, *others = self.naive_learners
        if not others:
            return first.config.static_choices
        return tuple((learners.agents, learners.config.static_choices) for learners in (first, *others))

    def _rule_choices(self) -> dict[str, Any]:
        """Of the tables of settings of the methods' rules, by table: methods of one rule share a program."""
        tables = {find_method(method).table: self.settings_of(method) for method in self.methods}
        return {
            table: settings.model_dump(exclude=set(numbers_of(type(settings))))
            for table, settings in tables.items()
            if settings is not None
        }

    @property
    def minibatch_size(self) -> int:
        """Meta-episodes that one optimiser step learns from; of several such numbers their greatest common divisor."""
        return math.gcd(*(self.rollout.meta_batch_size // config.passes[1] for config in self.agent_configs()))

    @property
    def steps_per_iteration(self) -> int:
        """Environment steps of one training iteration, over all meta agents."""
        sizes = self.rollout
        return self.population.meta_agents * sizes.meta_batch_size * sizes.batch_size * sizes.steps


def with_tables(base: type[_SequenceExperiment], tables: Mapping[str, str]) -> type[_SequenceExperiment]:
    """The experiment with more tables, each of settings written ``module:Name``."""
    classes = {table: settings_class(written) for table, written in tables.items() if table not in base.model_fields}
    fields: dict[str, Any] = {table: (settings, settings()) for table, settings in classes.items()}
    return create_model("SequenceExperiment", __base__=base, __module__=__name__, __doc__=base.__doc__, **fields)


if TYPE_CHECKING:
    SequenceExperiment = _SequenceExperiment
else:
    SequenceExperiment = with_tables(_SequenceExperiment, settings_tables())


@cache
def sequence_experiment(methods: tuple[str, ...]) -> type[SequenceExperiment]:
    """The experiment with the tables of these methods as well, which may be of other packages.

    Raises:
        ConfigurationError: there is no such method.
    """
    tables = settings_tables(methods)
    is_known = set(tables) <= set(SequenceExperiment.model_fields)
    return SequenceExperiment if is_known else with_tables(SequenceExperiment, tables)
