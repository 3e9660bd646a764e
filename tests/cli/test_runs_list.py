"""Lists of runs: packs and sweeps as one row that unfolds, narrowed, and in an order that fits where they are read."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import tomli_w
from command_line import Command
from report_runs import sequence_pack

from coalactl.runs.directory import RunDirectory
from coalactl.runs.files import write_json

Listed = Callable[..., list[str]]


def started(path: str, day: int) -> None:
    """The day on which the runs of a pack have been started."""
    for file in Path(path).glob("**/provenance.json"):
        write_json(file, {**json.loads(file.read_text()), "started": f"2026-01-{day:02}T00:00:00+00:00"})


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A pack, a run alone and a sweep, started in this order; the pack's last seed has failed."""
    seeds = {seed: {"reward_vs_naive": float(seed)} for seed in (0, 2, 10)}
    pack = sequence_pack(Path("runs/pack"), "coala-pg", seeds)
    for seed, value in ((0, 1.0), (2, 2.0), (10, None)):
        run = RunDirectory(pack / f"seed-{seed}")
        state = "failed" if value is None else "finished"
        run.write_status(
            run.read_status()._replace(state=state, reason="" if value else "why", last={"reward_vs_naive": value})
        )
    sequence_pack(Path("alone"), "m-fos", {7: {"reward_vs_naive": 0.25}})
    os.rename("alone/seed-7", "runs/alone")
    for trial in ("m-fos-1", "m-fos-2"):
        sequence_pack(Path("runs/swept/trials") / trial, "m-fos", {0: {}, 1: {}})
    sweep = {
        "name": "s",
        "preset": "ipd-shaping-quick",
        "axes": {"meta.clip": [0.1, 0.2, 0.3]},
        "selection": {"seeds": [0, 1]},
    }
    Path("runs/swept/sweep.toml").write_text(tomli_w.dumps(sweep))
    chosen = {"trial": "m-fos-1", "metric": "reward_vs_naive", "mean": 0.5}
    Path("runs/swept/selection.json").write_text(json.dumps({"m-fos": chosen}))
    for day, name in enumerate(("pack", "alone", "swept"), 1):
        started(f"runs/{name}", day)
    return tmp_path / "runs"


@pytest.fixture
def listed(coalactl: Command, runs: Path) -> Listed:
    """The paths below ``runs`` that a list gives."""
    return lambda *words: [row["run_dir"][5:] for row in coalactl("runs", "ls", *words, "--json").json]


PACK = ["pack", "pack/seed-0", "pack/seed-2", "pack/seed-10"]
TRIALS = ["swept/trials/m-fos-1", "swept/trials/m-fos-2"]
SWEPT = ["swept", *(f"{place}{end}" for place in TRIALS for end in ("", "/seed-0", "/seed-1"))]


def test_packs_and_sweeps_are_one_row_that_unfolds(coalactl: Command, listed: Listed) -> None:
    assert listed() == ["swept", "alone", "pack"]
    assert listed("--all") == [*SWEPT, "alone", *PACK]
    assert listed("runs/pack") == PACK
    assert listed("runs/swept") == ["swept", *TRIALS]
    assert listed("runs/swept", "--all") == SWEPT
    rows = {row["run_dir"]: row for row in coalactl("runs", "ls", "--all", "--json").json}
    assert rows["runs/pack/seed-2"]["part_of"] == "runs/pack"
    assert rows["runs/pack"]["statuses"] == {"finished": 2, "failed": 1}
    assert rows["runs/pack"]["seeds"] == [0, 2, 10]
    assert rows["runs/pack"]["last"] == {"reward_vs_naive": 1.5}
    assert (rows["runs/pack"]["progress"], rows["runs/pack"]["runs"]) == ("60/60", 3)
    assert rows["runs/swept"]["statuses"] == {"finished": 4, "open": 2}
    assert rows["runs/swept"]["chosen"]["m-fos"]["mean"] == 0.5


def test_a_row_says_what_a_pack_or_a_sweep_has_come_to(coalactl: Command, runs: Path) -> None:
    heading, swept, _, pack = coalactl("runs").out.splitlines()
    assert "tags" not in heading
    assert "2 done, 1 failed: why  ipd-shaping-quick coala-pg 3 seeds" in pack
    assert "1.50 vs naive" in pack
    assert "4 done, 2 open" in swept
    assert "ipd-shaping-quick m-fos 3 trials" in swept
    assert "0.50 m-fos reward_vs_naive" in swept
    unfolded = coalactl("runs", "ls", "--all").out.splitlines()
    assert [line.partition("seed-2 ")[0] for line in unfolded if "seed-2 " in line] == ["  runs/pack/"]
    assert coalactl("runs", "show", "runs/swept").out == coalactl("runs", "ls", "runs/swept").out
    os.rename("runs/pack/seed-2", "elsewhere")
    assert "1 done, 1 failed, 1 missing: why" in coalactl("runs").out


def test_lists_are_narrowed(coalactl: Command, listed: Listed) -> None:
    assert listed("--limit", "2") == ["swept", "alone"]
    assert listed("--setting", "m-fos") == ["swept", "alone"]
    assert listed("--setting", "seed 10") == ["pack"]
    assert listed("--setting", "seed 10", "--all") == ["pack", "pack/seed-10"]
    assert listed("--status", "failed", "--all") == ["pack", "pack/seed-10"]
    assert listed("--status", "finished") == listed("--status", "done") == ["swept", "alone", "pack"]
    assert listed("--status", "open") == ["swept"]
    assert listed("--status", "preempted") == []
    assert coalactl("runs", "ls", "--status", "preempted").out == "no such runs below runs\n"


def test_a_sweep_file_of_ones_own_hides_no_runs(listed: Listed) -> None:
    Path("runs/sweep.toml").write_text("")
    assert listed() == ["swept", "alone", "pack"]


def test_what_a_sweep_has_put_aside_is_not_counted(coalactl: Command, runs: Path) -> None:
    sequence_pack(Path("runs/swept/superseded/m-fos-3-1"), "m-fos", {7: {}})
    assert coalactl("runs", "ls", "--json").json[0]["statuses"] == {"finished": 4, "open": 2}
    assert "superseded" in coalactl("runs", "ls", "--all").out


def test_on_a_terminal_the_newest_is_last(runs: Path) -> None:
    reader, terminal = pty.openpty()
    command = [sys.executable, "-m", "coalactl", "runs", "ls", "--all", "--limit", "2"]
    subprocess.run(command, check=True, stdout=terminal)
    os.close(terminal)
    out = b""
    while b"swept/trials/m-fos-2/seed-1" not in out:
        out += os.read(reader, 10_000)
    os.close(reader)
    assert [line.split()[0] for line in out.decode().splitlines()][1:] == [f"runs/{name}" for name in ("alone", *SWEPT)]
