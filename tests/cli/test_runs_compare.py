"""Two runs or packs side by side."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import Command, assert_one_line
from report_runs import sequence_pack


@pytest.fixture
def packs(tmp_path: Path) -> tuple[Path, Path]:
    first = sequence_pack(
        tmp_path / "runs/first", "coala-pg", {0: {"reward_vs_naive": 1.0}, 1: {"reward_vs_naive": 1.2}}
    )
    second = sequence_pack(tmp_path / "runs/second", "m-fos", {7: {"reward_vs_naive": 0.25}}, **{"meta.clip": 0.3})
    return first, second


def test_two_packs_side_by_side(coalactl: Command, packs: tuple[Path, Path]) -> None:
    told = coalactl("runs", "compare", *packs, "--json").json
    assert told["differences"]["meta.method"] == ["coala-pg", "m-fos"]
    assert told["differences"]["meta.clip"] == [0.2, 0.3]
    assert "run.seed" not in told["differences"]
    assert [side["seeds"] for side in told["runs"]] == [[0, 1], [7]]
    first, second = (side["measures"]["reward_vs_naive"] for side in told["runs"])
    assert first["estimate"] == pytest.approx(1.1)
    assert first["low"] < 1.0 < 1.2 < first["high"]
    assert (second["estimate"], second["low"]) == (0.25, None)
    out = coalactl("runs", "compare", *packs).out
    for words in ("seeds 0 to 1 (2)", "seed 7", "meta.clip", "1.10 (", "0.25"):
        assert words in out


def test_a_run_beside_itself(coalactl: Command, packs: tuple[Path, Path]) -> None:
    run = packs[0] / "seed-0"
    assert coalactl("runs", "compare", run, run, "--json").json["differences"] == {}
    assert "no value differs" in coalactl("runs", "compare", run, run).out
    assert_one_line(coalactl("runs", "compare", run, "nowhere"), "nowhere")
