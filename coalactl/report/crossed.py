"""Intervals for means over pairs of training seeds: rows are one entrant's seeds, columns the other's.

Values of one row share a seed, and so do those of one column, so that pairs are no independent sample. With rows and
columns drawn at random, Var(mean) = σ²_rows/I + σ²_columns/J + σ²_rest/(IJ). It is estimated by what the means of the
rows and those of the columns scatter, s²_rows/I + s²_columns/J, which counts the rest twice and so errs to the wide
side, as the bootstrap that draws rows and columns does (the pigeonhole bootstrap; Owen 2007, doi:10.1214/07-AOAS122).
That bootstrap's percentiles are too narrow for five seeds; here Student's t has the degrees of freedom of Satterthwaite
(1946, doi:10.2307/3002019).

Of pairs within one entrant rows and columns are the same seeds. Their mean is a U-statistic, with a jackknife over
seeds (Arvesen 1969, doi:10.1214/aoms/1177697287).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from coalactl.report.statistics import CONFIDENCE, Interval, t_interval

Numbers = NDArray[np.float64]


class Component(NamedTuple):
    """A part of the variance of a mean, and its degrees of freedom."""

    variance: float
    freedom: int


def two_way_interval(table: Numbers, confidence: float = CONFIDENCE) -> Interval:
    """The mean over pairs of seeds, (rows, columns); a side with one seed adds nothing, as it has no spread to see."""
    return with_components(float(table.mean()), two_way_components(table), table.size, confidence)


def two_way_components(table: Numbers) -> list[Component]:
    """What rows and columns add to the variance of the mean of a table."""
    return [*_spread(table.mean(axis=1)), *_spread(table.mean(axis=0))]


def within_interval(table: Numbers, confidence: float = CONFIDENCE) -> Interval:
    """The mean over pairs of different seeds of one entrant, (seeds, seeds); two seeds give no interval.

    Of one seed, which is all there is, the agent with its own copies.
    """
    count = len(table)
    if count == 1:
        return t_interval([float(table[0, 0])], confidence)
    mean = _off_diagonal(table)
    if count == 2:
        return Interval(mean, math.nan, math.nan, 2)
    left_out = [_off_diagonal(np.delete(np.delete(table, seed, 0), seed, 1)) for seed in range(count)]
    variance = (count - 1) / count * float(np.sum((np.array(left_out) - mean) ** 2))
    return with_components(mean, [Component(variance, count - 1)], count * (count - 1), confidence)


def field_interval(tables: Sequence[Numbers], confidence: float = CONFIDENCE) -> Interval:
    """The mean of one entrant's tables, each opponent counting the same; rows, its own seeds, are the same in all."""
    own = np.mean([table.mean(axis=1) for table in tables], axis=0)
    theirs = [part for table in tables for part in _spread(table.mean(axis=0))]
    scaled = [part._replace(variance=part.variance / len(tables) ** 2) for part in theirs]
    return with_components(float(own.mean()), [*_spread(own), *scaled], len(own), confidence)


def with_components(
    estimate: float, components: Iterable[Component], count: int, confidence: float = CONFIDENCE
) -> Interval:
    """Student's interval of an estimate whose variance is a sum; NaN ends where there are no parts."""
    parts = list(components)
    total = sum(part.variance for part in parts)
    if not parts:
        return Interval(estimate, math.nan, math.nan, count)
    if total == 0:
        return Interval(estimate, estimate, estimate, count)
    freedom = total**2 / sum(part.variance**2 / part.freedom for part in parts)
    half = float(stats.t.ppf((1 + confidence) / 2, freedom)) * math.sqrt(total)
    return Interval(estimate, estimate - half, estimate + half, count)


def _spread(means: Numbers) -> list[Component]:
    """The variance of the mean of independent values; nothing of one value."""
    count = len(means)
    return [Component(float(np.var(means, ddof=1)) / count, count - 1)] if count > 1 else []


def _off_diagonal(table: Numbers) -> float:
    count = len(table)
    return float((table.sum() - np.trace(table)) / (count * (count - 1)))
