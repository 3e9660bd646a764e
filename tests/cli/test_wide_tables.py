"""However many columns a table has, no number of it is cut: neither on a terminal nor in a file."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from coalactl.summary import Means
from coalactl.training.tables import pack_table
from coalactl.wide_tables import print_table

SEEDS = 40


def printed(seeds: int, width: int, *, terminal: bool) -> list[str]:
    measures = ("reward_vs_naive", "coplayer_reward_vs_naive", "defection_first_vs_naive", "defection_last_vs_naive")
    summaries = [
        Means(dict.fromkeys(measures, 9.87), {name: seed + place / 4 for place, name in enumerate(measures)})
        for seed in range(seeds)
    ]
    # A width that is given is a file's too; Rich takes 80 where none is.
    file = io.StringIO()
    console = Console(file=file, force_terminal=terminal, width=width, color_system=None, legacy_windows=False)
    print_table(console, pack_table(range(seeds), summaries))
    return file.getvalue().splitlines()


def numbers(lines: list[str]) -> list[str]:
    return [number for line in lines for number in re.findall(r"\d+\.\d\d", line)]


@pytest.mark.parametrize("seeds", [1, 2, 11, SEEDS])
@pytest.mark.parametrize(("width", "terminal"), [(80, True), (80, False), (200, True), (45, True), (20, True)])
def test_no_number_is_cut_and_each_is_there_once(seeds: int, width: int, *, terminal: bool) -> None:
    lines = printed(seeds, width, terminal=terminal)
    assert "…" not in "".join(lines)
    means = [(seeds - 1) / 2, *range(seeds)]
    expected = [f"{mean + place / 4:.2f}" for mean in means for place in range(4)] + ["9.87"] * 4
    assert sorted(numbers(lines)) == sorted(expected)
    if terminal and width >= 45:
        assert max(map(len, lines)) <= width


def test_a_terminal_that_is_wide_enough_has_one_table_and_a_narrow_one_each_measure_in_each_part() -> None:
    assert "".join(printed(SEEDS, 500, terminal=True)).count("reward a step vs naive") == 1 + 1
    parts = "".join(printed(SEEDS, 80, terminal=True))
    assert parts.count("mean over the last tenth") == 1
    assert parts.count("┃ measure ") == 6
