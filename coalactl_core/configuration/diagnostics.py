"""What is measured beside training, and changes no result."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from coalactl_core.configuration.numbers import Section


class DiagnosticsConfig(Section):
    """Measurements that take work of their own; off by default.

    ``gradient_balance_every``: Fig. 12's ratio at every so many iterations, from ``gradient_balance_meta_batch``
    meta-episodes an agent; 0 never.
    """

    gradient_balance_every: Annotated[int, Field(ge=0, lt=2**31)] = 0
    gradient_balance_meta_batch: Annotated[int, Field(ge=1, le=1_000_000)] = 2048

    def check_portions(self, meta_batch_size: int) -> None:
        """The estimate is played in portions of the training's meta-batch.

        Raises:
            ValueError: they do not divide it.
        """
        size = self.gradient_balance_meta_batch
        if self.gradient_balance_every and size % meta_batch_size:
            nearest = max(round(size / meta_batch_size), 1) * meta_batch_size
            raise ValueError(
                f"diagnostics.gradient_balance_meta_batch: {size} is no multiple of rollout.meta_batch_size "
                f"{meta_batch_size}; use for instance {nearest}"
            )
