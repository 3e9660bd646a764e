"""The tables ``[meta]`` and ``[naive]``: how agents learn, and which of them learn by one program."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from coalactl_core.configuration.numbers import (
    Coefficient,
    Few,
    Limit,
    Positive,
    Probability,
    Section,
    Size,
    numbers_of,
)
from coalactl_core.configuration.population import CoplayerAlgorithm, Method, PopulationConfig
from coalactl_core.coplayers import A2C, find_algorithm

Optimizer = Literal["adam", "adamw", "sgd"]
BatchCritic = Literal["none", "measures", "play"]
# What of [meta] is a part of the program that agents learn by; agents that differ in it learn in groups of their own.
GROUP_CHOICES = ("algorithm", "epochs", "minibatches", "optimizer", "value_after_end")


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

    algorithm: CoplayerAlgorithm = A2C
    epochs: Few = 4
    clip: Limit = 0.2
    baseline: Literal["none", "batch-mean"] = "batch-mean"
    exploration: Probability = 0.1
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

    @property
    def own_numbers(self) -> tuple[str, ...]:
        """Keys of the numbers that not every algorithm has a use for, and this one has."""
        return tuple(key for key in find_algorithm(self.algorithm).keys if key in numbers_of(NaiveConfig))

    @property
    def static_choices(self) -> tuple[Any, ...]:
        """What of it the compiled program depends on."""
        keys = find_algorithm(self.algorithm).keys
        own = [getattr(self, key) for key in keys if key not in self.own_numbers]
        return self.algorithm, self.optimizer, self.optimizer_state, *own

    @property
    def passes(self) -> int:
        """How often a network learns from the samples of an inner episode."""
        algorithm = find_algorithm(self.algorithm)
        return self.epochs if algorithm.trains_policy and "epochs" in algorithm.keys else 1

    def check(self, population: PopulationConfig, batch_size: int) -> None:
        """Raises ``ValueError`` where the algorithm learns nothing from so many trajectories, or from no such start."""
        if self.algorithm == "reinforce" and self.baseline == "batch-mean" and batch_size == 1:
            raise ValueError(
                "naive.baseline: 'batch-mean' given; with rollout.batch_size 1 it leaves nothing to learn from, "
                "use 'none'"
            )
        starts = {
            "population.dynamic_naive": (population.dynamic_naive, "false"),
            "population.naive_from": (population.naive_from, "''"),
        }
        for key, (value, remedy) in starts.items():
            if value and not find_algorithm(self.algorithm).trains_policy:
                raise ValueError(
                    f"{key}: {str(value).lower() if value is True else repr(value)} given; with naive.algorithm "
                    f"{self.algorithm!r} naive agents start afresh instead of with parameters, use {remedy}"
                )


class NaiveLearners(NamedTuple):
    """Naive agents that learn alike: how many, one after the other, and their ``[naive]``."""

    agents: int
    config: NaiveConfig


class LearningGroup(NamedTuple):
    """Meta agents that learn by one program: by the same rule, with the same choices of ``[meta]``."""

    agents: tuple[int, ...]
    configs: tuple[MetaConfig, ...]

    @property
    def method(self) -> str:
        """The method of the first; others' have the same rule."""
        return self.configs[0].method

    @property
    def meta(self) -> MetaConfig:
        """What all have in common but for numbers."""
        return self.configs[0]

    @property
    def batch_critic(self) -> str | None:
        """The critic of the batch that some agent has."""
        return next((config.batch_critic for config in self.configs if config.batch_critic != "none"), None)
