"""The first Hawk block on observations that are a few indices: what precedes its recurrence comes from tables.

Embedding, norm, branches, convolution and gates depend on the last four observations only, the *window*. With a
vocabulary of V observations there are V + V² + V³ + V⁴ windows (shorter ones after a fresh start). Long use of the same
parameters looks up each window's coefficients, short use computes them for the windows at hand; both run the layers of
:mod:`coalactl_core.nets.hawk`, so that the result equals the general path's up to rounding.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float, Int

from coalactl_core.nets.hawk import CONVOLUTION_WIDTH, HawkBlock

# More windows than this are not worth a table.
MOST_WINDOWS = 4096


class BeforeRecurrence(NamedTuple):
    """What the first block knows of a step before its recurrence."""

    embedded: Float[Array, "*lead width"]
    gate: Float[Array, "*lead width"]
    decays: Float[Array, "*lead width"]
    inputs: Float[Array, "*lead width"]


class Letters(NamedTuple):
    """What single observations contribute; ``taps`` are their terms of the convolution, newest observation first."""

    embedded: Float[Array, "vocabulary width"]
    gate: Float[Array, "vocabulary width"]
    taps: Float[Array, "taps width"]


class WindowCarry(NamedTuple):
    """The memory of a tabulated block: its recurrent state, and the last observations, newest first."""

    recurrent: Float[Array, "width"]
    past: Int[Array, "past"]


class Windows:
    """All windows of a vocabulary, numbered; constants of the compiled program."""

    def __init__(self, vocabulary: int) -> None:
        self.vocabulary = vocabulary
        digits = np.stack(np.meshgrid(*[np.arange(vocabulary + 1)] * CONVOLUTION_WIDTH, indexing="ij"), -1)
        digits = digits.reshape(-1, CONVOLUTION_WIDTH)  # newest first; the digit ``vocabulary`` is: before the start
        missing = digits == vocabulary
        possible = ~missing[:, 0] & np.all(missing[:, 1:] >= missing[:, :-1], 1)
        self.number = np.where(possible, np.cumsum(possible) - 1, 0).astype(np.int32)
        self.count = int(np.sum(possible))
        # One row of ones and zeros a window: which observation stands at which place.
        placed = digits[possible][:, :, None] == np.arange(vocabulary)
        self.letters = placed.reshape(self.count, CONVOLUTION_WIDTH * vocabulary).astype(np.float32)
        self.fresh = missing[possible][:, 1]

    @staticmethod
    def fit(vocabulary: int) -> bool:
        """Whether a vocabulary is small enough."""
        return sum(vocabulary**length for length in range(1, CONVOLUTION_WIDTH + 1)) <= MOST_WINDOWS

    def look_up(self, numbers: Int[Array, "*lead"]) -> tuple[Float[Array, "*lead taps"], Bool[Array, "*lead"]]:
        """What stands where in these windows, and whether they hold the first step after a reset."""
        return jnp.asarray(self.letters)[numbers], jnp.asarray(self.fresh)[numbers]

    def fresh_carry(self, width: int) -> WindowCarry:
        """The memory at the start of a sequence."""
        return WindowCarry(recurrent=jnp.zeros(width), past=jnp.full(CONVOLUTION_WIDTH - 1, self.vocabulary, jnp.int32))

    def along(
        self, observations: Int[Array, "steps"], past: Int[Array, "past"], resets: Bool[Array, "steps"] | None
    ) -> tuple[Int[Array, "steps"], Int[Array, "past"]]:
        """The window of each step, and the last observations to remember; no window looks past a reset."""
        steps = observations.shape[0]
        line = jnp.concatenate([past[::-1], observations.astype(past.dtype)])
        digits = [line[CONVOLUTION_WIDTH - 1 - back :][:steps] for back in range(CONVOLUTION_WIDTH)]
        if resets is not None:
            sequence = jnp.cumsum(jnp.pad(resets, (CONVOLUTION_WIDTH - 1, 0)))
            here = sequence[CONVOLUTION_WIDTH - 1 :]
            digits = [
                jnp.where(sequence[CONVOLUTION_WIDTH - 1 - back :][:steps] == here, digit, self.vocabulary)
                for back, digit in enumerate(digits)
            ]
        key = digits[0]
        for digit in digits[1:]:
            key = key * (self.vocabulary + 1) + digit
        remembered = jnp.stack([digit[-1] for digit in digits[:-1]])
        return jnp.asarray(self.number)[key], remembered


def letters_of(block: HawkBlock, embedded: Float[Array, "vocabulary width"]) -> Letters:
    """What the vocabulary's observations contribute; ``block`` is bound to its parameters."""
    gate, inputs = block.enter(embedded)
    taps = block.convolution.kernel[::-1, None] * inputs
    return Letters(embedded=embedded, gate=gate, taps=taps.reshape(-1, taps.shape[-1]))


def coefficients(
    block: HawkBlock, letters: Letters, placed: Float[Array, "*lead taps"], fresh: Bool[Array, "*lead"]
) -> BeforeRecurrence:
    """What stands before the recurrence, for windows given by the places of their observations."""
    newest = placed[..., : letters.embedded.shape[0]]
    decays, inputs = block.rg_lru(placed @ letters.taps + block.convolution.bias, fresh)
    return BeforeRecurrence(
        embedded=newest @ letters.embedded, gate=newest @ letters.gate, decays=decays, inputs=inputs
    )


def look_up(table: BeforeRecurrence, windows: Int[Array, "*lead"]) -> BeforeRecurrence:
    """Rows of a table of all windows."""
    return jax.tree.map(lambda rows: rows[windows], table)
