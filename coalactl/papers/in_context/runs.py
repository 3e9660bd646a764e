"""The runs that exhibits share: four steps and two ablations of A2C and of PPI, steps begun where those before ended.

Minutes are by the pace of two trainings side by side on two cores of a Xeon, which did nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from coalactl.papers.in_context.roles import A2C, LEARNERS, PPI, preset_of
from coalactl.papers.trains import TrainingPart, Trains

# The paper has ten seeds, and five in its Fig. 4; no setting was looked for on these.
SEEDS = tuple(range(110, 120))
_FEWER_SEEDS = SEEDS[:5]
_ABLATIONS: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "told": {A2C: {"environment.opponent": "told"}},
    "no-tabular": {
        A2C: {"population.fixed": []},
        PPI: {"population.fixed": [], "ppi.first_data": "random-actions"},
    },
}
_MINUTES: Mapping[tuple[str, str], float] = {
    ("tabular", A2C): 21,
    ("frozen", A2C): 33,
    ("extorters", A2C): 17,
    ("mixed", A2C): 50,
    ("told", A2C): 30,
    ("no-tabular", A2C): 25,
}


def _part(experiment: str, method: str, *, quick: bool) -> TrainingPart:
    suffix = "-quick" if quick else ""
    name = f"{LEARNERS[method]}-{experiment}"
    return TrainingPart(
        f"{name}{suffix}",
        preset=f"{preset_of(experiment, method)}{suffix}",
        seeds=_FEWER_SEEDS if quick and (method == PPI or experiment in _ABLATIONS) else SEEDS,
        settings=_ABLATIONS.get(experiment, {}).get(method, {}),
        minutes=_MINUTES.get((experiment, method)) if quick else None,
    )


def _steps(method: str, *, quick: bool) -> dict[str, TrainingPart]:
    """The parts of a method by experiment."""
    tabular = _part("tabular", method, quick=quick)
    frozen = _part("frozen", method, quick=quick)._replace(naive_from=tabular)
    return {
        "tabular": tabular,
        "frozen": frozen,
        "extorters": _part("extorters", method, quick=quick)._replace(meta_from=frozen),
        "mixed": _part("mixed", method, quick=quick),
        **{name: _part(name, method, quick=quick) for name, methods in _ABLATIONS.items() if method in methods},
    }


_PARTS = {(method, quick): _steps(method, quick=quick) for method in LEARNERS for quick in (True, False)}


def trains(method: str, *experiments: str) -> Trains:
    """What is trained of a method's experiments, at either scale."""
    quick, paper = (tuple(_PARTS[method, small][name] for name in experiments) for small in (True, False))
    return Trains(quick, paper)


def ablations(method: str) -> tuple[str, ...]:
    """The ablations of the mixed pool that a method has here: a sequence model cannot be told of its co-player."""
    return tuple(name for name, methods in _ABLATIONS.items() if method in methods)
