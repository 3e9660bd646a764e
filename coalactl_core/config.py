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
from coalactl_core.config_numbers import Coefficient, Few, Limit, Positive, Probability, Section, Size
from coalactl_core.config_population import Method, PopulationConfig

# Iterations are counted in 32 bits.
Iterations = Annotated[int, Field(ge=1, lt=2**31)]

Optimizer = Literal["adam", "adamw", "sgd"]
BatchCritic = Literal["none", "measures", "play"]
# Those whose credit crosses the batch.
SHAPING_METHODS = ("coala-pg", "m-fos")


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
    batch_critic: BatchCritic = "none"
    episode_lambda: Probability = 1.0
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
        self._check_batch_critic()
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

    def _check_batch_critic(self) -> None:
        for config in self.agent_configs():
            if config.batch_critic != "none" and config.method not in SHAPING_METHODS:
                raise ValueError(
                    f"meta.batch_critic: {config.batch_critic!r} given; credit of {config.method} does not cross the "
                    f"batch, use 'none', or method {' or '.join(SHAPING_METHODS)}"
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
            "meta.batch_critic": self.batch_critic,
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
