"""What captions say of seeds: of one seed there is nothing that lies around it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from coalactl.report.figures import Panel

_MANY = "{mean} over seeds with its 95% t-interval; thin lines are seeds"
_MOST_NAMED = 3


def over_seeds(panels: Sequence[Panel], mean: str = "Mean") -> str:
    """What lines, bands and thin lines are; of lines with one seed alone, that."""
    counts = dict(_counts(panels))
    single = [label for label, count in counts.items() if count == 1]
    if len(single) == len(counts):
        return "One training seed" if len(counts) == 1 else "One training seed of each line"
    if not single:
        return _MANY.format(mean=mean)
    named = ", ".join(single[:_MOST_NAMED]) if len(single) <= _MOST_NAMED else f"{len(single)} lines"
    return f"{_MANY.format(mean=mean)}; of {named} there is one seed"


def medians(counts: Collection[int]) -> str:
    """The same of exact play, from the number of seeds of each line."""
    if set(counts) <= {1}:
        return "One seed."
    return f"Median over {' or '.join(map(str, sorted(set(counts))))} seeds; bands are quartiles."


def _counts(panels: Sequence[Panel]) -> Iterator[tuple[str, int]]:
    for panel in panels:
        for line in panel.lines:
            if line.seeds is not None:
                yield line.label, line.seeds.shape[1]
