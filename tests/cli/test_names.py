"""Folders may have any name: what cannot be written down is refused before anything is, and advice can be typed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import Command, assert_one_line
from processes import SMALL
from report_runs import sequence_pack

from coalactl.errors import UserError
from coalactl.paths import one_line
from coalactl.report.reading import find
from coalactl.runs.directory import check_free
from coalactl.sweep.slurm import write_script

NOT_TEXT = os.fsdecode(b"run-\xff")
QUICK = [*SMALL, "--iterations", "1", "--quiet"]


def test_a_folder_whose_name_is_no_text_hides_no_other(coalactl: Command) -> None:
    pack = sequence_pack(Path("runs/pack"), "coala-pg", {0: {"reward_vs_naive": 1.0}, 1: {"reward_vs_naive": 2.0}})
    os.rename(pack / "seed-1", Path("runs") / NOT_TEXT)
    listed = coalactl("runs", "ls", "runs", "--all")
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


def test_seeds_on_another_disk_are_in_reports_and_lists(coalactl: Command) -> None:
    pack = sequence_pack(Path("disk"), "coala-pg", {seed: {"reward_vs_naive": float(seed)} for seed in range(3)})
    Path("runs").mkdir()
    for seed in range(3):
        Path(f"runs/t{seed}").symlink_to((pack / f"seed-{seed}").absolute())
    Path("runs/t3").symlink_to("unmounted")
    found = find([Path("runs")])
    assert [problem.name for problem in found.problems] == ["t3"]
    assert [(run.name, run.seeds) for run in found.runs] == [("t0", (0,)), ("t1", (1,)), ("t2", (2,))]
    listed = coalactl("runs", "ls")
    assert [line.split()[0] for line in listed.out.splitlines()[1:]] == ["runs/t2", "runs/t1", "runs/t0"]
    assert listed.err == "runs/t3: a symbolic link to what is not there\n"
    assert coalactl("runs", "show", "runs/t1").code == 0


AWKWARD = [
    "two  spaces",
    "line\nbreak",
    "it's  a \\tab\there",
    "-dash",
    "#hash",
    "$HOME",
    "\N{GRINNING FACE}",
    "\x1b[31m",
]


def words_of(advice: str) -> list[str]:
    """What a shell makes of it."""
    done = subprocess.run(["bash", "-c", f"printf '%s\\0' {advice}"], capture_output=True, text=True, check=True)
    return done.stdout.split("\0")[:-1]


@pytest.mark.parametrize("name", AWKWARD)
def test_advice_can_be_typed(coalactl: Command, name: str) -> None:
    run = sequence_pack(Path("pack"), "coala-pg", {0: {"reward_vs_naive": 1.0}}) / "seed-0"
    os.rename(run, name)
    shown = coalactl("runs", "show", f"./{name}")
    assert shown.code == 0, shown.err
    lines = dict(line.split(":  ", 1) for line in shown.out.splitlines() if ":  " in line)
    told = {key: words_of(lines[key]) for key in ("look again", "train on")}
    assert Path(told["look again"][-1]).resolve() == Path(name).resolve()
    assert Path(told["train on"][3]).resolve() == Path(name).resolve()
    assert shown.out.count(" iterations, ") == 1  # what the lines hold breaks none
    if name.isascii() and name.isprintable():
        rows = coalactl("runs", "ls", ".", "--json").json
        assert [row["run_dir"] for row in rows if row["kind"] == "run"] == [name]
    if not name.isascii() or "'" in name:
        reading = subprocess.run([sys.executable, "-c", words_of(lines["read"])[2]], capture_output=True, check=False)
        assert reading.returncode == 0, reading.stderr
    with pytest.raises(UserError) as refused:
        check_free(Path(name), known=())
    told_in_error = one_line(str(refused.value))
    assert len(told_in_error.splitlines()) == 1
    assert words_of(told_in_error.split("`")[1])[-1] == (f"./{name}" if name.startswith("-") else name)


def test_a_message_of_a_library_is_told_in_one_line() -> None:
    assert one_line("failed:\n  a\n\tb  c") == "failed: a b  c"
    assert one_line("a\x1b[2Jb") == r"a\u001b[2Jb"


def test_no_name_breaks_out_of_a_comment_of_a_slurm_script() -> None:
    write_script(Path("s\nrm -rf x"), Path("two  spaces\nrm -rf y"), "a\nb", 2, "python -m coalactl")
    lines = Path("s\nrm -rf x").read_text().splitlines()
    head = lines[: lines.index("set -uo pipefail")]
    assert all(line.startswith("#") for line in head)
    command = next(line for line in lines if line.startswith("python"))
    folder = words_of(command.removesuffix(" &"))[5]
    assert folder == str(Path("two  spaces\nrm -rf y").absolute())
