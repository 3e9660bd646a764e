"""The parts of a training iteration as programs of their own, to measure what each takes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax

from coalactl_core.training.pieces import Pieces
from coalactl_core.training.step import learn_iteration, play_iteration
from coalactl_core.types import TrainState


class Parts(NamedTuple):
    """Calls of the parts of an iteration; ``play_and_teach`` is None where no co-player learns."""

    play: Callable[[], Any]
    play_and_teach: Callable[[], Any] | None
    learn: Callable[[], Any]


def parts_of(pieces: Pieces, state: TrainState, compiled: Callable[[Callable[..., Any]], Callable[..., Any]]) -> Parts:
    """The parts for the runs of a state, compiled and called once; ``compiled`` makes a program of one run's part."""

    def playing(*, learns: bool) -> Callable[[], Any]:
        return partial(compiled(partial(play_iteration, pieces=pieces.with_learning(learns))), state)

    still = playing(learns=False)
    played = playing(learns=True) if pieces.population.has_naive else still
    learn = partial(compiled(partial(learn_iteration, pieces=pieces)), state, jax.block_until_ready(played()))
    jax.block_until_ready((still(), learn()))
    return Parts(play=still, play_and_teach=played if pieces.population.has_naive else None, learn=learn)
