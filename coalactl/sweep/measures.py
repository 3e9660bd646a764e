"""The metric that a sweep chooses by: which there are for an experiment, and its value in a run.

A column of the metric files, ``reward_vs_naive``; or ``reward_in_pool``, the mean over the experiment's own pool: each
kind of opponent with the probability of meeting it (the paper leaves open which metric it chose by).
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping

from coalactl.errors import UserError
from coalactl.overrides import shortened
from coalactl.summary import RunSummary
from coalactl_core.configuration.kinds import Experiment
from coalactl_core.configuration.numbers import scheduled_values
from coalactl_core.games import GAMES, words_of
from coalactl_core.measures import ENDS, PLAYERS, Measure, is_of_policy, parse, parse_metric

POOL = "_in_pool"


def check_metric(metric: str, experiment: Experiment, label: str) -> None:
    """Raises :class:`UserError` with one line unless runs of the experiment have the metric."""
    if _is_there(metric, experiment):
        return
    close = difflib.get_close_matches(metric, _known(experiment), n=1, cutoff=0.5)
    hint = f"did you mean {close[0]!r}?" if close else f"use for instance reward{POOL}"
    raise UserError(
        f"{label}: selection.metric: there is no {shortened(metric)!r} in runs of this preset, "
        f"which meet {' and '.join(shares(experiment))} opponents; {hint}"
    )


def value_of(metric: str, summary: RunSummary, experiment: Experiment) -> float | None:
    """The metric over the last tenth of a run's iterations; None where there is nothing to report."""
    if not metric.endswith(POOL):
        return summary.trained.get(metric)
    measure, total = parse_metric(metric.removesuffix(POOL)), 0.0
    for kind, share in shares(experiment).items():
        value = 0.0 if share == 0 else summary.trained.get(measure.against(kind).column)
        if value is None:
            return None
        total += share * value
    return total


def shares(experiment: Experiment) -> Mapping[str, float]:
    """The probability of meeting each kind of opponent that can occur, at the end of training."""
    population = experiment.population
    fixed, naive = population.fixed_share, scheduled_values(population.p_naive)
    rest = 1 - fixed
    chances = {"naive": rest * naive[-1], "meta": rest * (1 - naive[-1]), "fixed": fixed}
    occurs = {"naive": rest > 0 and max(naive) > 0, "meta": rest > 0 and min(naive) < 1, "fixed": fixed > 0}
    return {kind: share for kind, share in chances.items() if occurs[kind]}


def _is_there(metric: str, experiment: Experiment) -> bool:
    if metric in _known(experiment):
        return True
    if experiment.kind == "analytical":
        return is_of_policy(metric)
    if experiment.environment.name in GAMES:
        return False
    # An environment of another package has measures of its own, which only its runs tell.
    measure = parse(metric)
    return metric.endswith(POOL) or (measure is not None and measure.kind in shares(experiment))


def _known(experiment: Experiment) -> list[str]:
    game = words_of(experiment.environment.name)
    whole = [Measure(name, whose) for name in ("reward", *game.own_measures) for whose in PLAYERS]
    measures = [measure.at(place) for measure in whole for place in ("", *ENDS) if measure.has_ends or not place]
    met = shares(experiment)
    return [
        column
        for measure in measures
        for column in (f"{measure.column}{POOL}", *(measure.against(kind).column for kind in met))
    ]
