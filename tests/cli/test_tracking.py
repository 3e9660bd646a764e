"""What trackers are told, that nothing is told twice, and that none of them ends a training."""

from __future__ import annotations

import json
import math
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd
import pytest
from command_line import Command, assert_one_line
from processes import SMALL, assert_same_rows, start
from sweeps import write_sweep
from trackers import READERS, in_tensorboard, mlflow_run, wandb_records, when_all_is_told

from coalactl.runs.directory import RunDirectory
from coalactl.runs.metric_files import MetricFiles, read_metrics
from coalactl.tracking import telling
from coalactl.tracking.contract import Row, TrackedRun
from coalactl.tracking.rows import rows_between

RUN = ["-q", *SMALL, "--set", "run.checkpoint_every=2"]
OWN = f"{__name__}:Recorder"


class Recorder:
    """A tracker of another package: keeps what it is told, and does in ``log`` what a test wants."""

    opened: ClassVar[list[Recorder]] = []
    fails = staticmethod(lambda: None)

    def __init__(self, run: TrackedRun) -> None:
        self.run, self.first = run, run.told
        self.rows: list[Row] = []
        self.ends: list[tuple[str, Row | None]] = []
        self.opened.append(self)

    def log(self, rows: Sequence[Row]) -> None:
        self.fails()
        self.rows += rows

    def close(self, state: str, final: Row | None) -> None:
        self.ends.append((state, final))


@pytest.fixture(autouse=True)
def _recorder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Recorder, "opened", [])
    monkeypatch.setattr(telling, "PATIENCE", 300.0)
    for variable in ("WANDB_MODE", "WANDB_PROJECT", "MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME"):
        monkeypatch.delenv(variable, raising=False)


def iterations_told() -> list[list[int]]:
    """Those that each opened tracker was told."""
    return [[row.iteration for row in each.rows] for each in Recorder.opened]


def fail_with(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def fails() -> None:
        raise error

    monkeypatch.setattr(Recorder, "fails", staticmethod(fails))


# --- what is told ---------------------------------------------------------------------------------------------------


def test_the_rows_of_the_metric_files_are_told_with_the_configuration(train: Command) -> None:
    assert train(*RUN, "--iterations", "3", "--out", "run", "--track", OWN).code == 0
    (told,) = Recorder.opened
    assert (told.run.name, told.run.group, told.run.folder) == ("run", "", Path("run/tracking") / OWN)
    assert told.run.config["rollout.meta_batch_size"] == 2
    assert told.run.tags["method"] == "coala-pg"
    rows = read_metrics(RunDirectory("run"))
    assert [row.iteration for row in told.rows] == rows["iteration"].tolist()
    for row, (_, expected) in zip(told.rows, rows.iterrows(), strict=True):
        assert row.values["reward_vs_naive/mean"] == expected["reward_vs_naive"]
        assert row.values["steps"] == expected["steps"]
        measures = {name.removesuffix("/mean") for name in row.values}
        assert measures == {name for name in rows.columns if math.isfinite(expected[name])} - {"iteration", "agent"}
    ((state, final),) = told.ends
    assert (state, final and final.iteration) == ("finished", 3)
    assert final.values["final/reward_vs_naive"] == pytest.approx(rows["reward_vs_naive"].iloc[-1])


@pytest.mark.long
def test_a_resume_goes_on_with_the_tracker_and_tells_no_row_twice(train: Command) -> None:
    assert train(*RUN, "--iterations", "3", "--out", "run", "--track", OWN).code == 0
    assert train("-q", "--resume", "run", "--iterations", "5").code == 0
    assert iterations_told() == [[0, 1, 2], [3, 4]]
    assert len({each.run.id for each in Recorder.opened}) == 1
    assert train("-q", "--resume", "run").code == 0
    assert len(Recorder.opened) == 2  # nothing is left to tell
    assert train("-q", "--resume", "run", "--iterations", "6", "--track", "none").code == 0
    assert train("-q", "--resume", "run", "--iterations", "7").code == 0
    assert len(Recorder.opened) == 2
    assert train("-q", "--resume", "run", "--track", OWN).code == 0  # finished, and told what it missed
    assert iterations_told()[2] == [5, 6]
    assert not any("tracking" in file.read_text() for file in (Path("run/config.toml"), Path("run/status.json")))


@pytest.mark.long
def test_a_pack_has_a_tracker_for_each_seed(train: Command) -> None:
    assert train(*RUN, "--iterations", "2", "--seeds", "2", "--out", "pack", "--track", OWN).code == 0
    assert [(each.run.name, each.run.group) for each in Recorder.opened] == [
        ("pack/seed-0", "pack"),
        ("pack/seed-1", "pack"),
    ]
    assert [each.run.tags["seed"] for each in Recorder.opened] == ["0", "1"]
    assert iterations_told() == [[0, 1], [0, 1]]
    assert train("-q", "--resume", "pack", "--iterations", "3").code == 0
    assert iterations_told()[2:] == [[2], [2]]


@pytest.mark.long
def test_each_run_of_a_sweep_is_told(sweep: Command) -> None:
    smaller = ["--set", "meta.method=coala-pg", "--set", "selection.seeds=[0]", "--set", "final.seeds=[7]"]
    assert sweep(write_sweep(iterations=2), *smaller, "--out", "sweep", "--track", OWN, "-q").code == 0
    runs = sorted(path.parent for path in Path("sweep").rglob("config.toml"))
    folders = [each.run.folder.parent.parent for each in Recorder.opened]
    assert sorted(folders) == runs
    assert all(steps == list(range(len(steps))) and steps for steps in iterations_told())


def test_several_agents_and_several_seeds_have_names_of_their_own(tmp_path: Path) -> None:
    def told(**columns: list[Any]) -> dict[str, float]:
        run = RunDirectory.create(tmp_path / str(len(columns)), {}, {})
        frame = pd.DataFrame({"iteration": 0, "seconds": 2.0, **columns})
        files = MetricFiles(run)
        files.append(frame, frame[:0])
        files.flush()
        (row,) = rows_between(run, 0, 1, 10.0)
        assert row.time == 12.0
        return dict(row.values)

    nan = float("nan")
    assert told(agent=[0, 1], reward=[1.0, 3.0], kl=[nan, nan], loss=[nan, 5.0]) == {
        "seconds": 2.0,
        "reward/mean": 2.0,
        "reward/agent-0": 1.0,
        "reward/agent-1": 3.0,
        "loss/mean": 5.0,
        "loss/agent-1": 5.0,
    }
    assert told(agent=[0, 1] * 3, seed=[1, 1, 2, 2, 3, 3], reward=[0.0, 2.0, 3.0, 3.0, 9.0, 9.0]) == {
        "seconds": 2.0,
        "reward/median": 3.0,
        "reward/quartile-1": 2.0,
        "reward/quartile-3": 6.0,
    }


# --- a tracker that fails -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), SystemExit(1)], ids=["raises", "exits"])
def test_a_tracker_that_fails_is_told_once_and_ends_no_training(
    train: Command, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    assert train(*RUN, "--iterations", "6", "--out", "alone").code == 0
    with monkeypatch.context() as failing:
        fail_with(failing, error)
        result = train(*RUN[1:], "--iterations", "6", "--out", "run", "--track", OWN)
    assert result.code == 0
    told = [line for line in result.err.splitlines() if line.startswith(f"--track {OWN}: {type(error).__name__}")]
    assert len(told) == 1
    assert told[0] in Path("run/log.txt").read_text()
    assert_same_rows("alone", "run")
    assert train("-q", "--resume", "run").code == 0  # it is finished, and told what it missed
    assert iterations_told() == [[], [0, 1, 2, 3, 4, 5]]


def test_a_tracker_that_hangs_is_given_up(train: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telling, "PATIENCE", 0.2)
    monkeypatch.setattr(Recorder, "fails", staticmethod(lambda: time.sleep(2)))
    result = train(*RUN[1:], "--iterations", "2", "--out", "run", "--track", OWN)
    assert (result.code, f"--track {OWN}: no answer within 0.2 seconds" in result.err) == (0, True)
    assert json.loads(Path("run/tracking", OWN, "mark.json").read_text())["told"] == 0
    when_all_is_told(OWN)  # later it would be marked in the folder of another test


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["tensorbord"], ("--track: 'tensorbord' is unknown", "did you mean 'tensorboard'?", "mlflow, ")),
        (["none", "wandb"], ("--track none: it does not go with other trackers",)),
        ([f"{__name__}:RUN"], ("is a list; a callable that opens a tracker is expected",)),
        (["no_such_module:Tracker"], ("cannot be loaded: ModuleNotFoundError",)),
    ],
)
@pytest.mark.parametrize("command", ["train", "sweep"])
def test_a_wrong_name_is_told_before_there_is_a_run(
    coalactl: Command, command: str, names: list[str], words: tuple[str, ...]
) -> None:
    options = [word for name in names for word in ("--track", name)]
    assert_one_line(coalactl(command, "--out", "run", *options), *words)
    assert not Path("run").exists()


@pytest.mark.parametrize("name", ["tensorboard", "wandb", "mlflow"])
def test_what_is_not_installed_is_told_with_the_extra(
    coalactl: Command, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delitem(sys.modules, f"coalactl.tracking.to_{name}", raising=False)
    result = coalactl("train", "ipd-shaping-quick", "--out", "run", "--track", name)
    assert_one_line(result, f"--track {name}: ", f'is not installed; pip install "coalactl[{name}]"')
    assert not Path("run").exists()


# --- the packages themselves ----------------------------------------------------------------------------------------


def expected(run: str) -> dict[str, list[tuple[int, float]]]:
    """What a tracker should have been told of a finished run with one agent."""
    rows = read_metrics(RunDirectory(run))
    told = {}
    for name in [name for name in rows.columns if name not in ("iteration", "agent")]:
        kept = rows[rows[name].notna()]
        key = name if name in ("steps", "seconds") else f"{name}/mean"
        told[key] = list(zip(kept["iteration"].tolist(), kept[name].astype(float).tolist(), strict=True))
    return {name: values for name, values in told.items() if values}


def assert_told_once(name: str, run: str) -> None:
    told = {key: values for key, values in READERS[name](Path(run)).items() if not key.startswith("final/")}
    wanted = expected(run)
    assert told.keys() == wanted.keys()
    for key, values in wanted.items():
        assert [step for step, _ in told[key]] == [step for step, _ in values], key
        assert [value for _, value in told[key]] == pytest.approx([value for _, value in values], rel=1e-6), key


@pytest.mark.filterwarnings("default")  # These packages warn of their own dependencies.
@pytest.mark.parametrize("name", ["tensorboard", "wandb", "mlflow"])
@pytest.mark.long
def test_killed_after_it_was_told_and_resumed_no_step_stands_twice(train: Command, name: str) -> None:
    pytest.importorskip(name)
    options = ["--iterations", "8", "--out", "cut", "--track", name]
    process = start("train", *SMALL, *options, "--set", "run.checkpoint_every=2", dying_at="mark", nth=3)
    assert process.communicate(timeout=300)
    assert process.returncode == -signal.SIGKILL
    mark = json.loads(Path(f"cut/tracking/{name}/mark.json").read_text())
    assert mark["told"] == 2  # and the next rows have been told, too
    Path("cut").rename("moved")
    result = train("--resume", "moved")
    assert result.code == 0
    assert "--track" not in result.err
    assert_told_once(name, "moved")


def test_tensorboard_shows_the_configuration_and_the_end(train: Command) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams import metadata

    assert train(*RUN, "--iterations", "3", "--seeds", "2", "--out", "pack", "--track", "tensorboard").code == 0
    assert_told_once("tensorboard", "pack/seed-0")
    assert in_tensorboard(Path("pack/seed-1"))["final/reward_vs_naive"][0][0] == 3
    read = EventAccumulator("pack/seed-1/tracking/tensorboard")
    read.Reload()
    content = read.SummaryMetadata(metadata.SESSION_START_INFO_TAG).plugin_data.content
    shown = metadata.parse_session_start_info_plugin_data(content).hparams
    assert shown["run.seed"].number_value == 1
    assert shown["method"].string_value == "coala-pg"
    assert metadata.SESSION_END_INFO_TAG in read.PluginTagToContent(metadata.PLUGIN_NAME)


def test_wandb_is_offline_and_groups_a_pack(train: Command) -> None:
    pytest.importorskip("wandb")
    options = ["--seeds", "2", "--out", "pack", "--track", "wandb"]
    assert train(*RUN, "--iterations", "2", *options).code == 0
    for seed in (0, 1):
        assert_told_once("wandb", f"pack/seed-{seed}")
        records = list(wandb_records(Path(f"pack/seed-{seed}")))
        (run,) = (record.run for record in records if record.WhichOneof("record_type") == "run")
        assert (run.display_name, run.run_group, run.project) == (f"pack/seed-{seed}", "pack", "coalactl")
        config = {item.key: json.loads(item.value_json) for item in run.config.update}
        assert config["run.seed"] == seed
        assert "final/reward_vs_naive" in str(records)


@pytest.mark.filterwarnings("default")
def test_mlflow_has_one_store_for_a_pack(train: Command) -> None:
    pytest.importorskip("mlflow")
    options = ["--seeds", "2", "--out", "pack", "--track", "mlflow"]
    assert train(*RUN, "--iterations", "2", *options).code == 0
    for seed in (0, 1):
        assert_told_once("mlflow", f"pack/seed-{seed}")
        _, found = mlflow_run(Path(f"pack/seed-{seed}"))
        assert (found.info.status, found.data.params["run.seed"]) == ("FINISHED", str(seed))
        assert (found.data.tags["group"], found.info.run_name) == ("pack", f"pack/seed-{seed}")
        assert "final/reward_vs_naive" in found.data.metrics
    assert not list(Path("pack").glob("seed-*/tracking/mlflow/mlflow.db"))
