"""How POLA looks ahead and how far it goes in an iteration: ``[pola]``, of no effect on other methods."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from coalactl_core.configuration.lola import LolaConfig
from coalactl_core.configuration.numbers import Coefficient, Few


class PolaConfig(LolaConfig):
    """K, β_in, N and β_out of Zhao et al. 2022, and a look-ahead as LOLA's.

    Numbers are not theirs: games, networks, scales of rewards and what is averaged differ.
    """

    look_aheads: Annotated[int, Field(ge=1, le=20)] = 2
    learning_rate: Coefficient = 5.0
    inner_kl: Coefficient = 0.03
    outer_steps: Few = 10
    outer_kl: Coefficient = 0.1

    @property
    def further_plays(self) -> int:
        """Each outer step plays each inner episode once for every look-ahead, and once more."""
        return self.outer_steps * (self.look_aheads + 1) - 1
