"""Reports on much: what is read of runs, how often, and how large the page becomes."""

from __future__ import annotations

import base64
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from command_line import Command
from report_runs import ITERATIONS, analytical_run, build, sequence_pack

from coalactl.report.figures import thinned
from coalactl.report.finished import Run
from coalactl.runs.directory import RunDirectory
from coalactl.runs.metric_files import MetricFiles, read_episodes, read_metrics
from coalactl.summary import last_rows

LONG = 5000


def long_run(path: Path) -> RunDirectory:
    """One of many iterations, written in four parts; the reward is the iteration."""
    sequence_pack(path, "coala-pg", {0: {"reward_vs_naive": 0.0}}, **{"run.iterations": LONG})
    run = RunDirectory(path / "seed-0")
    for file in (*run.metrics_dir.iterdir(), *run.episodes_dir.iterdir()):
        file.unlink()
    files = MetricFiles(run)
    for iterations in np.split(np.arange(LONG), 4):
        rows = pd.DataFrame({"iteration": iterations, "agent": 0, "reward_vs_naive": iterations.astype(float)})
        rows["coplayer_reward_vs_naive"] = np.nan
        cell = {"agent": 0, "opponent": "naive", "inner_episode": 0, "metric": "defection", "value": rows["iteration"]}
        files.append(rows, pd.DataFrame({"iteration": iterations, **cell}))
        files.flush()
    run.write_status(run.read_status()._replace(iteration=LONG, iterations=LONG))
    return run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    return long_run(tmp_path_factory.mktemp("long") / "pack")


def test_the_page_of_long_runs_is_small(coalactl: Command, run: RunDirectory) -> None:
    assert coalactl("report", run.path, "--format", "csv", "--format", "svg").code == 0
    (figure,) = Path("report/figures").glob("fig-5a-*.csv")
    drawn = pd.read_csv(figure)
    assert len(drawn) == 600
    # Thinned after it was smoothed: the mean of 125 iterations around each, both ends kept.
    assert drawn["x"].iloc[[0, -1]].tolist() == [0, LONG - 1]
    middle = drawn[(drawn["x"] > 100) & (drawn["x"] < LONG - 100)]
    assert middle["estimate"].to_numpy() == pytest.approx(middle["x"].to_numpy())
    page = Path("report/index.html").read_text()
    images = re.findall(r"base64,([^\"]+)", page)
    assert images
    assert max(len(base64.b64decode(image)) for image in images) < 200_000
    assert coalactl("report", "--check", "report").code == 0


def test_a_figure_has_as_many_points_as_it_can_show() -> None:
    rows = pd.DataFrame({0: np.arange(100_000.0)})
    found = thinned(rows)
    assert len(found) == 600
    assert np.diff(found.index).max() - np.diff(found.index).min() <= 1
    assert thinned(rows[:600]).equals(rows[:600])


def test_of_episodes_only_what_is_shown_is_read(run: RunDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = read_episodes(run)
    read: list[Path] = []
    file = pq.ParquetFile
    monkeypatch.setattr(pq, "ParquetFile", lambda path, **options: read.append(path) or file(path, **options))
    (setting,) = build([run.path]).settings
    (group,) = setting.groups.values()
    assert group.within("defection").loc[0, 0] == rows[rows["iteration"] >= LONG * 0.9]["value"].mean()
    told = [path.name.partition("-")[0] for path in read if path.parent.name == "episodes"]
    assert told == [f"{3 * LONG // 4:09d}"]
    read.clear()
    assert group.within("defection", untrained=True).loc[0, 0] == 0
    assert [path.name.partition("-")[0] for path in read] == [f"{0:09d}"]


def test_rows_are_read_as_far_as_they_are_asked_for(run: RunDirectory) -> None:
    rows = read_episodes(run)
    asked = read_episodes(run, 1000, 2600)
    assert asked.equals(rows[(rows["iteration"] >= 1000) & (rows["iteration"] < 2600)].reset_index(drop=True))
    assert list(read_metrics(run, ("reward_vs_naive", "none").__contains__)) == [
        "iteration",
        "agent",
        "reward_vs_naive",
    ]


def test_every_metric_file_is_read_once_but_for_curves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for place in range(6):
        values = {"meta.learning_rate": 0.001 * (1 + place)}
        sequence_pack(tmp_path / str(place), "coala-pg", {0: {"reward_vs_naive": 0.5}, 1: {}}, **values)
    read: list[object] = []
    file = pq.ParquetFile
    monkeypatch.setattr(pq, "ParquetFile", lambda path, **options: read.append(path) or file(path, **options))
    build([tmp_path])
    times = Counter(path for path in read if "metrics" in str(path))
    assert len(times) == 12
    # Curves are those of one of the six values, which has two seeds.
    assert sorted(times.values())[:10] == [1] * 10


@pytest.mark.parametrize("kind", ["sequence", "analytical"])
def test_the_ends_of_a_run_are_what_its_summary_tells(tmp_path: Path, kind: str) -> None:
    """Against pandas, with measures that are missing at times or always, and rows in which all of them are."""
    if kind == "sequence":
        path = sequence_pack(tmp_path / "p", "coala-pg", {3: {"reward_vs_naive": 0.5, "other": 1.0}}) / "seed-3"
    else:
        path = analytical_run(
            tmp_path / "a", [{"reward_vs_naive": 0.1 * seed, "zd_chi": 2.0} for seed in range(3)], "x"
        )
    directory = RunDirectory(path)
    rows = read_metrics(directory)
    rows["defection_vs_naive"], rows["coplayer_reward_vs_naive"] = np.where(rows.index % 2, rows.index, np.nan), np.nan
    measures = [name for name in rows if "_vs_" in name or name == "zd_chi"]
    rows.loc[rows["iteration"] == ITERATIONS - 1, measures] = np.nan
    for part in directory.metrics_dir.iterdir():
        part.unlink()
    files = MetricFiles(directory)
    files.append(rows, rows.iloc[:0])
    files.flush()
    made = Run("r", directory, directory.read_config(), {}, directory.read_status())
    seeded = rows if "seed" in rows else rows.assign(seed=3)
    for found, chosen in (
        (made.final, last_rows(seeded, ITERATIONS)),
        (made.untrained, seeded[seeded["iteration"] == 0]),
    ):
        pd.testing.assert_frame_equal(found, chosen.groupby("seed")[measures].mean(), check_index_type=False)
    assert made.final["reward_vs_naive"].notna().all()
