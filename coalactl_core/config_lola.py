"""How LOLA-DiCE looks ahead with sequence policies: ``[lola]``, of no effect on other methods."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from coalactl_core.config_numbers import Coefficient, Section


class LolaConfig(Section):
    """The look-ahead steps (Eqs. 4 and 21); the paper lists none of these for sequence policies.

    ``memory``: what an agent of this method sees, the inner episode alone or the whole meta-episode.
    """

    look_aheads: Annotated[int, Field(ge=1, le=20)] = 1
    learning_rate: Coefficient = 10.0
    optimizer: Literal["sgd", "adam"] = "sgd"
    baseline: bool = True
    memory: Literal["inner-episode", "meta-episode"] = "inner-episode"
