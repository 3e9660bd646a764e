"""Whether the columns that a run has written are those that the grammar of measures writes and reads."""

from __future__ import annotations

from collections.abc import Iterable

from coalactl_core.measures import KINDS, parse, parse_metric


def assert_read_as_written(columns: Iterable[str], metrics: Iterable[str], kinds: Iterable[str]) -> None:
    """Of a run that met opponents of these kinds: each column is read as what it is, and written as it stands there."""
    metrics, columns = set(metrics), set(columns)
    for metric in metrics:
        assert parse_metric(metric).column == metric
    measures = {column: measure for column in columns if (measure := parse(column)) is not None}
    assert all(measure.column == column for column, measure in measures.items())
    assert {measure.kind for measure in measures.values()} == set(kinds) <= set(KINDS)
    assert {measure._replace(place="", kind="").column for measure in measures.values()} == metrics
    others = columns - measures.keys()
    # Where meta agents are several, each one's reward against each.
    assert {column for column in others if "_vs_" in column and not column.startswith("reward_vs_agent_")} == set()
