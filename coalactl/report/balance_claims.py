"""The claim on gradient balance (Fig. 12), written down before the runs that judge it.

"Of order 1" is a logarithm to base 10 between −1 and 1, "well below" a quarter of COALA-PG's. Of the three ratios each
seed has its median over training. How they scale with the batch is told at iteration 0, where agents have the same
parameters at every B, by logarithms to base 2 at B = 32 and at B = 8: theory has 0 for COALA-PG and −2 for M-FOS;
batch-unaware has −2 but for what the agent's own memory carries over.
"""

from __future__ import annotations

import numpy as np

from coalactl.report.checks import Measure, PerSeed, Source, apart, mean
from coalactl.report.claims import Claim
from coalactl.report.roles import BALANCE_ROLES
from coalactl.report.settings import Group

ESTIMATORS = {"coala-pg": "COALA-PG", "m-fos": "M-FOS", "batch-unaware": "batch-unaware"}
ORDER = 1.0
WELL_BELOW = 0.25

_SMALL, _PRINTED, _LARGE = (Source(BALANCE_ROLES[batch], "coala-pg") for batch in (8, 16, 32))


def column_of(estimator: str) -> str:
    """Its ratio among the metrics."""
    return f"gradient_balance_{estimator.replace('-', '_')}"


def _over_training(estimator: str) -> Measure:
    """Each seed's median over the iterations at which the ratio was measured."""

    def measured(group: Group) -> PerSeed:
        curve = group.curve(column_of(estimator))
        return {int(str(seed)): float(curve[seed].median()) for seed in curve.columns}

    return measured


def _beside_coala(estimator: str) -> Measure:
    """The ratio as a fraction of COALA-PG's of the same seed."""

    def measured(group: Group) -> PerSeed:
        own, coala = _over_training(estimator)(group), _over_training("coala-pg")(group)
        return {seed: own[seed] / coala[seed] for seed in own}

    return measured


def _in_tens(estimator: str) -> Measure:
    return lambda group: {seed: float(np.log10(value)) for seed, value in _over_training(estimator)(group).items()}


def _in_doublings(estimator: str) -> Measure:
    """Of the untrained agents, the same at every B."""

    def measured(group: Group) -> PerSeed:
        curve = group.curve(column_of(estimator))
        return {int(str(seed)): float(np.log2(curve[seed].iloc[0])) for seed in curve.columns}

    return measured


_RATIO = "the norm of the future part of its gradient over that of the current part"

BALANCE_CLAIMS = (
    Claim(
        "12",
        "In a mixed pool the future part of COALA-PG's policy gradient is of the order of its current part; for M-FOS "
        "and batch-unaware it vanishes beside it",
        tuple(BALANCE_ROLES.values()),
        (
            mean(_PRINTED, _in_tens("coala-pg"), f"COALA-PG: log10 of {_RATIO}", above=-ORDER, below=ORDER),
            *(
                mean(_PRINTED, _beside_coala(name), f"{ESTIMATORS[name]}'s ratio beside COALA-PG's", below=WELL_BELOW)
                for name in ("m-fos", "batch-unaware")
            ),
            *(
                apart(
                    _LARGE,
                    _in_doublings(name),
                    _SMALL,
                    _in_doublings(name),
                    f"doublings of {ESTIMATORS[name]}'s ratio from B = 8 to B = 32, untrained agents",
                    **bounds,
                )
                for name, bounds in (
                    ("coala-pg", {"above": -1.0, "below": 1.0}),
                    ("m-fos", {"below": -1.0}),
                    ("batch-unaware", {"below": 0.0}),
                )
            ),
        ),
    ),
)
