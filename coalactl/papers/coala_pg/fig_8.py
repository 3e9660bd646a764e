"""Fig. 8: how close the policies found are to zero-determinant extortion."""

from __future__ import annotations

import numpy as np

from coalactl.papers.coala_pg.exact import source
from coalactl.papers.coala_pg.roles import ROLE
from coalactl.papers.coala_pg.runs import at_one_size, exact
from coalactl.papers.contract import Exhibit
from coalactl.report.checks import final, median, newest
from coalactl.report.claims import Claim
from coalactl.report.exact_curves import exact_figure, group_in
from coalactl.report.figures import BLUE, GREY, Figure, Line, Panel
from coalactl.report.roles import Case

CLOSE_FIT = 0.03

_RANDOM = source("analytical-extortion")

_CLAIM = Claim(
    "zero-determinant",
    "The policies found are close to zero-determinant extortion, random ones are not",
    (ROLE["analytical-extortion"],),
    (
        median(_RANDOM, final("zd_error"), "mean squared distance from extortion", below=CLOSE_FIT),
        median(_RANDOM, final("zd_chi"), "the extortion factor χ of the fit", above=1.0),
        median(_RANDOM, newest("random_zd_error"), "mean squared distance of random policies", above=CLOSE_FIT),
    ),
)


def draw(case: Case) -> Figure | None:
    """How far policies are from zero-determinant extortion, as distributions over seeds."""
    lines = []
    for column, label, colour, dashes in (
        ("zd_error", "policies found", BLUE, "-"),
        ("random_zd_error", "random policies", GREY, "--"),
    ):
        group = group_in(case, "analytical-extortion")
        values = np.sort(list(group.newest(column).values())) if group else np.array([])
        if len(values):
            share = np.arange(1, len(values) + 1) / len(values)
            nothing = np.full_like(share, np.nan)
            lines.append(Line(label, colour, values, share, nothing, nothing, dashes))
    panel = Panel("", "mean squared distance from extortion", "share of seeds up to it", tuple(lines), log_x=True)
    return exact_figure(case, "8", "Fig. 8: closeness to zero-determinant extortion", [panel], "", bands=False)


EXHIBIT = Exhibit("8", at_one_size(exact("extortion", 0.1)), (_CLAIM,), draw)
