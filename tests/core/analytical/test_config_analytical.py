"""The configuration of analytical experiments: fixed policies, and what is refused."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from coalactl_core.configuration.analytical import AnalyticalExperiment, FixedPolicy
from coalactl_core.configuration.memory_one import MEMORY_ONE, largest_phi

PAYOFFS = ((1.0, -1.0), (2.0, 0.0))


def experiment(**fixed: object) -> AnalyticalExperiment:
    return AnalyticalExperiment.model_validate({"kind": "analytical", "population": {"fixed": [fixed]}})


def test_an_extortion_policy_has_the_paper_s_probabilities() -> None:
    policy = FixedPolicy(strategy="extortion", weight=0.5, chi=3.0, phi=0.1)
    # Eq. 18 by hand for T, R, P, S = 2, 1, 0, -1.
    expected = [1, 1 - 0.1 * 2 * 1, 1 - 0.1 * (1 + 3 * 2), 0.1 * (3 + 2), 0]
    assert list(policy.cooperation(PAYOFFS)) == pytest.approx(expected)


def test_extortion_by_one_at_the_largest_phi_is_tit_for_tat() -> None:
    policy = FixedPolicy(strategy="extortion", weight=0.5, chi=1.0)
    assert list(policy.cooperation(PAYOFFS)) == pytest.approx(list(MEMORY_ONE["tit-for-tat"]))


@pytest.mark.parametrize(
    ("fixed", "words"),
    [
        ({"strategy": "extortion", "chi": 3.0, "phi": 0.2}, "phi 0.2 is out of range; with chi 3 use at most 0.142857"),
        ({"strategy": "extortion", "chi": 0.5}, "greater than or equal to 1"),
        ({"strategy": "extortion", "chi": 3.0, "phi": 0.0}, "greater than 0"),
        ({"strategy": "extortion"}, "chi belongs"),
        ({"strategy": "tit-for-tat", "chi": 3.0}, "chi belongs"),
        ({"strategy": "tit-for-tat", "phi": 0.1}, "phi belongs"),
        ({"strategy": "tit for tat"}, "is unknown"),
    ],
)
def test_what_is_no_policy_is_refused(fixed: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        experiment(weight=0.5, **fixed)


def test_the_largest_phi_is_that_of_the_paper() -> None:
    assert largest_phi(3.0, PAYOFFS) == pytest.approx(1 / (1 + 3 * 2))
