"""How Reciprocators weigh influence, and how they estimate it: ``[reciprocator]``, of no effect on other methods."""

from __future__ import annotations

from coalactl_core.configuration.numbers import Coefficient, Few, Probability
from coalactl_core.configuration.rule_settings import RuleSettings


class ReciprocatorConfig(RuleSettings):
    """w, δ and c of the formula, the discount of the returns that influence is on, and how they are learnt.

    OPEN at hand for networks as those here: everything of the model but that it is one.
    """

    weight: Coefficient = 1.0
    decay: Probability = 0.9
    repayment: Probability = 0.0
    discount: Probability = 0.0
    learning_rate: Coefficient = 3e-3
    steps: Few = 4
