"""``report --check``: every number of a report is that of its metric files, and bad input ends in one line."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
from command_line import Command
from report_runs import sequence_pack, small_runs, write_evaluation

from coalactl.report.checking import compare
from coalactl.runs.directory import RunDirectory
from coalactl.runs.metric_files import MetricFiles, read_metrics

QUICK = ("--format", "csv", "--format", "svg")


@pytest.fixture
def runs() -> Path:
    """Three seeds of two methods in the shaping setting, and an analytical run with eight."""
    return small_runs(Path("runs"))


@pytest.mark.usefixtures("runs")
def test_a_report_agrees_with_its_runs_wherever_both_have_moved(coalactl: Command) -> None:
    assert coalactl("report", "--format", "csv", "--format", "md", "--format", "tex").code == 0
    result = coalactl("report", "--check", "report")
    assert result.code == 0, result.out + result.err
    assert int(re.search(r"all (\d+) numbers", result.out)[1]) > 500
    Path("elsewhere").mkdir()
    shutil.move("runs", "elsewhere/theirs")
    shutil.move("report", "elsewhere/mine")
    assert coalactl("report", "--check", "elsewhere/mine").code == 2
    assert coalactl("report", "--check", "elsewhere/mine", "--runs", "elsewhere/theirs").code == 0
    sequence_pack(Path("elsewhere/theirs/new"), "coala-pg", {9: {"reward_vs_naive": 3.0}})
    result = coalactl("report", "--check", "elsewhere/mine", "--runs", "elsewhere/theirs")
    assert result.code == 0
    assert result.out.splitlines()[0] == "since then: new/seed-9"


def test_what_was_evaluated_since_is_told_and_is_no_difference(coalactl: Command, runs: Path) -> None:
    (first, *others) = sorted(runs.glob("*/seed-*"))
    write_evaluation(first, 0.3)
    assert coalactl("report", runs, "--format", "csv", "--format", "md", "--format", "tex").code == 0
    for run in others:  # Fig. 5B would now be taken from these.
        write_evaluation(run, 0.4)
    shutil.copy(first / "eval/naive.parquet", first / "eval/again.parquet")
    result = coalactl("report", "--check", "report")
    assert result.code == 0, result.out
    assert result.out.splitlines()[:-1] == [
        "since then: evaluation again of coala-pg/seed-0",
        "since then: evaluation naive of 5 runs, coala-pg/seed-1 among them",
    ]
    # Rows that came to an evaluation that the report has.
    rows = pd.read_parquet(first / "eval/naive.parquet")
    pd.concat([rows, rows.assign(opponent_kind="fixed")]).to_parquet(first / "eval/naive.parquet")
    result = coalactl("report", "--check", "report", "--json")
    assert result.json["differences"] == []
    assert any(line.endswith("more in tables/evaluations.csv") for line in result.json["added"])
    (first / "eval/naive.parquet").unlink()
    result = coalactl("report", "--check", "report")
    assert result.code == 1
    assert "run coala-pg/seed-0: evaluation naive is not there any more" in result.out.splitlines()


def test_a_file_of_the_report_that_is_gone_is_a_difference(coalactl: Command, runs: Path) -> None:
    assert coalactl("report", runs, *QUICK).code == 0
    Path("report/tables/final.csv").unlink()
    result = coalactl("report", "--check", "report")
    assert (result.code, result.out.splitlines()) == (1, ["tables/final.csv: it is gone, or empty"])


CHANGES = {
    "claims.json": (r'"estimate": 0\.\d+', '"estimate": 0.7'),
    "claims.md": (r"\*\*partly\*\*", "**reproduced**"),
    "tables/seeds.csv": (r",0\.8\d*,", ",0.81,"),
    "tables/final.md": (r"0\.900", "0.950"),
    "tables/final.tex": (r"0\.900", "0.950"),
    "figures/fig-3a.csv": (r"1\.035\d*", "1.036"),
    "index.html": (r"0\.900 ± 0\.100", "0.930 ± 0.100"),
}


def test_every_number_that_was_changed_is_found(coalactl: Command, runs: Path) -> None:
    assert coalactl("report", runs, "--format", "csv", "--format", "md", "--format", "tex").code == 0
    for file, (old, new) in CHANGES.items():
        changed, count = re.subn(old, new, Path("report", file).read_text(), count=1)
        assert count == 1, file
        Path("report", file).write_text(changed)
    result = coalactl("report", "--check", "report")
    assert result.code == 1
    found = result.out.splitlines()
    assert [line.split(",")[0] for line in found] == [*dict.fromkeys(line.split(",")[0] for line in found)]
    assert {line.split(",")[0] for line in found} == set(CHANGES)
    assert "difference" in result.err.splitlines()[-1]


def test_a_metric_file_that_was_changed_is_found(coalactl: Command, runs: Path) -> None:
    assert coalactl("report", runs, *QUICK).code == 0
    run = RunDirectory(runs / "coala-pg/seed-1")
    rows = read_metrics(run)
    rows.loc[rows["iteration"] == 19, "reward_vs_naive"] += 0.01
    for part in run.metrics_dir.glob("*.parquet"):
        part.unlink()
    files = MetricFiles(run)
    files.append(rows, rows.iloc[:0])
    files.flush()
    result = coalactl("report", "--check", "report", "--json")
    assert result.code == 1
    assert any(line.startswith("claims.json") for line in json.loads(result.out)["differences"])


def test_a_run_that_is_gone_is_named(coalactl: Command, runs: Path) -> None:
    assert coalactl("report", runs, *QUICK).code == 0
    shutil.rmtree(runs / "m-fos/seed-2")
    result = coalactl("report", "--check", "report")
    assert result.code == 1
    assert "m-fos/seed-2" in result.out


@pytest.mark.parametrize(
    ("one", "other", "differences"),
    [
        ("a 0.8 b", "a 0.81 b", 1),
        ("a 0.500 b", "a 0.501 b", 0),  # one unit of the last digit that is shown: rounding
        ("a 0.500 b", "a 0.502 b", 1),
        ("0.12345678901234", "0.12345678901235", 0),  # summed in another order
        ("0.12345678901234", "0.12345678999999", 1),
        ("5 seeds", "6 seeds", 1),
        ("met 1", "not met 1", 1),
        ("−0.20", "0.20", 1),
        ("1\n2", "1", 1),
    ],
)
def test_numbers_are_compared_up_to_rounding(one: str, other: str, differences: int) -> None:
    found = compare("x.md", one, other)
    assert (len(found.differences), found.added) == (differences, [])


def test_where_all_digits_are_written_all_count() -> None:
    assert compare("x.csv", "a,0.8", "a,0.7").differences == ["x.csv, line 1: 0.8, from the runs 0.7"]
    assert compare("x.json", "0.30000000000000004", "0.3").differences == []


def test_a_line_that_is_new_moves_others_and_changes_none() -> None:
    """In the middle, at the end, beside a change, and among lines of the same words."""
    written = "table\na 1\nb 2\nc 3\nend"
    assert compare("x.md", written, "table\na 1\nnew 9\nb 2\nc 3\nd 4\nend") == ([], ["new 9", "d 4"])
    found = compare("x.md", written, "table\na 1\nnew 9\nb 5\nc 3\nend")
    assert found == (["x.md, line 3: 2, from the runs 5"], ["new 9"])
    assert compare("x.md", written, "table\na 1\nc 3\nend").differences == ["x.md, line 3: the runs give no such line"]

    def by_seed(line: str) -> object:
        return line.split(",")[:2]

    seeds = "seed,0,0.5\nseed,2,0.7"
    key = lambda line: tuple(by_seed(line))  # noqa: E731
    assert compare("x.csv", seeds, "seed,0,0.5\nseed,1,0.6\nseed,2,0.7", key) == ([], ["seed,1,0.6"])


@pytest.mark.parametrize(
    ("arguments", "words", "code"),
    [
        (("--check", "nowhere"), "no such report", 2),
        (("--check", "empty"), "it has no report.json", 2),
        (("--runs", "empty"), "goes with --check", 2),
        (("--check", "other"), "format 9", 2),
        (("--check", "torn"), "damaged", 4),
    ],
)
def test_a_check_of_nothing_is_one_line(coalactl: Command, arguments: tuple[str, ...], words: str, code: int) -> None:
    Path("empty").mkdir()
    for name, text in (("other", '{"format": 9}'), ("torn", '{"format": 1')):
        Path(name).mkdir()
        Path(name, "report.json").write_text(text)
    result = coalactl("report", *arguments)
    assert (result.code, len(result.err.splitlines())) == (code, 1)
    assert words in result.err
