"""What Figs. 4A and 4C have in common: LOLA-DiCE by its number of look-aheads, alone and in mixed groups."""

from __future__ import annotations

from coalactl.papers.coala_pg.exact import ITERATION, REWARD, source
from coalactl.papers.coala_pg.roles import LOOK_AHEADS, ROLE
from coalactl.papers.coala_pg.runs import exact
from coalactl.report.exact_curves import curve_in, exact_figure
from coalactl.report.figures import AMBER, BLUE, GREEN, ORANGE, SKY, Figure, Line, Panel
from coalactl.report.roles import Case, Role

AHEAD = {count: source(f"analytical-lola-{count}") for count in LOOK_AHEADS}
BLEND = {count: source(f"analytical-lola-mixed-{count}") for count in LOOK_AHEADS}
FEW, MANY = (1, 2, 3), (10, 20)

RUNS = {count: exact(f"lola-{count}", 0.1) for count in LOOK_AHEADS}
MIXED_RUNS = {count: exact(f"lola-mixed-{count}", 0.1) for count in LOOK_AHEADS}

_LOOKS = dict(zip(LOOK_AHEADS, ((SKY, "-"), (BLUE, "--"), (GREEN, "-."), (AMBER, "-"), (ORANGE, "--")), strict=True))


def roles_at(prefix: str, counts: tuple[int, ...]) -> tuple[Role, ...]:
    """The experiments with so many look-aheads."""
    return tuple(ROLE[f"{prefix}{count}"] for count in counts)


def by_look_aheads(case: Case, prefix: str, name: str, title: str) -> Figure | None:
    """Rewards among meta agents, a line for each number of look-aheads."""
    lines: list[Line] = []
    for count, (colour, dashes) in _LOOKS.items():
        words = "1 look-ahead" if count == 1 else f"{count} look-aheads"
        lines += curve_in(case, f"{prefix}{count}", "reward_vs_meta", words, colour, dashes)
    return exact_figure(case, name, title, [Panel("among meta agents", ITERATION, REWARD, tuple(lines))])
