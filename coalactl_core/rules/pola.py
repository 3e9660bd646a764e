"""POLA-DiCE (arXiv:2210.10125, NeurIPS 2022): proximal learning with opponent-learning awareness.

LOLA's step is small in parameters, so that what it does depends on how policies are parametrised. POLA's are proximal
in what policies do. In an iteration an agent φ₀ that meets a co-player ψ₀ takes N steps, each of them up

    J(φ, ψ_K) − β_out KL(π_φ ‖ π_φ₀)

where ψ_K is ψ₀ after K steps of learning as that agent φ has it, each of them up

    J'(φ, ψ) − β_in KL(π_ψ ‖ π_ψ₀)

All of it is sampled afresh for each step, the states too on which policies are compared: those of the step's own batch.
The derivative goes through the K steps, as LOLA's does, by the same code: :mod:`~coalactl_core.rules.look_ahead`.
With N = 1 and β_in = 0 it is LOLA-DiCE: the divergence of π_φ₀ from itself has no gradient.

OPEN, for the paper was not at hand: whether it has something else than its published code, which this follows
(docs/pola.md).

J and KL are means over the steps of an inner episode here; the published code sums rewards and not divergences.
"""

from __future__ import annotations

from functools import partial

import jax
from jax import Array
from jaxtyping import Key

from coalactl_core.configuration.pola import PolaConfig
from coalactl_core.rules.lola import looking_ahead
from coalactl_core.rules.look_ahead import LookAhead, Proximal, step_of_agent
from coalactl_core.rules.seam import Met, Numbers, Report, Rule, Setting
from coalactl_core.types import Learner


def build(setting: Setting) -> Rule:
    """The rule of agents that take several proximal steps an iteration."""
    config = setting.settings
    if not isinstance(config, PolaConfig):
        raise TypeError(f"POLA's settings are a PolaConfig, not {config!r}")
    return looking_ahead(setting, partial(proximal_steps, outer_steps=config.outer_steps))


def proximal_steps(
    key: Key[Array, ""], learner: Learner, met: Met, numbers: Numbers, *, ahead: LookAhead, outer_steps: int
) -> tuple[Learner, Report]:
    """One agent's update, from where co-players stand throughout; the report is that of the last step."""
    settings = numbers.settings
    proximal = Proximal(learner.params, inner_kl=settings["inner_kl"], outer_kl=settings["outer_kl"])

    def step(learner: Learner, key: Key[Array, ""]) -> tuple[Learner, Report]:
        return step_of_agent(key, learner, met, numbers, ahead, proximal)

    learner, reports = jax.lax.scan(step, learner, jax.random.split(key, outer_steps))
    return learner, {name: values[-1] for name, values in reports.items()}
