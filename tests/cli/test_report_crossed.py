"""Intervals over pairs of seeds: against a transcription, and what they cover of simulated tables."""

import math

import numpy as np
import pytest
from scipy import stats

from coalactl.report.crossed import field_interval, two_way_interval, within_interval
from coalactl.report.statistics import t_interval

DRAWS = 800
# A share of 95% of 800 draws has a standard error of .8%; three of them.
LEAST = 0.95 - 3 * (0.95 * 0.05 / DRAWS) ** 0.5


def crossed(draw: np.random.Generator, shape: tuple[int, int], spreads: tuple[float, float, float]) -> np.ndarray:
    """A table with mean 1: an effect of each row, of each column, and of each cell."""
    rows, columns, rest = spreads
    return (
        1
        + rows * draw.normal(size=(shape[0], 1))
        + columns * draw.normal(size=(1, shape[1]))
        + rest * draw.normal(size=shape)
    )


def test_the_two_way_interval_is_its_formula() -> None:
    table = crossed(np.random.default_rng(0), (3, 4), (1, 2, 0.5))
    row_means = [sum(row) / 4 for row in table]
    column_means = [sum(table[i][j] for i in range(3)) / 3 for j in range(4)]
    mean = sum(map(sum, table)) / 12
    rows = sum((each - mean) ** 2 for each in row_means) / 2 / 3
    columns = sum((each - mean) ** 2 for each in column_means) / 3 / 4
    freedom = (rows + columns) ** 2 / (rows**2 / 2 + columns**2 / 3)
    half = stats.t.ppf(0.975, freedom) * math.sqrt(rows + columns)
    found = two_way_interval(table)
    assert (found.estimate, found.seeds) == (pytest.approx(mean), 12)
    assert (found.low, found.high) == (pytest.approx(mean - half), pytest.approx(mean + half))


def test_with_one_column_it_is_students_interval() -> None:
    values = [0.3, 0.1, 0.8, 0.4]
    column = np.array(values)[:, None]
    for found in (two_way_interval(column), two_way_interval(column.T), field_interval([column, column])):
        assert found[:3] == pytest.approx(t_interval(values)[:3])
    alone = two_way_interval(np.array([[0.5]]))
    assert (alone.estimate, math.isnan(alone.low)) == (0.5, True)
    assert two_way_interval(np.full((3, 2), 0.1))[:3] == (pytest.approx(0.1),) * 3


@pytest.mark.parametrize("spreads", [(1, 1, 0.3), (1, 0.1, 0.1), (1, 0, 0), (0, 0, 1), (0.3, 1, 1)], ids=str)
@pytest.mark.parametrize("shape", [(5, 5), (3, 5), (5, 10)], ids=str)
def test_the_two_way_interval_covers(shape: tuple[int, int], spreads: tuple[float, float, float]) -> None:
    draw = np.random.default_rng(1)
    found = [two_way_interval(crossed(draw, shape, spreads)) for _ in range(DRAWS)]
    covered = np.mean([interval.low <= 1 <= interval.high for interval in found])
    assert covered >= LEAST
    if spreads[2] < 0.5:  # With little rest it is not much too wide either.
        assert covered <= 0.98


def test_pairs_as_if_they_were_independent_would_not_cover() -> None:
    draw = np.random.default_rng(1)
    tables = [crossed(draw, (5, 5), (1, 1, 0.3)) for _ in range(DRAWS)]
    naive = [t_interval(table.ravel()) for table in tables]
    assert np.mean([interval.low <= 1 <= interval.high for interval in naive]) < 0.8


@pytest.mark.parametrize("spreads", [(1, 1, 0.3), (1, 0.2, 0.5)], ids=str)
def test_the_interval_within_an_entrant_covers(spreads: tuple[float, float, float]) -> None:
    """Rows and columns are the same five seeds; what a seed earns and what it lets others earn go together."""
    draw, covered = np.random.default_rng(2), []
    for _ in range(DRAWS):
        skill = draw.normal(size=5)
        table = 1 + spreads[0] * skill[:, None] + spreads[1] * skill[None] + spreads[2] * draw.normal(size=(5, 5))
        np.fill_diagonal(table, 100)  # Seeds with themselves are no part of it.
        interval = within_interval(table)
        covered.append(interval.low <= 1 <= interval.high)
    assert np.mean(covered) >= LEAST


def test_the_jackknife_of_pair_sums_is_students_interval() -> None:
    """Where values are sums of seeds' own, x_i + x_j, their mean is twice that of x, and so is its interval."""
    own = np.array([0.2, 0.5, 0.1, 0.9, 0.4])
    found, expected = within_interval(own[:, None] + own[None]), t_interval(own)
    assert found[:3] == pytest.approx([2 * each for each in expected[:3]])
    two = within_interval(np.array([[9.0, 1.0], [3.0, 9.0]]))
    assert (two.estimate, math.isnan(two.low)) == (2, True)
    one = within_interval(np.array([[0.5]]))
    assert (one.estimate, math.isnan(one.low)) == (0.5, True)


def test_the_interval_against_the_field_covers() -> None:
    """Three opponents, of other means and numbers of seeds: own seeds are the same against all."""
    draw, covered = np.random.default_rng(3), []
    for _ in range(DRAWS):
        own = draw.normal(size=(5, 1))
        tables = [
            mean + own + crossed(draw, (5, count), (0, spread, 0.3)) - 1
            for mean, count, spread in ((0, 5, 1), (1, 3, 0.5), (2, 1, 0))
        ]
        interval = field_interval(tables)
        covered.append(interval.low <= 1 <= interval.high)
    assert LEAST <= np.mean(covered) <= 0.98
