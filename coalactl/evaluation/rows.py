"""Rows of a result: a row for each agent, opponent, inner episode and metric (Fig. 5B), in a shape that stays.

By step there is one for each step of an inner episode too, of measures alone.

``metric`` is a measure of the environment (``reward`` a step, ``defection``), the co-player's with ``coplayer_`` before
it; of matrix games also ``cooperation_start`` and ``cooperation_cc`` to ``cooperation_dd``, the agent's probability of
cooperating after each outcome, own action first, and ``zd_chi``, ``zd_phi`` and ``zd_error`` of the closest extortion
policy. For these there are rows over the whole meta-episode, ``inner_episode`` -1, and over all opponents of a kind,
``opponent`` "all", and where naive ones learn in several ways over all that learn in one, ``opponent`` its name.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
import pandas as pd

from coalactl.agents import learner_named_in
from coalactl.evaluation.playing import Played
from coalactl.evaluation.pools import ALL
from coalactl_core.configuration.memory_one import STATES
from coalactl_core.fits.zero_determinant import extortion_of
from coalactl_core.measures import PLAYERS, Measure, cooperation_in

COLUMNS = ("agent", "opponent_kind", "opponent", "inner_episode", "metric", "value", "episodes")
STEP_COLUMNS = ("agent", "opponent_kind", "opponent", "inner_episode", "step", "metric", "value", "episodes")
WHOLE = -1

_Row = tuple[str, str, int, str, float, int]


def rows_of(agent: int, played: Sequence[Played], payoffs: Any) -> pd.DataFrame:
    """The rows of one agent; ``payoffs`` are those of a matrix game that is the same for both, else None."""
    measured: list[_Row] = []
    for each in played:
        measured += _measures(each)
        measured += _behaviour(each.opponent.kind, each.opponent.name, [each], payoffs)
    for kind in dict.fromkeys(each.opponent.kind for each in played):
        measured += _behaviour(kind, ALL, [each for each in played if each.opponent.kind == kind], payoffs)
    naive = [each for each in played if each.opponent.kind == "naive"]
    for learner in dict.fromkeys(learner_named_in(each.opponent.name) for each in naive):
        if learner:
            alike = [each for each in naive if learner_named_in(each.opponent.name) == learner]
            measured += _behaviour("naive", learner, alike, payoffs)
    rows = pd.DataFrame([(agent, *row) for row in measured], columns=list(COLUMNS))
    return rows.astype({"agent": "int64", "inner_episode": "int64", "value": "float64", "episodes": "int64"})


def steps_of(agent: int, played: Sequence[Played]) -> pd.DataFrame:
    """The rows of one agent by step: means over meta-episodes and their batch, against each opponent."""
    parts = []
    for each in played:
        for measure, values in each.encounters.steps.items():
            count, means = len(values), values.mean(0, dtype=np.float64)
            episodes, steps = (axis.ravel() for axis in np.indices(means.shape[:2]))
            about = (agent, each.opponent.kind, each.opponent.name, episodes, steps)
            for player, whose in enumerate(PLAYERS):
                row = (*about, Measure(measure, whose).column, means[..., player].ravel(), count)
                parts.append(pd.DataFrame(dict(zip(STEP_COLUMNS, row, strict=True))))
    return pd.concat(parts, ignore_index=True)


def _measures(played: Played) -> Iterator[_Row]:
    """Means over the meta-episodes against one opponent."""
    kind, name = played.opponent.kind, played.opponent.name
    for measure, values in played.encounters.outcomes.items():
        count, means = len(values), values.mean(0, dtype=np.float64)
        for player, whose in enumerate(PLAYERS):
            for inner_episode, value in enumerate(means[:, player]):
                yield kind, name, inner_episode, Measure(measure, whose).column, float(value), count


def _behaviour(kind: str, name: str, played: Sequence[Played], payoffs: Any) -> Iterator[_Row]:
    """What the agent did after each outcome; of outcomes that never occurred there is no row."""
    if played[0].encounters.visits is None:
        return
    sums, visits = (
        np.concatenate([getattr(each.encounters, field) for each in played]) for field in ("cooperation", "visits")
    )
    count = len(sums)
    # Inner episodes, and all of them together as one more behind them.
    sums, visits = (np.concatenate([leaf.sum(0), leaf.sum((0, 1))[None]]).astype(np.float64) for leaf in (sums, visits))
    probabilities = np.divide(sums, visits, out=np.full_like(sums, np.nan), where=visits > 0)
    for number, after in enumerate(probabilities):
        inner_episode = number if number < len(probabilities) - 1 else WHOLE
        for state, value in zip(STATES, after, strict=True):
            if not np.isnan(value):
                yield kind, name, inner_episode, cooperation_in(state), float(value), count
    if payoffs is not None and not np.isnan(probabilities[-1]).any():
        for metric, value in extortion_of(jnp.clip(probabilities[-1, 1:], 0, 1), payoffs).items():
            if not np.isnan(value):
                yield kind, name, WHOLE, metric, value, count
