"""How PPI plans, learns its model, and begins: ``[ppi]``, of no effect on other methods."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from coalactl_core.configuration.environments import seats_differ
from coalactl_core.configuration.numbers import Coefficient, Few, MeanDecay, Size
from coalactl_core.configuration.rule_settings import AroundRule, RuleSettings

# Tokens of a round: observation, reward, own action. Of a matrix game the actions.
_TOKENS, _ACTIONS = 3, 2
# Steps of the model that learning from a token takes the time of.
_LEARNING = 9


class PpiConfig(RuleSettings):
    """Weis et al. 2026 and its table of hyperparameters; OPEN there: β's scale, samples, the discount, loss weights.

    ``phases``: as many as there is room for games, and for those of agents that it begins as; ``first_histories``:
    those of D_0.
    """

    beta: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 100.0
    samples: Few = 32
    horizon: Few = 15
    discount: Annotated[float, Field(ge=0, le=1)] = 1.0
    phases: Few = 30
    epochs: Few = 10
    batch: Size = 256
    learning_rate: Coefficient = 1e-4
    weight_decay: Coefficient = 1e-2
    adam_beta_1: MeanDecay = 0.9
    adam_beta_2: MeanDecay = 0.98
    observation_weight: Coefficient = 1.0
    reward_weight: Coefficient = 1.0
    action_weight: Coefficient = 1.0
    first_histories: Size = 200_000
    first_data: Literal["tabular", "random-actions"] = "tabular"

    def histories(self, experiment: AroundRule, phase: int) -> int:
        """How many the model of a phase, from 1 on, learns from: those of D_0, and the games of the phases before."""
        return self.first_histories + (phase - 1) * experiment.rollout.meta_batch_size * experiment.rollout.batch_size

    def gradient_steps(self, experiment: AroundRule, phase: int) -> int:
        """How many the model of a phase takes."""
        return self.epochs * (self.histories(experiment, phase) // self.batch)

    @property
    def rollout_tokens(self) -> int:
        """How many tokens of roll-outs an agent goes through before it acts once."""
        return _TOKENS * _ACTIONS * self.samples * self.horizon

    def network_steps(self, experiment: AroundRule) -> float:
        """Those of roll-outs, the other's too where it is an agent, and of learning in a phase in the middle."""
        sizes, population = experiment.rollout, experiment.population
        planning = (1 + (population.has_meta or population.has_naive)) * self.rollout_tokens
        learnt = _TOKENS * self.batch * self.gradient_steps(experiment, (experiment.run.iterations + 1) // 2)
        return planning + _LEARNING * learnt / (sizes.meta_batch_size * sizes.batch_size)

    def cost_in_words(self, experiment: AroundRule) -> str:
        """Gradient steps of the first and the last phase, and tokens of roll-outs."""
        first, last = (self.gradient_steps(experiment, phase) for phase in (1, experiment.run.iterations))
        steps = f"{first:,}" if first == last else f"{first:,} in the first to {last:,} in the last"
        games = experiment.rollout.meta_batch_size * experiment.rollout.batch_size
        tokens = games * experiment.rollout.inner_episode_length * self.rollout_tokens
        return (
            f"a phase of each ppi agent: {steps} gradient steps of {self.batch} histories, and {tokens:,} tokens of "
            f"roll-outs for {games:,} games"
        )

    def check(self, experiment: AroundRule, method: str) -> None:
        """It plays one inner episode of a symmetric game, in phases that there is room for."""
        if seats_differ(experiment.environment):
            raise ValueError(
                f"environment.payoffs_second: differs from environment.payoffs; {method} learns from both sides of "
                "games, use []"
            )
        if experiment.rollout.inner_episodes != 1:
            raise ValueError(
                f"rollout.inner_episodes: {experiment.rollout.inner_episodes} given; a history of {method} is one "
                "inner episode, use 1"
            )
        if self.batch > self.first_histories:
            raise ValueError(
                f"ppi.batch: {self.batch} is more than ppi.first_histories {self.first_histories}; use at most that"
            )
        if experiment.run.iterations > self.phases:
            raise ValueError(
                f"run.iterations: {experiment.run.iterations} given; {method} has room for the games of ppi.phases "
                f"{self.phases}, use at most that, or begin another run with more phases"
            )
