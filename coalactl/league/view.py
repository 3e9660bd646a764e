"""What ``coalactl league`` prints: the ranking, and who earned what against whom."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from coalactl.evaluation.view import show_matrix
from coalactl.report.league import League
from coalactl.report.league_tables import Exploited, Pair, Ranked, in_cell
from coalactl.report.tables import number
from coalactl.terminal import OurConsole

_RANKING = "mean reward a step against the others, with its 95% interval over pairs of seeds"
_MATRIX = "reward a step of each row against each column; diagonal: among its like"
_EXPLOITED = "what best responses earn a step, and how much more that is than its like does"


def show(
    console: OurConsole,
    league: League,
    ranking: Sequence[Ranked],
    pairs: Sequence[Pair],
    exploited: Sequence[Exploited],
) -> None:
    """Prints the tables."""
    names = [entrant.name for entrant in league.entrants]
    console.table(_ranking(names, ranking))
    cells, order = matrix_of(pairs, len(names)), [one.entrant for one in ranking]
    show_matrix(
        console, [names[one] for one in order], [[cells[one][other] for other in order] for one in order], _MATRIX
    )
    if exploited:
        console.table(_exploited(names, exploited))


def matrix_of(pairs: Sequence[Pair], count: int) -> list[list[float | None]]:
    """Rewards of rows against columns."""
    cells: list[list[float | None]] = [[None] * count for _ in range(count)]
    for pair in pairs:
        cells[pair.first][pair.second] = pair.reward.estimate
        cells[pair.second][pair.first] = pair.others.estimate
    return cells


def _ranking(names: Sequence[str], ranking: Sequence[Ranked]) -> Table:
    table = _table(_RANKING)
    table.add_column("", justify="right", no_wrap=True)
    table.add_column("entrant", overflow="fold")
    for heading in ("reward", "welfare", "among its like"):
        table.add_column(heading, justify="right", no_wrap=heading == "reward")
    table.add_column("exploits", overflow="fold")
    for rank, one in enumerate(ranking, 1):
        exploits = ", ".join(names[other] for other in one.exploits) or "-"
        cells = (in_cell(one.reward), number(one.welfare.estimate), number(one.among_its_like.estimate))
        table.add_row(str(rank), names[one.entrant], *cells, exploits)
    return table


def _exploited(names: Sequence[str], exploited: Sequence[Exploited]) -> Table:
    table = _table(_EXPLOITED)
    table.add_column("entrant", overflow="fold")
    table.add_column("responder", no_wrap=True)
    for heading in ("reward", "more"):
        table.add_column(heading, justify="right", no_wrap=True)
    for one in exploited:
        table.add_row(names[one.entrant], one.responder, in_cell(one.reward), in_cell(one.more))
    return table


def _table(title: str) -> Table:
    return Table(title=title, title_justify="left", title_style="italic")
