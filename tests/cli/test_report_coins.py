"""The coin game in reports: a table of its own, and no claim of a paper that did not play it."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from command_line import Command
from report_runs import build, sequence_pack

from coalactl.presets import shipped_presets

MEASURES = {"reward": 0.4, "coplayer_reward": 0.1, "own_coins": 0.3, "other_coins": 0.2, "coplayer_own_coins": 0.25}
PRESETS = [preset.name for preset in shipped_presets() if preset.name.startswith("coin-")]


def write_runs() -> Path:
    for preset in PRESETS:
        for number, method in enumerate(("coala-pg", "m-fos")):
            final = {f"{name}_vs_naive": value - 0.1 * number for name, value in MEASURES.items()}
            sequence_pack(Path("runs", preset, method), method, dict.fromkeys(range(3), final), preset)
    return Path("runs")


def test_no_claim_takes_them() -> None:
    judgements = build([write_runs()]).judgements
    assert {outcome.verdict for one in judgements for outcome in one.outcomes} == {"not tested"}


def test_they_have_a_table_of_their_own(coalactl: Command) -> None:
    methods = ("alignment", "loqa", "mixed", "pola", "reciprocator", "shaper", "shaping")
    assert [f"coin-{name}-quick" for name in methods] == PRESETS
    write_runs()
    result = coalactl("report", "--format", "csv", "--format", "md")
    assert result.code == 0, result.err
    with Path("report/tables/coins.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["setting"].startswith("coin-shaping-quick")]
    means = {(row["method"], row["measure"]): float(row["mean"]) for row in rows}
    assert means["m-fos", "own_coins_vs_naive"] == pytest.approx(0.2)
    shown = Path("report/tables/coins.md").read_text()
    for heading in ("own coins vs naive", "coins taken from naive", "naive's own coins"):
        assert heading in shown
    assert "Final measures in the coin game" in shown
    assert Path("report/tables/coins-seeds.csv").is_file()
    assert not Path("report/tables/final.csv").exists()
    assert coalactl("report", "--check", "report").code == 0
