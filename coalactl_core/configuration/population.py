"""Who is trained, and whom they meet: the table ``[population]``."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from coalactl_core.configuration.numbers import Few, Probability, Section, Size, scheduled_values
from coalactl_core.coplayers import ALGORITHMS, check_algorithm, find_algorithm
from coalactl_core.methods import check_method

# A row of the table of methods.
Method = Annotated[str, AfterValidator(check_method)]
# A row of the table of co-players.
CoplayerAlgorithm = Annotated[str, AfterValidator(check_algorithm)]
# What holds for all naive agents of a run, whichever way they learn.
_OF_ALL_NAIVE = ("algorithm", "optimizer_state")


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


class NaiveGroup(Section):
    """Naive agents that learn by one algorithm; ``settings`` replace values of ``[naive]`` for them."""

    algorithm: CoplayerAlgorithm
    count: Size = 1
    settings: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _settings_are_its_own(self) -> NaiveGroup:
        """Raises where they are another algorithm's; values are checked as those of ``[naive]``."""
        for key in _OF_ALL_NAIVE:
            if key in self.settings:
                whose = "the group's" if key == "algorithm" else f"that of all naive agents, use naive.{key}"
                raise ValueError(f"settings hold no {key}; it is {whose}")
        of_others = {key for row in ALGORITHMS.values() for key in row.keys} - {*find_algorithm(self.algorithm).keys}
        for key in self.settings:
            if key in of_others:
                readers = " and ".join(name for name, row in ALGORITHMS.items() if key in row.keys)
                raise ValueError(f"settings hold {key}; {self.algorithm} has no use for it, but {readers}")
        return self


class FixedStrategy(Section):
    """A strategy that never learns, met with probability ``weight``."""

    strategy: str
    weight: Annotated[float, Field(gt=0, le=1)]


class PopulationConfig(Section):
    """Who is trained, and whom the meta agents meet (§5.1, App. B.2).

    ``naive``: how many naive agents there are; in groups where not all learn by ``[naive]`` as it is. ``naive_from``: a
    run, a pack (of which each seed takes its own run) or a file of agents, whose meta agents the naive agents are, in
    turn; by default fresh initialisations; ``meta_from``: the same of what meta agents begin as.
    ``fixed_drawn``: for whom a fixed strategy with random numbers draws them, once for an opponent, so that its whole
    batch meets the same, or for each trajectory.
    """

    meta: Few | Annotated[tuple[AgentGroup, ...], Field(strict=False, min_length=1)] = 1
    naive: Size | Annotated[tuple[NaiveGroup, ...], Field(strict=False, min_length=1)] = 10
    p_naive: Probability = 1.0
    stratified: bool = False
    dynamic_naive: bool = False
    naive_from: str = ""
    meta_from: str = ""
    fixed: Annotated[tuple[FixedStrategy, ...], Field(strict=False)] = ()
    fixed_drawn: Literal["opponent", "trajectory"] = "opponent"

    @property
    def meta_agents(self) -> int:
        """How many meta agents train."""
        return self.meta if isinstance(self.meta, int) else sum(group.count for group in self.meta)

    @property
    def naive_agents(self) -> int:
        """How many naive agents there are, each as likely to be met as another."""
        return self.naive if isinstance(self.naive, int) else sum(group.count for group in self.naive)

    @property
    def sources(self) -> dict[str, str]:
        """Where agents come from that are not drawn afresh, by key."""
        named = {"naive_from": self.naive_from, "meta_from": self.meta_from}
        return {key: source for key, source in named.items() if source}

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
        for key, path in self.sources.items():
            if path.startswith("/"):
                raise ValueError(
                    f"population.{key}: {path!r} given; use a path from the folder where training starts, "
                    "since runs hold no absolute paths"
                )
        if self.has_meta and self.meta_agents < 2:
            raise ValueError(
                "population.p_naive: below 1 there are meta opponents, and an agent never meets itself; "
                "use population.meta of at least 2, or p_naive = 1.0"
            )
        return self
