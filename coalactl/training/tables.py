"""What a training came to, as tables."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from coalactl.summary import Means, RunSummary, rows_of
from coalactl.words import shown
from coalactl_core.measures import KINDS, is_of_policy

_TITLE = "untrained: iteration 0; trained: mean over the last tenth of the iterations"
_LABEL_WIDTH = 20


def result_table(means: Means, method: str = "") -> Table:
    """Rewards a step and other measures of agent and co-player, trained beside untrained."""
    untrained, trained = means
    table = Table(title=_titled(method), title_justify="left", title_style="italic")
    table.add_column("against", no_wrap=True)
    table.add_column("measure", overflow="fold")
    for who in ("agent", "co-player"):
        table.add_column(f"{who}\nuntrained", justify="right", no_wrap=True)
        table.add_column(f"{who}\ntrained", justify="right", style="bold", no_wrap=True)
    for kind in KINDS:
        rows = rows_of(kind, trained)
        for index, (label, own) in enumerate(rows):
            players = own.column, own.of_coplayer.column
            cells = [shown(values.get(column)) for column in players for values in (untrained, trained)]
            table.add_row(kind if index == 0 else "", label, *cells, end_section=index == len(rows) - 1)
    return table


def seeds_table(summary: RunSummary, seeds: int) -> Table:
    """A row a measure of a run that holds several seeds: median and quartiles over them, beside the untrained."""
    table = Table(
        title=f"{_TITLE};\nmedian and quartiles over {seeds} seeds", title_justify="left", title_style="italic"
    )
    for heading in ("measure", "untrained", "trained", "quartiles"):
        table.add_column(heading, justify="left" if heading == "measure" else "right", no_wrap=heading != "measure")

    def add(label: str, column: str) -> None:
        quartiles = ", ".join(map(shown, summary.quartiles.get(column, ())))
        values = shown(summary.untrained.get(column)), shown(summary.trained.get(column))
        table.add_row(label, *values, f"[{quartiles}]", style=None)

    for kind in KINDS:
        for label, own in rows_of(kind, summary.trained):
            add(f"{label} vs {kind}", own.column)
            add(f"co-player's {label} vs {kind}", own.of_coplayer.column)
        table.add_section()
    for column in filter(is_of_policy, summary.trained):
        add(column.replace("_", " "), column)
    return table


def pack_table(seeds: Sequence[int], summaries: Sequence[Means], method: str = "") -> Table:
    """A row a measure: each seed's, their mean, and the mean of the untrained agents."""
    columns = dict.fromkeys(name for summary in summaries for name in summary.trained)
    table = Table(title=_titled(method), title_justify="left", title_style="italic")
    table.add_column("measure", min_width=_LABEL_WIDTH)
    for seed in seeds:
        table.add_column(f"seed\n{seed}", justify="right", no_wrap=True)
    table.add_column("mean", justify="right", style="bold", no_wrap=True)
    table.add_column("mean\nuntrained", justify="right", no_wrap=True)
    for kind in KINDS:
        for label, own in rows_of(kind, columns):
            name, _, when = label.partition(", ")
            for who, measure in (("", own), ("co-player's ", own.of_coplayer)):
                trained = [summary.trained.get(measure.column) for summary in summaries]
                untrained = [summary.untrained.get(measure.column) for summary in summaries]
                means = [_mean(values) for values in (trained, untrained)]
                words = f"{who}{name} vs {kind}" + (f", {when}" if when else "")
                table.add_row(words, *map(shown, [*trained, *means]))
        table.add_section()
    return table


def _titled(method: str) -> str:
    """The title, with the method that the rows are of where a pool mixes several."""
    return f"agents of {method}; {_TITLE}" if method else _TITLE


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
