"""How LOLA-DiCE looks ahead with sequence policies: ``[lola]``, of no effect on other methods."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from coalactl_core.configuration.numbers import Coefficient
from coalactl_core.configuration.rule_settings import AroundRule, RuleSettings


class LolaConfig(RuleSettings):
    """The look-ahead steps (Eqs. 4 and 21); the paper lists none of these for sequence policies.

    ``memory``: what an agent of this method sees, the inner episode alone or the whole meta-episode.
    """

    look_aheads: Annotated[int, Field(ge=1, le=20)] = 1
    learning_rate: Coefficient = 10.0
    optimizer: Literal["sgd", "adam"] = "sgd"
    baseline: bool = True
    memory: Literal["inner-episode", "meta-episode"] = "inner-episode"

    @property
    def further_plays(self) -> int:
        """One for each look-ahead."""
        return self.look_aheads

    @property
    def crossing(self) -> str:
        """As ``memory`` says."""
        return "forgotten" if self.memory == "inner-episode" else "carried"

    def check(self, experiment: AroundRule, method: str) -> None:
        """It takes plain steps, through co-players that learn by A2C."""
        for config in experiment.agent_configs():
            if config.method == method and config.algorithm != "a2c":
                raise ValueError(f"meta.algorithm: {config.algorithm!r} given; {method} takes plain steps, use 'a2c'")
        if not isinstance(experiment.population.naive, int):
            raise ValueError(
                f"population.naive: groups given; {method} looks ahead through the learning of [naive], use a number"
            )
        if experiment.naive.algorithm != "a2c":
            raise ValueError(
                f"naive.algorithm: {experiment.naive.algorithm!r} given; {method} differentiates an update of A2C, "
                "use 'a2c'"
            )
