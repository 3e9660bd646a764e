"""Sweeps as a user runs them: folders, packing, selection, failures, exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tomli_w
from command_line import Command
from processes import rows_of
from sweeps import ITERATIONS, assert_every_trial_is_done_once, packs_of, plan_small, same_rows, write_sweep

from coalactl.errors import ExitCode, UserError
from coalactl.runs.directory import RunDirectory
from coalactl.runs.finding import find_runs
from coalactl.runs.metric_files import read_metrics
from coalactl.sweep import packing, selection
from coalactl.sweep.folder import SweepFolder
from coalactl.sweep.plan import plan
from coalactl.sweep.selection import Result, choose

SMALLER = ["--set", "meta.method=coala-pg", "--set", "selection.seeds=[0]", "--set", "final.seeds=[7]"]


def mean_of(run: RunDirectory) -> float:
    """Of the last tenth of three iterations: the last one."""
    rows = read_metrics(run)
    return float(rows[rows["iteration"] == ITERATIONS - 1]["reward_vs_naive"].mean())


def test_a_sweep_trains_chooses_and_runs_the_choice_on_fresh_seeds(sweep: Command) -> None:
    result = sweep(write_sweep(), "--out", "out", "--json")
    assert result.code == 0, result.err
    assert_every_trial_is_done_once("out")
    packs, chosen_ones = packs_of("out"), json.loads(Path("out/selection.json").read_text())
    table = pd.read_csv("out/trials.csv").set_index("trial")
    means: dict[str, dict[str, float]] = {}
    for place, pack in packs.items():
        values = [mean_of(run) for run in pack.runs]
        if place.startswith("trials/"):
            name = place.partition("/")[2]
            assert table.loc[name, ["seed_0", "seed_1", "mean"]].tolist() == pytest.approx([*values, np.mean(values)])
            means.setdefault(name.rpartition("-")[0], {})[name] = float(np.mean(values))
    for method, by_trial in means.items():
        best = max(by_trial, key=lambda name: by_trial[name])
        assert chosen_ones[method]["trial"] == best == result.json["selection"][method]["trial"]
        assert chosen_ones[method]["mean"] == pytest.approx(by_trial[best])
        final, chosen = packs[f"final/{method}"].runs[0].read_config(), packs[f"trials/{best}"].runs[0].read_config()
        assert {**final, "run": {**final["run"], "seed": 0}} == chosen
        assert result.json["final"][method]["mean"] == pytest.approx(
            np.mean([mean_of(run) for run in packs[f"final/{method}"].runs])
        )
    assert len(find_runs("out")) == 12
    assert all(len(run.read_provenance()["attempts"]) == 1 for run in find_runs("out"))


@pytest.mark.long
def test_a_trial_is_the_same_packed_and_alone(sweep: Command, train: Command) -> None:
    """Two iterations, up to the last bit: on a CPU the runs of a program are computed one after the other."""
    assert sweep(write_sweep(iterations=2), "--out", "out", "-q").code == 0
    for trial in plan(SweepFolder.open("out").read_sweep())[:4:3]:
        file = f"out/trials/{trial.id}/seed-1/config.toml"
        assert train(file, "--out", f"alone-{trial.id}", "-q").code == 0
        for alone, packed in zip(rows_of(f"alone-{trial.id}"), rows_of(f"out/trials/{trial.id}/seed-1"), strict=True):
            pd.testing.assert_frame_equal(alone, packed, rtol=1e-6)


@pytest.mark.long
def test_trials_of_one_program_train_together(sweep: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    trained: list[list[str]] = []
    train = packing.Program.train

    def noting(self: Any, jobs: Any, *rest: Any) -> Any:
        trained.append([job.name for job in jobs])
        return train(self, jobs, *rest)

    monkeypatch.setattr(packing.Program, "train", noting)
    file = write_sweep(meta__learning_rate=[1e-2, 1e-3], meta__clip=[0.1, {"0": 0.1, "1": 0.2, "2": 0.3, "3": 0.4}])
    assert sweep(file, "--out", "out", *SMALLER).code == 0
    # A schedule of more points than the preset's has another shape; the final runs of one method are one trial.
    assert sorted(map(len, trained)) == [1, 2, 2]
    trained.clear()
    monkeypatch.setattr(packing, "_STEPS_TOGETHER_ON_CPU", 16)  # one run of 16 steps
    assert sweep(write_sweep(), "--out", "chunks", *SMALLER).code == 0
    assert list(map(len, trained)) == [1, 1, 1]


@pytest.mark.long
def test_an_analytical_run_holds_all_its_seeds(sweep: Command) -> None:
    content = {
        "preset": "analytical-extortion",
        "axes": {"meta.learning_rate": [0.01]},
        "selection": {"metric": "reward_in_pool", "seeds": [0]},
        "final": {"seeds": [100]},
        "set": {"run.iterations": 2, "run.seeds": 3, "naive.learners": 2, "naive.steps": 2, "run.evaluate_every": 1},
    }
    Path("exact.toml").write_text(tomli_w.dumps(content))
    result = sweep("exact.toml", "--out", "out", "--json")
    assert result.code == 0, result.err
    assert list(result.json["selection"]["shaping"]["per_seed"]) == ["0"]
    assert sorted(read_metrics(RunDirectory("out/final/shaping/seed-100"))["seed"].unique()) == [100, 101, 102]
    overlapping = sweep("exact.toml", "--out", "no", "--set", "final.seeds=[2]")
    assert (overlapping.code, "seed 2 is among the seeds of the selection" in overlapping.err) == (2, True)


def test_a_finished_sweep_is_not_run_again_and_what_is_derived_is_remade(sweep: Command) -> None:
    assert sweep(write_sweep(), "--out", "out", *SMALLER, "-q").code == 0
    derived = {name: Path("out", name).read_text() for name in ("trials.csv", "selection.json")}
    times = {run.path: run.status_file.stat().st_mtime_ns for run in find_runs("out")}
    for name in derived:
        Path("out", name).unlink()
    first = sweep("--resume", "out", "--json")
    assert first.code == 0
    assert {name: Path("out", name).read_text() for name in derived} == derived
    assert {run.path: run.status_file.stat().st_mtime_ns for run in find_runs("out")} == times
    told = sweep("--resume", "out")
    assert "coala-pg" in told.out
    assert "selection" in told.out


def test_a_sweep_can_be_moved_and_extended_by_hand(sweep: Command, train: Command) -> None:
    assert sweep(write_sweep(), "--out", "out", *SMALLER, "-q").code == 0
    Path("out").rename("moved")
    assert sweep("--resume", "moved", "-q").code == 0
    assert train("--resume", next(Path("moved/trials").iterdir()), "-q").code == 0


@pytest.mark.long
def test_runs_that_diverge_are_named_and_the_others_go_on(sweep: Command) -> None:
    file = write_sweep(meta__learning_rate=[1e-3, 1e38, 1e-2], meta__max_grad_norm=[float("inf")])
    result = sweep(file, "--out", "out", *SMALLER)
    assert result.code == ExitCode.FAILED
    assert "1 failed: coala-pg-" in result.err
    assert "diverged: seed 0" in result.err
    table = pd.read_csv("out/trials.csv")
    assert table["state"].tolist() == ["finished", "failed", "finished"]
    assert table["mean"].isna().tolist() == [False, True, False]
    assert Path("out/final/coala-pg/seed-7/config.toml").exists()
    (record,) = Path("out/failures").glob("*.json")
    assert json.loads(record.read_text())["kind"] == "diverged"
    record.unlink()  # The run directory says so as well.
    again = sweep("--resume", "out", "--json")
    assert again.code == ExitCode.FAILED
    assert [each["kind"] for each in again.json["failures"].values()] == ["diverged"]


def failing(monkeypatch: pytest.MonkeyPatch, *, at: set[int], error: Exception) -> list[str]:
    """Lets training fail where it includes one of the trials at these places of the plan, until the set is cleared.

    Gives the names of those that were tried alone.
    """
    tried: list[str] = []
    train = packing.Program.train

    def failing_one(self: Any, jobs: Any, *rest: Any) -> Any:
        ids = [trial.id for trial in plan(SweepFolder.open("out").read_sweep())]
        tried.extend(job.name for job in jobs if len(jobs) == 1)
        if {ids[place] for place in at} & {job.name for job in jobs}:
            raise error
        return train(self, jobs, *rest)

    monkeypatch.setattr(packing.Program, "train", failing_one)
    return tried


@pytest.mark.long
def test_a_batch_that_fails_is_halved_until_the_failing_trial_is_alone(
    sweep: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = {1}
    failing(monkeypatch, at=at, error=RuntimeError("RESOURCE_EXHAUSTED: too much\nof it"))
    result = sweep(write_sweep(), "--out", "out")
    assert result.code == ExitCode.FAILED
    table = pd.read_csv("out/trials.csv", keep_default_na=False)
    assert table["state"].tolist() == ["finished", "failed", "finished", "finished"]
    assert table["reason"].tolist() == ["", "RuntimeError: RESOURCE_EXHAUSTED: too much of it", "", ""]
    assert f"1 failed: {table['trial'][1]} (RuntimeError" in result.err
    assert {place for place in packs_of("out") if place.startswith("final")} == {
        "final/coala-pg",
        "final/batch-unaware",
    }
    at.clear()
    assert sweep("--resume", "out", "-q").code == 0  # What failed is tried again.
    assert_every_trial_is_done_once("out")


@pytest.mark.slow
def test_final_runs_of_another_choice_are_put_aside(sweep: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    assert sweep(write_sweep(), "--out", "whole", "--json").code == 0
    ids = [trial.id for trial in plan(SweepFolder.open("whole").read_sweep())]
    best = json.loads(Path("whole/selection.json").read_text())["coala-pg"]["trial"]
    at = {ids.index(best)}
    failing(monkeypatch, at=at, error=RuntimeError("no"))
    assert sweep(write_sweep(), "--out", "out").code == ExitCode.FAILED
    at.clear()
    assert sweep("--resume", "out", "-q").code == 0
    assert_every_trial_is_done_once("out")
    assert same_rows("out", "whole")
    (aside,) = Path("out/superseded").iterdir()
    assert aside.name.rpartition("-")[0] in set(ids) - {best}


def test_three_failures_of_a_kind_in_a_row_stop_the_sweep(sweep: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    tried = failing(monkeypatch, at={0, 1, 2, 3}, error=RuntimeError("no"))
    result = sweep(write_sweep(), "--out", "out")
    assert result.code == ExitCode.FAILED
    assert "3 failures of the same kind in a row, the last" in result.err
    assert len(tried) == 3
    assert not Path("out/selection.json").exists()
    assert list(Path("out/claims").glob("*.json")) == []


def test_failures_of_other_kinds_or_with_successes_between_do_not_stop_it(
    sweep: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = failing(monkeypatch, at={0, 1, 3}, error=UserError("no"))
    result = sweep(write_sweep(), "--out", "out")
    assert result.code == ExitCode.FAILED
    assert len(tried) >= 4
    assert "3 failed: " in result.err


def test_a_trial_without_the_metric_is_named(sweep: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection, "value_of", lambda *_: None)
    result = sweep(write_sweep(), "--out", "out", *SMALLER)
    assert result.code == ExitCode.FAILED
    assert "2 failed: coala-pg-" in result.err
    assert "reward_vs_naive has no value in the last tenth of its iterations" in result.err


@pytest.mark.long
def test_a_full_disk_ends_the_sweep_at_once(sweep: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    at = {0}
    failing(monkeypatch, at=at, error=UserError("writing failed", ExitCode.WRITE_FAILED))
    assert sweep(write_sweep(), "--out", "out").code == ExitCode.WRITE_FAILED
    assert list(Path("out/failures").iterdir()) == []
    at.clear()
    assert sweep("--resume", "out", "-q").code == 0


# --- selection on hand-made metrics -----------------------------------------------------------------------------------


def results(*means: tuple[int, list[float | None]]) -> list[Result]:
    """Results of the trials at these places of a plan of four: two methods, two rates."""
    trials = plan(SweepFolder.open("plan").read_sweep())
    return [
        Result(trials[place], "finished", dict(enumerate(values))) if values else Result(trials[place], "failed", {})
        for place, values in means
    ]


@pytest.fixture
def _planned() -> None:
    plan_small()


@pytest.mark.usefixtures("_planned")
def test_the_choice_is_by_the_mean_over_seeds_of_each_method() -> None:
    given = results((0, [0.1, 0.9]), (1, [0.6, 0.5]), (2, [1.0, 1.0]), (3, [1.0, 1.1]))
    assert {method: result.trial for method, result in choose(given, "max").items()} == {
        "coala-pg": given[1].trial,
        "batch-unaware": given[3].trial,
    }
    assert list(choose(given, "min").values()) == [given[0], given[2]]


@pytest.mark.usefixtures("_planned")
def test_the_first_of_equals_is_chosen_and_none_that_lacks_a_seed() -> None:
    given = results((0, [0.5, 0.5]), (1, [0.5, 0.5]), (2, [9.0, None]), (3, []))
    assert choose(given, "max") == {"coala-pg": given[0]}
    given = results((2, [9.0, float("nan")]), (3, [0.1, 0.1]))
    assert choose(given, "max") == {"batch-unaware": given[1]}


@pytest.mark.long
def test_without_final_runs_a_sweep_ends_with_its_trials(sweep: Command, coalactl: Command) -> None:
    told = coalactl("sweep", write_sweep(final=False), "--dry-run", "--json").json
    assert (told["selection_runs"], told["final_runs"]) == (8, 0)
    result = sweep(write_sweep(final=False), "--out", "out", "--json")
    assert (result.code, result.json["final"]) == (0, {})
    assert {job["state"] for job in result.json["trials"]} == {"finished"}
    assert len(find_runs("out")) == 8
    assert list(Path("out/final").iterdir()) == []
    shown = sweep("--resume", "out").out
    assert "each seed" in shown
    assert "final" not in shown
    assert len(find_runs("out")) == 8
