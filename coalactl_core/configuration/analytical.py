"""The experiment tree of the analytical iterated games (§4, App. C): ``kind = "analytical"``.

Tabular memory-one policies, whose expected returns and gradients are exact. The paper leaves the discount, the naive
learner's steps and rate and the metabatch of Figs. 3 and 8-10 open; the defaults are those of the shaping runs here.
Like ``config``, this module imports no JAX.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal, NamedTuple

from pydantic import AfterValidator, Field, model_validator

from coalactl_core.configuration.environments import PayoffsConfig
from coalactl_core.configuration.learning import Optimizer
from coalactl_core.configuration.memory_one import MEMORY_ONE, Probabilities, extortion, is_dilemma, largest_phi
from coalactl_core.configuration.numbers import (
    Coefficient,
    Few,
    Limit,
    Positive,
    Probability,
    Section,
    Size,
    scheduled_values,
)
from coalactl_core.configuration.population import FixedStrategy
from coalactl_core.configuration.sizes import Iterations, RunConfig
from coalactl_core.games import Payoffs

AnalyticalMethod = Literal["shaping", "lola-dice"]

RANDOM = "random"
EXTORTION = "extortion"

# Steps of a naive learner: none is a control.
_Steps = Annotated[int, Field(ge=0, le=100_000)]
_Scale = Annotated[float, Field(ge=0, allow_inf_nan=False)]


def _known_start(start: str) -> str:
    if start != RANDOM and start not in MEMORY_ONE:
        raise ValueError(f"{start!r} given; use {RANDOM!r} or {', '.join(map(repr, MEMORY_ONE))}")
    return start


class AnalyticalGameConfig(PayoffsConfig):
    """A symmetric two-player, two-action matrix game, repeated without end and discounted (Eq. 15-16)."""

    discount: Annotated[float, Field(ge=0, lt=1)] = 0.999


class FixedPolicy(FixedStrategy):
    """A policy that never learns: a named one, or the extortion policy of Eq. 18 with its χ and φ."""

    chi: Annotated[float, Field(ge=1, le=1e6)] | None = None
    phi: Annotated[float, Field(gt=0, le=1)] | None = None

    def cooperation(self, payoffs: Payoffs) -> Probabilities:
        """Its probabilities of cooperating; φ is by default the largest there is."""
        if self.strategy == EXTORTION:
            return extortion(1.0 if self.chi is None else self.chi, payoffs, self.phi)
        return MEMORY_ONE[self.strategy]

    @model_validator(mode="after")
    def _known(self) -> FixedPolicy:
        if self.strategy != EXTORTION and self.strategy not in MEMORY_ONE:
            known = ", ".join((*MEMORY_ONE, EXTORTION))
            raise ValueError(f"population.fixed: {self.strategy!r} is unknown; use {known}")
        if (self.strategy == EXTORTION) != (self.chi is not None):
            raise ValueError(f"population.fixed: chi belongs to the strategy {EXTORTION!r}, and it needs one")
        if self.phi is not None and self.chi is None:
            raise ValueError(f"population.fixed: phi belongs to the strategy {EXTORTION!r}")
        return self


class AnalyticalPopulationConfig(Section):
    """Who learns, and from whom: the mixture of each meta agent's gradient (App. C)."""

    meta: Few = 1
    p_naive: Probability = 1.0
    fixed: Annotated[tuple[FixedPolicy, ...], Field(strict=False)] = ()

    @model_validator(mode="after")
    def _consistent(self) -> AnalyticalPopulationConfig:
        if self.fixed_share > 1 + 1e-9:
            raise ValueError(f"population.fixed: the weights add up to {self.fixed_share:g}; at most 1 is allowed")
        if self.meta < 2 and min(scheduled_values(self.p_naive)) < 1:
            raise ValueError(
                "population.p_naive: below 1 there are meta opponents, and an agent never meets itself; "
                "use population.meta of at least 2, or p_naive = 1.0"
            )
        return self

    @property
    def fixed_share(self) -> float:
        """The weight of fixed policies in the gradient."""
        return sum(fixed.weight for fixed in self.fixed)


class AnalyticalMetaConfig(Section):
    """How meta agents learn."""

    method: AnalyticalMethod = "shaping"
    objective: Literal["mean", "sum"] = "mean"
    initial: Annotated[str, AfterValidator(_known_start)] = RANDOM
    initial_scale: _Scale = 1.0
    initial_logit: _Scale = -math.log(0.01)
    optimizer: Optimizer = "adamw"
    adam_epsilon: Positive = 1e-8
    learning_rate: Coefficient = 0.02
    max_grad_norm: Limit = math.inf
    restart_optimizer_at: Annotated[tuple[Iterations, ...], Field(strict=False)] = ()


class AnalyticalNaiveConfig(Section):
    """The naive learners: of the shaping objective, of look-aheads, and of what is reported."""

    learners: Size = 16
    steps: _Steps = 20
    learning_rate: Coefficient = 5.0
    returns: Literal["normalized", "raw"] = "normalized"
    initial_scale: _Scale = 1.0


class LookAheadConfig(Section):
    """Exact LOLA-DiCE (Eq. 4, §4.3): how many of the co-player's steps are differentiated through."""

    look_aheads: _Steps = 1
    objective: Literal["last", "mean", "sum"] = "last"


class AnalyticalLayout(NamedTuple):
    """How work is laid out, in whole numbers."""

    devices: int


class AnalyticalComputeConfig(Section):
    """On what and how exactly the work is done."""

    precision: Literal["float64", "float32"] = "float64"
    devices: Few | Literal["auto", "all"] = "auto"

    @property
    def layout(self) -> AnalyticalLayout:
        """What the table has come to; of one that is settled, where nothing is left "auto"."""
        return AnalyticalLayout(devices=int(self.devices))


class AnalyticalRunConfig(RunConfig):
    """Length, seeds and bookkeeping of a run; all its seeds train side by side."""

    iterations: Iterations = 1600
    seeds: Annotated[int, Field(ge=1, le=10_000)] = 64
    evaluate_every: Iterations = 10
    log_every: Iterations = 10


class AnalyticalExperiment(Section):
    """Everything that determines a run of the analytical engine."""

    kind: Literal["analytical"] = "analytical"
    environment: AnalyticalGameConfig = AnalyticalGameConfig()
    population: AnalyticalPopulationConfig = AnalyticalPopulationConfig()
    meta: AnalyticalMetaConfig = AnalyticalMetaConfig()
    naive: AnalyticalNaiveConfig = AnalyticalNaiveConfig()
    lola: LookAheadConfig = LookAheadConfig()
    compute: AnalyticalComputeConfig = AnalyticalComputeConfig()
    run: AnalyticalRunConfig = AnalyticalRunConfig()

    @model_validator(mode="after")
    def _consistent(self) -> AnalyticalExperiment:
        if self.meta.method == "lola-dice" and self.population.meta < 2:
            raise ValueError("population.meta: LOLA-DiCE looks ahead at another agent's learning; use at least 2")
        for fixed in self.population.fixed:
            self._check_extortion(fixed)
        if self.run.seed + self.run.seeds > 2**31:
            raise ValueError(f"run.seeds: {self.run.seeds} from seed {self.run.seed} on pass 2^31 - 1; use fewer")
        return self

    def _check_extortion(self, fixed: FixedPolicy) -> None:
        if fixed.chi is None:
            return
        payoffs = self.environment.payoffs
        if not is_dilemma(payoffs):
            raise ValueError(f"population.fixed: {EXTORTION!r} needs a prisoner's dilemma, payoffs T > R > P > S")
        most = largest_phi(fixed.chi, payoffs)
        if fixed.phi is not None and fixed.phi > most:
            raise ValueError(
                f"population.fixed: phi {fixed.phi:g} is out of range; with chi {fixed.chi:g} use at most {most:.6g}"
            )

    @property
    def methods(self) -> tuple[str, ...]:
        """The method of each meta agent, in order."""
        return (self.meta.method,) * self.population.meta

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds, in order."""
        return tuple(range(self.run.seed, self.run.seed + self.run.seeds))
