"""Which figures there are: the papers', from the same experiments as their claims, and curves of all other settings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from coalactl.report.exhibits import Results
from coalactl.report.figures import Figure
from coalactl.report.judging import Judgement
from coalactl.report.settings import Setting
from coalactl.report.training_curves import training_curves
from coalactl_core.measures import KINDS


def all_figures(
    papers: Sequence[Results], judgements: Sequence[Judgement], settings: Sequence[Setting]
) -> Iterator[Figure]:
    """The papers', then learning curves of each setting against each kind of opponents that these do not show."""
    yield from figures_of(papers, judgements)
    shown = set(_shown(judgements))
    for setting in settings:
        for figure in training_curves(setting):
            if (setting.name, figure.opponents) not in shown:
                yield figure


def _shown(judgements: Sequence[Judgement]) -> Iterator[tuple[str, str]]:
    """Settings and kinds of opponents that figures of a paper show; of exact ones all that any is made from."""
    for judgement in judgements:
        for role, setting in judgement.case.settings.items():
            if setting.is_analytical:
                yield from ((setting.name, kind) for kind in KINDS)
            elif role == judgement.claim.roles[0].name:
                yield from ((setting.name, kind) for kind in judgement.exhibit.curves)


def figures_of(papers: Sequence[Results], judgements: Sequence[Judgement]) -> Iterator[Figure]:
    """A figure of each exhibit for each case of its first claim that has runs."""
    prefixes = {exhibit.id: paper.prefix for paper in papers for exhibit in paper.exhibits}
    for exhibit, claim, case in ((one.exhibit, one.claim, one.case) for one in judgements):
        figure = exhibit.draw(case) if claim is exhibit.claims[0] else None
        if figure is not None:
            yield figure._replace(name=f"fig-{prefixes[exhibit.id]}{figure.name}")
