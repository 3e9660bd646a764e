"""Which figures there are, and the experiments that each is drawn from: the same as its claims'."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from coalactl.report import cleanup_curves, curves, exact_curves
from coalactl.report.claims import Judgement
from coalactl.report.figures import Figure
from coalactl.report.roles import Case

DRAWINGS: Mapping[str, Callable[[Case], Figure | None]] = {
    "3A": exact_curves.extortion,
    "8": exact_curves.fits,
    "3B": exact_curves.extortioners,
    "3C": exact_curves.pools,
    "9": exact_curves.escape,
    "10": exact_curves.leave,
    "4A": exact_curves.look_aheads,
    "4B": exact_curves.lola_extorts,
    "4C": exact_curves.look_aheads_mixed,
    "5A": curves.learning_curves,
    "5B": curves.within_episodes,
    "5C": curves.mixed_pool,
    "6": cleanup_curves.shaping,
    "7": cleanup_curves.mixed,
    "12": curves.gradient_balance,
    "13": cleanup_curves.shaping_measures,
    "14": cleanup_curves.mixed_measures,
    "H.3": curves.two_methods,
}


def figures_of(judgements: Sequence[Judgement]) -> Iterator[Figure]:
    """A figure for each setting that has runs, from the first of the figure's claims on it."""
    drawn = set()
    for judgement in judgements:
        figure = DRAWINGS[judgement.claim.figure](judgement.case)
        if figure is not None and figure.name not in drawn:
            drawn.add(figure.name)
            yield figure
