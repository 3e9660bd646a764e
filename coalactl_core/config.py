"""The experiment tree: every setting of a run, validated and frozen.

A preset file holds exactly these keys. Defaults are the paper's iterated prisoner's dilemma in the shaping setting
(Tables 2, 4 and 8). This module imports no JAX, so that mistakes in a configuration are reported at once.

Environments have tables of their own (``config_environments``); numbers that a sweep varies may be schedules over
training iterations (``config_numbers``).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from coalactl_core.config_diagnostics import DiagnosticsConfig
from coalactl_core.config_environments import EnvironmentConfig, MatrixGameConfig
from coalactl_core.config_lola import LolaConfig
from coalactl_core.config_numbers import Coefficient, Limit, Positive, Probability, Section, scheduled_values

# Far above what any machine trains, and low enough that a slip of the finger ends in a line and not in an endless loop.
Size = Annotated[int, Field(ge=1, le=1_000_000)]
Few = Annotated[int, Field(ge=1, le=1_000)]
# Iterations are counted in 32 bits.
Iterations = Annotated[int, Field(ge=1, lt=2**31)]

Method = Literal["coala-pg", "m-fos", "batch-unaware", "lola-dice"]
Optimizer = Literal["adam", "adamw", "sgd"]


class ConfigurationError(ValueError):
    """A configuration that cannot run; the message names the key, the value, the rule and the remedy."""


class NetworkConfig(Section):
    """The recurrent policy (App. B.3); the same for meta and naive agents."""

    name: str = "hawk"
    width: Size = 32
    heads: Size = 2
    depth: Few = 1
    mlp_width: Size = 32

    @model_validator(mode="after")
    def _heads_divide_width(self) -> NetworkConfig:
        if self.width % self.heads:
            raise ValueError(f"network.heads: {self.heads} does not divide network.width {self.width}")
        return self


class AgentGroup(Section):
    """Meta agents of one method in a pool; ``settings`` replace values of ``[meta]`` for them."""

    method: Method
    count: Few = 1
    settings: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _method_is_the_groups(self) -> AgentGroup:
        if "method" in self.settings:
            raise ValueError("population.meta: settings hold no method; it is the group's")
        return self


class FixedStrategy(Section):
    """A strategy that never learns, met with probability ``weight``."""

    strategy: str
    weight: Annotated[float, Field(gt=0, le=1)]


class PopulationConfig(Section):
    """Who is trained, and whom the meta agents meet (§5.1, App. B.2).

    ``naive_from``: a run whose meta agents the naive agents are, in turn; by default fresh initialisations.
    """

    meta: Few | Annotated[tuple[AgentGroup, ...], Field(strict=False, min_length=1)] = 1
    naive: Size = 10
    p_naive: Probability = 1.0
    stratified: bool = False
    dynamic_naive: bool = False
    naive_from: str = ""
    fixed: Annotated[tuple[FixedStrategy, ...], Field(strict=False)] = ()

    @property
    def meta_agents(self) -> int:
        """How many meta agents train."""
        return self.meta if isinstance(self.meta, int) else sum(group.count for group in self.meta)

    @property
    def fixed_share(self) -> float:
        """Probability of meeting a fixed strategy."""
        return sum(strategy.weight for strategy in self.fixed)

    @property
    def has_naive(self) -> bool:
        """Whether naive opponents can occur."""
        return self.fixed_share < 1 and max(scheduled_values(self.p_naive)) > 0

    @property
    def has_meta(self) -> bool:
        """Whether meta opponents can occur."""
        return self.fixed_share < 1 and min(scheduled_values(self.p_naive)) < 1

    @model_validator(mode="after")
    def _consistent(self) -> PopulationConfig:
        if self.fixed_share > 1 + 1e-9:
            raise ValueError(f"population.fixed: the weights add up to {self.fixed_share:g}; at most 1 is allowed")
        if self.naive_from and self.dynamic_naive:
            raise ValueError(
                f"population.naive_from: {self.naive_from!r} given, but with "
                "population.dynamic_naive every naive agent is set to a meta agent; use one of the two"
            )
        if self.naive_from.startswith("/"):
            raise ValueError(
                f"population.naive_from: {self.naive_from!r} given; use a path from the folder where training starts, "
                "since runs hold no absolute paths"
            )
        if self.has_meta and self.meta_agents < 2:
            raise ValueError(
                "population.p_naive: below 1 there are meta opponents, and an agent never meets itself; "
                "use population.meta of at least 2, or p_naive = 1.0"
            )
        return self


class RolloutConfig(Section):
    """Sizes of one training iteration (Tables 2 and 5)."""

    meta_batch_size: Size = 128
    batch_size: Size = 16
    inner_episodes: Size = 20
    inner_episode_length: Size = 10

    @property
    def steps(self) -> int:
        """Steps of one meta-trajectory, M·T."""
        return self.inner_episodes * self.inner_episode_length


class MetaConfig(Section):
    """How meta agents learn (Tables 4 and 7)."""

    method: Method = "coala-pg"
    algorithm: Literal["ppo", "a2c"] = "ppo"
    epochs: Few = 4
    minibatches: Size = 2
    clip: Limit = 0.2
    value_clip: Limit = 0.2
    value_coefficient: Coefficient = 0.5
    entropy: Coefficient = 0.0
    discount: Probability = 1.0
    td_lambda: Probability = 1.0
    gae_lambda: Probability = 1.0
    reward_scale: Positive = 0.05
    normalize_advantages: bool = False
    value_targets: Literal["batch-unaware", "average-future"] = "batch-unaware"
    value_after_end: Literal["zero", "last-value"] = "zero"
    credit: Literal["td-errors", "returns"] = "td-errors"
    batch_reduction: Literal["estimator", "mean"] = "estimator"
    meta_opponent_weight: Coefficient = 1.0
    optimizer: Optimizer = "adam"
    adam_epsilon: Positive = 1e-5
    learning_rate: Coefficient = 3e-4
    max_grad_norm: Limit = 1.0

    @property
    def passes(self) -> tuple[int, int]:
        """Epochs and minibatches of one iteration; A2C learns once, from the whole meta-batch."""
        return (self.epochs, self.minibatches) if self.algorithm == "ppo" else (1, 1)


class NaiveConfig(Section):
    """How naive co-players learn between inner episodes (Table 8)."""

    algorithm: Literal["a2c"] = "a2c"
    value_coefficient: Coefficient = 0.5
    entropy: Coefficient = 0.0
    discount: Probability = 0.99
    td_lambda: Probability = 1.0
    gae_lambda: Probability = 1.0
    reward_scale: Positive = 0.05
    normalize_advantages: bool = True
    optimizer: Optimizer = "adam"
    optimizer_state: Literal["fresh", "kept"] = "fresh"
    adam_epsilon: Positive = 1e-5
    learning_rate: Coefficient = 0.005
    max_grad_norm: Limit = 1.0


Chunk = Size | Literal["auto"]


class ComputeConfig(Section):
    """How the work is laid out on the device; changes no result beyond the order of summation."""

    meta_batch_chunk: Chunk = "auto"
    trajectory_chunk: Chunk = "auto"
    naive_chunk: Chunk = "auto"
    agent_chunk: Chunk = "auto"
    run_chunk: Chunk = "auto"
    devices: Few | Literal["auto", "all"] = "auto"
    rematerialize: bool = False
    scan: Literal["auto", "sequential", "associative", "kernel"] = "auto"


class RunConfig(Section):
    """Length, seed and bookkeeping of a run."""

    iterations: Iterations = 3000
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    log_every: Iterations = 1
    checkpoint_every: Iterations = 100
    keep: Annotated[int, Field(ge=2, lt=2**31)] = 2


class SequenceExperiment(Section):
    """Everything that determines a run of the sequence engine."""

    kind: Literal["sequence"] = "sequence"
    environment: EnvironmentConfig = MatrixGameConfig()
    network: NetworkConfig = NetworkConfig()
    population: PopulationConfig = PopulationConfig()
    rollout: RolloutConfig = RolloutConfig()
    meta: MetaConfig = MetaConfig()
    naive: NaiveConfig = NaiveConfig()
    diagnostics: DiagnosticsConfig = DiagnosticsConfig()
    lola: LolaConfig = LolaConfig()
    compute: ComputeConfig = ComputeConfig()
    run: RunConfig = RunConfig()

    @model_validator(mode="after")
    def _consistent(self) -> SequenceExperiment:
        size, (_, parts) = self.rollout.meta_batch_size, self.meta.passes
        if size % parts:
            fitting = ", ".join(str(count) for count in range(1, size + 1) if size % count == 0)
            raise ValueError(
                f"meta.minibatches: {parts} does not divide rollout.meta_batch_size {size}; use one of {fitting}"
            )
        self.diagnostics.check_portions(size)
        self._check_look_ahead()
        for agent, config in enumerate(self.agent_configs()):
            for key in ("algorithm", "epochs", "minibatches", "optimizer", "value_after_end"):
                if getattr(config, key) != getattr(self.meta, key):
                    raise ValueError(f"population.meta: agent {agent} has another meta.{key}; it is one for all agents")
        return self

    def _check_look_ahead(self) -> None:
        others = [method for method in self.methods if method != "lola-dice"]
        if self.looks_ahead and others:
            raise ValueError(
                f"population.meta: lola-dice and {others[0]} in one pool; they learn by programs of their own, "
                "use lola-dice for all agents or for none"
            )
        if self.looks_ahead and self.meta.algorithm != "a2c":
            raise ValueError(
                f"meta.algorithm: {self.meta.algorithm!r} given; lola-dice takes one plain step an iteration, use 'a2c'"
            )
        if self.looks_ahead and self.diagnostics.gradient_balance_every:
            raise ValueError(
                f"diagnostics.gradient_balance_every: {self.diagnostics.gradient_balance_every} given; it measures the "
                "estimators of other methods, use 0 with lola-dice"
            )

    @property
    def looks_ahead(self) -> bool:
        """Whether agents differentiate through their co-players' updates."""
        return "lola-dice" in self.methods

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
    def static_choices(self) -> dict[str, Any]:
        """What the compiled program depends on: shapes and choices, but no number that is data to it."""
        population, meta = self.population, self.meta
        return {
            "environment": self.environment.model_dump(),
            "network": self.network.model_dump(),
            "rollout": self.rollout.model_dump(),
            "compute": self.compute.model_dump(),
            "diagnostics": self.diagnostics.model_dump(),
            "population": (population.meta_agents, population.naive, population.has_naive, population.has_meta),
            "population.fixed": tuple(fixed.strategy for fixed in population.fixed),
            "population.stratified": population.stratified,
            "population.dynamic_naive": population.dynamic_naive,
            "meta": (meta.algorithm, meta.epochs, meta.minibatches, meta.optimizer, meta.value_after_end),
            "naive": (self.naive.algorithm, self.naive.optimizer, self.naive.optimizer_state),
            "lola": self.lola.model_dump(exclude={"learning_rate"}) if self.looks_ahead else None,
        }

    @property
    def minibatch_size(self) -> int:
        """Meta-episodes that one optimiser step learns from."""
        return self.rollout.meta_batch_size // self.meta.passes[1]

    @property
    def steps_per_iteration(self) -> int:
        """Environment steps of one training iteration, over all meta agents."""
        sizes = self.rollout
        return self.population.meta_agents * sizes.meta_batch_size * sizes.batch_size * sizes.steps


def check_devices(count: int, available: int, size: int, shared: str, sizes: tuple[str, int]) -> None:
    """Whether the devices to use are there and share the work of so many parts evenly.

    ``shared`` is the work in words; ``sizes``: a key, and of what its value must be a multiple for so many devices.

    Raises:
        ConfigurationError: it names the numbers of devices that do, and the sizes.
    """
    if count > available:
        raise ConfigurationError(f"compute.devices: {count} given, but JAX has {available} here; use at most that")
    if size % count:
        fitting = ", ".join(str(fewer) for fewer in range(1, available + 1) if size % fewer == 0)
        remedy = f"use {fitting}, or a {sizes[0]} that is a multiple of {sizes[1]}"
        raise ConfigurationError(f"compute.devices: {count} does not divide {shared}; {remedy}")
