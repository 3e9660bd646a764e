"""Going on with a run: bit-identical however it was cut, from the newest whole checkpoint; refused where it differs."""

from __future__ import annotations

import signal
import threading
from pathlib import Path

import pytest
from command_line import TINY, Command
from processes import assert_same_rows

from coalactl.runs.checkpoints import steps
from coalactl.runs.directory import RunDirectory


def test_resume_is_bit_identical_with_any_checkpoint_and_logging_intervals(
    whole: dict[str, object], train: Command
) -> None:
    assert train(*TINY, "--iterations", "2", "--out", "cut", "--set", "run.checkpoint_every=1", "-q").code == 0
    resumed = train("--resume", "cut", "--iterations", "5", "--set", "run.checkpoint_every=2", "--json")
    assert resumed.code == 0, resumed.err
    assert resumed.json["parameters_digest"] == whole["parameters_digest"]
    assert_same_rows("cut", "whole")
    assert RunDirectory("cut").read_config()["run"]["checkpoint_every"] == 2
    assert len(RunDirectory("cut").read_provenance()["attempts"]) == 2
    assert "resumed at iteration 2" in RunDirectory("cut").log_file.read_text()


def test_a_stop_signal_saves_and_the_resumed_run_is_bit_identical(
    whole: dict[str, object], train: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    from coalactl.training.session import Session

    take = Session._take

    def stopping(self: Session, *arguments: object) -> None:
        take(self, *arguments)  # type: ignore[arg-type]
        signal.raise_signal(signal.SIGTERM)
        for _ in range(100):
            if self._stop.code is None:
                threading.Event().wait(0.01)

    with monkeypatch.context() as patch:
        patch.setattr(Session, "_take", stopping)
        stopped = train(*TINY, "--iterations", "5", "--out", "cut")
    assert (stopped.code, RunDirectory("cut").read_status().state) == (75, "preempted")
    assert "--resume cut" in stopped.err
    assert steps(RunDirectory("cut")) == [1]
    assert train("--resume", "cut", "--json").json["parameters_digest"] == whole["parameters_digest"]
    assert_same_rows("cut", "whole")


def test_rows_behind_the_checkpoint_are_dropped_and_none_is_doubled(whole: dict[str, object], train: Command) -> None:
    assert train(*TINY, "--iterations", "4", "--out", "cut", "--set", "run.checkpoint_every=2", "-q").code == 0
    run = RunDirectory("cut")
    for path in (run.manifests_dir / "4.json",):  # as if killed between the checkpoint's commit and its manifest
        path.unlink()
    run.write_status(run.read_status()._replace(state="running", iteration=3))
    resumed = train("--resume", "cut", "--iterations", "5", "--json")
    assert resumed.code == 0, resumed.err
    assert resumed.json["parameters_digest"] == whole["parameters_digest"]
    assert_same_rows("cut", "whole")


def test_without_a_checkpoint_a_resume_starts_at_iteration_0(whole: dict[str, object], train: Command) -> None:
    assert train(*TINY, "--iterations", "5", "--out", "cut", "-q").code == 0
    run = RunDirectory("cut")
    for path in run.manifests_dir.iterdir():
        path.unlink()
    run.write_status(run.read_status()._replace(state="running", iteration=0))
    assert train("--resume", "cut", "--json").json["parameters_digest"] == whole["parameters_digest"]
    assert_same_rows("cut", "whole")


def test_a_damaged_checkpoint_is_named_and_the_one_before_used(whole: dict[str, object], train: Command) -> None:
    assert train(*TINY, "--iterations", "4", "--out", "cut", "--set", "run.checkpoint_every=2", "-q").code == 0
    for path in Path("cut/checkpoints/4").rglob("*"):
        if path.is_file() and path.stat().st_size > 100:
            content = bytearray(path.read_bytes())
            content[len(content) // 2] ^= 1
            path.write_bytes(content)
    resumed = train("--resume", "cut", "--iterations", "5", "--json")
    assert "damaged" in resumed.err
    assert resumed.json["parameters_digest"] == whole["parameters_digest"]


def test_with_no_whole_checkpoint_left_the_exit_code_is_4(train: Command) -> None:
    assert train(*TINY, "--iterations", "1", "--out", "cut", "-q").code == 0
    next(path for path in Path("cut/checkpoints/1").rglob("*") if path.is_file() and path.stat().st_size > 50).unlink()
    result = train("--resume", "cut", "--iterations", "2")
    assert (result.code, "damaged" in result.err) == (4, True)


def test_a_finished_run_prints_its_summary_again(whole: dict[str, object], train: Command, coalactl: Command) -> None:
    again = train("--resume", "whole")
    assert (again.code, "reward a step" in again.out, "finished already" in again.err) == (0, True, True)
    assert train("--resume", "whole", "--json").json == whole
    shown = coalactl("runs", "show", "whole")
    assert (shown.code, "reward a step" in shown.out) == (0, True)
    listed = coalactl("runs", "ls", ".", "--json").json
    assert [(row["run_dir"], row["status"], row["progress"]) for row in listed] == [("whole", "finished", "5/5")]
    assert "5/5" in coalactl("runs", "ls", ".").out
    assert coalactl("runs", "show", "whole", "--json").json["steps"] == whole["steps"]


def test_a_run_that_exists_or_differs_is_refused_with_3(whole: dict[str, object], train: Command) -> None:
    exists = train(*TINY, "--out", "whole")
    assert (exists.code, "--resume" in exists.err) == (3, True)
    other = train("--resume", "whole", "--method", "m-fos", "--set", "meta.clip=0.1")
    assert other.code == 3
    assert "meta.method" in other.err
    assert "meta.clip" in other.err
    assert len(other.err.splitlines()) == 1
    assert train("--resume", "whole", "--seed", "4").code == 3
    assert train("ipd-mixed", "--resume", "whole").code == 3
    assert train("ipd-shaping-quick", *TINY, "--resume", "whole", "-q").code == 0
    with RunDirectory("whole").lock():
        held = train("--resume", "whole", "--iterations", "6")
    assert held.code == 3


def test_fewer_iterations_than_done_are_refused(whole: dict[str, object], train: Command) -> None:
    result = train("--resume", "whole", "--iterations", "3")
    assert (result.code, "run.iterations" in result.err) == (2, True)
    assert RunDirectory("whole").read_config()["run"]["iterations"] == 5


@pytest.mark.long
def test_a_pack_goes_on_from_the_newest_common_checkpoint(train: Command) -> None:
    arguments = [*TINY, "--seeds", "2", "--set", "run.checkpoint_every=1"]
    packed = train(*arguments, "--iterations", "3", "--out", "pack", "--json").json
    run = RunDirectory("pack/seed-1")
    (run.manifests_dir / "3.json").unlink()  # as if killed while saving the second run
    for seed in (0, 1):
        each = RunDirectory(f"pack/seed-{seed}")
        each.write_status(each.read_status()._replace(state="running"))
    assert (
        train("--resume", "pack", "--json").json["runs"][1]["parameters_digest"]
        == (packed["runs"][1]["parameters_digest"])
    )
    assert "resumed at iteration 2" in RunDirectory("pack/seed-0").log_file.read_text()


def test_an_unfinished_run_goes_on_to_the_end_that_it_was_given(train: Command, coalactl: Command) -> None:
    assert train(*TINY, "--iterations", "1", "--out", "part", "-q").code == 0
    assert "train on:    coalactl train --resume part --iterations 2\n" in coalactl("runs", "show", "part").out
    config = RunDirectory("part").read_config()
    config["run"]["iterations"] = 9
    RunDirectory("part").write_config(config)
    assert "train on:    coalactl train --resume part\n" in coalactl("runs", "show", "part").out
