"""How Advantage Alignment weighs the co-player's advantage: ``[alignment]``, of no effect on other methods."""

from __future__ import annotations

from typing import Literal

from coalactl_core.configuration.numbers import Coefficient
from coalactl_core.configuration.rule_settings import AroundRule, RuleSettings


class AdvantageAlignmentConfig(RuleSettings):
    """β, and what becomes of the agent's past advantages: Duque et al. discount and add them, their code averages them.

    OPEN in the paper for the games here: β, which published configurations have from 0.05 to 3, most often 1.
    """

    beta: Coefficient = 1.0
    past: Literal["discounted-sum", "mean"] = "discounted-sum"

    def check(self, experiment: AroundRule, method: str) -> None:
        """The co-player's critic speaks in the agent's scale; without one there are several trajectories to compare."""
        population = experiment.population
        if population.has_meta:
            for key in ("reward_scale", "discount"):
                values = [getattr(config, key) for config in experiment.agent_configs()]
                if any(value != values[0] for value in values):
                    raise ValueError(
                        f"population.meta: agents differ in meta.{key}; {method} takes its co-player's critic for one "
                        f"of its own scale, use the same meta.{key} for all"
                    )
        if (population.has_naive or population.fixed) and experiment.rollout.batch_size == 1:
            raise ValueError(
                f"rollout.batch_size: 1 given; {method} compares what naive and fixed co-players earn in several "
                "trajectories, use at least 2"
            )
