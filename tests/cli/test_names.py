"""Folders may have any name: what cannot be written down is refused before anything is, and advice can be typed."""

from __future__ import annotations

import os
from pathlib import Path

from command_line import Command, assert_one_line
from processes import SMALL
from report_runs import sequence_pack

from coalactl.report.reading import find

NOT_TEXT = os.fsdecode(b"run-\xff")
QUICK = [*SMALL, "--iterations", "1", "--quiet"]


def test_a_folder_whose_name_is_no_text_hides_no_other(coalactl: Command) -> None:
    pack = sequence_pack(Path("runs/pack"), "coala-pg", {0: {"reward_vs_naive": 1.0}, 1: {"reward_vs_naive": 2.0}})
    os.rename(pack / "seed-1", Path("runs") / NOT_TEXT)
    listed = coalactl("runs", "ls", "runs")
    assert (listed.code, listed.err) == (0, "")
    assert [line.split()[0] for line in listed.out.splitlines()[1:]].count(r"runs/run-\udcff") == 1
    assert "runs/pack/seed-0" in listed.out
    assert len(coalactl("runs", "ls", "runs", "--json").json) == 2
    found = find([Path("runs")])
    assert [run.name for run in found.runs] == ["pack/seed-0"]
    assert r"run-\udcff: not UTF-8; use another name" in [problem.what for problem in found.problems]


def test_where_the_working_directory_has_such_a_name_nothing_is_begun(train: Command) -> None:
    Path(NOT_TEXT).mkdir()
    os.chdir(NOT_TEXT)
    assert_one_line(train(*QUICK), r"run-\udcff", "not UTF-8")
    assert_one_line(train(*QUICK, "--out", "run"), r"run-\udcff", "not UTF-8")
    assert os.listdir() == []
