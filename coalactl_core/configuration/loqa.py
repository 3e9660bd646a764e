"""How LOQA models its co-player, and how much the model counts: ``[loqa]``, of no effect on other methods."""

from __future__ import annotations

from coalactl_core.configuration.numbers import Coefficient, Few, Positive, Probability
from coalactl_core.configuration.rule_settings import RuleSettings


class LoqaConfig(RuleSettings):
    """w, τ and δ of the formula, and how the co-player's action values are learnt: Aghajohari et al. and their code.

    OPEN in the paper for networks as those here: everything of the model but that it is one.
    """

    weight: Coefficient = 1.0
    temperature: Positive = 1.0
    decay: Probability = 0.9
    learning_rate: Coefficient = 3e-3
    steps: Few = 4
