"""Which figures there are: the paper's, from the same experiments as its claims, and curves of all other settings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from coalactl.report import cleanup_curves, curves, exact_curves
from coalactl.report.claims import Judgement
from coalactl.report.figures import Figure
from coalactl.report.roles import Case
from coalactl.report.settings import Setting
from coalactl.report.training_curves import training_curves
from coalactl.summary import KINDS

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

# The opponents of the figures that show rewards over training.
_LEARNING_CURVES = {
    **dict.fromkeys(("5A", "6"), ("naive",)),
    **dict.fromkeys(("5C", "7", "H.3"), ("naive", "meta")),
}


def all_figures(judgements: Sequence[Judgement], settings: Sequence[Setting]) -> Iterator[Figure]:
    """The paper's, then learning curves of each setting against each kind of opponents that the paper's do not show."""
    yield from figures_of(judgements)
    shown = set(_shown(judgements))
    for setting in settings:
        for figure in training_curves(setting):
            if (setting.name, figure.opponents) not in shown:
                yield figure


def _shown(judgements: Sequence[Judgement]) -> Iterator[tuple[str, str]]:
    """Settings and kinds of opponents that figures of the paper show; of exact ones all that any is made from."""
    for judgement in judgements:
        for role, setting in judgement.case.settings.items():
            if setting.is_analytical:
                yield from ((setting.name, kind) for kind in KINDS)
            elif role == judgement.claim.roles[0]:
                yield from ((setting.name, kind) for kind in _LEARNING_CURVES.get(judgement.claim.figure, ()))


def figures_of(judgements: Sequence[Judgement]) -> Iterator[Figure]:
    """A figure for each setting that has runs, from the first of the figure's claims on it."""
    drawn = set()
    for judgement in judgements:
        figure = DRAWINGS[judgement.claim.figure](judgement.case)
        if figure is not None and figure.name not in drawn:
            drawn.add(figure.name)
            yield figure
