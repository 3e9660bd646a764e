"""The report's statistics against published values and against independent computations."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from coalactl.report.statistics import (
    interquartile_interval,
    interquartile_mean,
    paired_difference,
    quartiles,
    standard_deviation,
    t_interval,
    welch_difference,
    wilson_interval,
)

# Hours of sleep gained with two drugs, ten patients (Student 1908, Cushny and Peebles' data).
FIRST = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
SECOND = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]


def test_paired_difference_gives_the_published_interval() -> None:
    # R's documentation of t.test on these data: mean -1.58, from -2.4598858 to -0.7001142.
    found = paired_difference(dict(enumerate(FIRST)), dict(enumerate(SECOND))).interval
    assert found == pytest.approx((-1.58, -2.4598858, -0.7001142, 10), abs=1e-7)


def test_only_common_seeds_are_compared() -> None:
    found = paired_difference({0: 1.0, 1: 2.0, 5: 100.0}, {1: 1.0, 0: 0.5, 7: -100.0})
    assert found.differences == {0: 0.5, 1: 1.0}
    # Two values, mean .75, standard error .25; t with one degree of freedom: tan(.475 pi) = 12.7062.
    assert found.interval == pytest.approx((0.75, 0.75 - 0.25 * 12.706205, 0.75 + 0.25 * 12.706205, 2), abs=1e-6)


def test_t_interval_against_scipys_own() -> None:
    values = np.random.default_rng(1).normal(size=7)
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert t_interval(values)[1:3] == pytest.approx(expected)


def test_welch_difference_gives_the_published_interval() -> None:
    # R's documentation of t.test on these data as two groups: from -3.3654832 to 0.2054832.
    assert welch_difference(FIRST, SECOND) == pytest.approx((-1.58, -3.3654832, 0.2054832, 10), abs=1e-7)


def test_welch_difference_of_other_numbers_of_seeds_against_scipys_own() -> None:
    draw = np.random.default_rng(4)
    first, second = draw.normal(size=5), draw.normal(1.0, 3.0, size=8)
    expected = stats.ttest_ind(first, second, equal_var=False).confidence_interval(0.95)
    assert welch_difference(first, second)[1:3] == pytest.approx(expected)
    assert welch_difference([1.0, 1.0], [0.5, 0.5]) == (0.5, 0.5, 0.5, 2)
    assert math.isnan(welch_difference([1.0], second).low)
    assert math.isnan(welch_difference([], second).estimate)


def test_t_interval_covers_what_it_says_at_five_seeds() -> None:
    draws = np.random.default_rng(2).normal(size=(4000, 5))
    found = [t_interval(values) for values in draws]
    covered = np.mean([interval.low < 0 < interval.high for interval in found])
    assert covered == pytest.approx(0.95, abs=0.014)  # four standard errors of 4000 draws


def test_few_seeds_give_no_interval() -> None:
    assert math.isnan(t_interval([1.0]).low)
    assert t_interval([1.0]).estimate == 1.0
    assert math.isnan(standard_deviation([1.0]))
    assert all(map(math.isnan, t_interval([])[:3]))
    assert t_interval([0.3, 0.3, 0.3])[:3] == pytest.approx((0.3, 0.3, 0.3))


@pytest.mark.parametrize(
    ("successes", "count", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_interval_gives_newcombes_table(successes: int, count: int, low: float, high: float) -> None:
    """Newcombe (1998), Statistics in Medicine 17, table I, method 3."""
    found = wilson_interval(successes, count)
    assert found == pytest.approx((successes / count, low, high, count), abs=5e-5)


def test_quartiles_of_a_known_list() -> None:
    assert quartiles([4.0, 1.0, 3.0, 2.0, 5.0]) == (3.0, 2.0, 4.0, 5)


def test_interquartile_mean_leaves_out_a_quarter_at_either_end() -> None:
    assert interquartile_mean([0, 1, 2, 3, 4, 5, 6, 1000]) == (2 + 3 + 4 + 5) / 4
    assert interquartile_mean([-50, 1, 2, 3, 50]) == 2.0


def test_interquartile_interval_needs_ten_seeds_in_each_stratum() -> None:
    assert math.isnan(interquartile_interval([[1.0] * 20, [1.0] * 9]).estimate)


def test_interquartile_interval_against_scipys_bootstrap() -> None:
    values = np.random.default_rng(3).normal(1.0, 0.2, size=40)
    found = interquartile_interval([values])
    expected = stats.bootstrap(
        (values,),
        lambda drawn, axis: stats.trim_mean(drawn, 0.25, axis=axis),
        method="percentile",
        n_resamples=5000,
        rng=5,
    ).confidence_interval
    # Both are Monte Carlo: ends of 5000 draws are within about 4% of the interval's width of each other.
    assert found[1:3] == pytest.approx(tuple(expected), abs=0.04 * (expected.high - expected.low))


def test_strata_are_drawn_each_by_itself() -> None:
    # Two settings without spread between their seeds: drawn within each, every resample is the same list.
    found = interquartile_interval([[0.0] * 12, [1.0] * 12])
    assert found[:3] == (0.5, 0.5, 0.5)
