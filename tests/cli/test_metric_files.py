"""No row is lost or doubled, whenever the writer dies; parts are ordinary Parquet files."""

from __future__ import annotations

import itertools
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from coalactl.errors import ExitCode, UserError
from coalactl.runs.directory import RunDirectory
from coalactl.runs.metric_files import MetricFiles, read_episodes, read_metrics
from coalactl.runs.parts import missing_parts, parts_in

AGENTS = 2


class Killed(BaseException):
    """Stands for a kill: nothing after it runs."""


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    return RunDirectory.create(tmp_path / "run", {"run": {"iterations": 9}}, {})


def metric_rows(start: int, end: int) -> pd.DataFrame:
    pairs = np.array(list(itertools.product(range(start, end), range(AGENTS))), np.int64).reshape(-1, 2)
    reward = np.sin(pairs[:, 0] + pairs[:, 1] / 7).astype(np.float32)
    columns: dict[str, Any] = {"iteration": pairs[:, 0], "agent": pairs[:, 1], "reward_vs_naive": reward}
    columns |= {"reward_vs_meta": np.full(len(pairs), np.nan, np.float32), "seconds": pairs[:, 0] * 0.1}
    return pd.DataFrame(columns)


def episode_rows(start: int, end: int) -> pd.DataFrame:
    keys = itertools.product(range(start, end), range(AGENTS), ("naive", "meta"), range(3))
    rows = pd.DataFrame(list(keys), columns=["iteration", "agent", "kind", "inner_episode"])
    return rows.assign(metric="reward", value=np.cos(rows["iteration"] + rows["inner_episode"]))


def write_parts(run: RunDirectory, bounds: list[int]) -> MetricFiles:
    files = MetricFiles(run)
    for start, end in itertools.pairwise(bounds):
        files.append(metric_rows(start, end), episode_rows(start, end))
        files.flush()
    return files


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def expect_iterations(run: RunDirectory, count: int) -> None:
    """Exactly the rows of the first iterations, each bit and dtype, in order."""
    for rows, expected in ((read_metrics(run), metric_rows(0, count)), (read_episodes(run), episode_rows(0, count))):
        if count == 0:
            assert rows.empty
        else:
            pd.testing.assert_frame_equal(rows, expected, check_exact=True)


def test_rows_come_back_however_they_were_cut_into_parts(run: RunDirectory) -> None:
    write_parts(run, [0, 1, 7, 30])
    expect_iterations(run, 30)
    assert names(run.metrics_dir)[1] == "000000001-000000007.parquet"


def test_a_part_is_an_ordinary_file_for_pandas(run: RunDirectory) -> None:
    write_parts(run, [0, 4])
    rows = pd.read_parquet(run.metrics_dir / "000000000-000000004.parquet")
    pd.testing.assert_frame_equal(rows, metric_rows(0, 4), check_exact=True)
    assert len(pd.read_parquet(run.metrics_dir)) == len(rows)


def test_rows_wait_for_the_flush(run: RunDirectory) -> None:
    files = MetricFiles(run)
    for start in range(3):
        files.append(metric_rows(start, start + 1), episode_rows(start, start + 1))
    assert names(run.metrics_dir) == []
    files.flush()
    files.flush()
    assert names(run.metrics_dir) == ["000000000-000000003.parquet"]
    expect_iterations(run, 3)


def test_a_run_without_rows_has_empty_tables(run: RunDirectory) -> None:
    files = MetricFiles(run)
    files.append(metric_rows(0, 0), pd.DataFrame())
    files.flush()
    files.keep_before(0)
    files.compact()
    assert read_metrics(run).empty
    assert list(read_episodes(run).columns) == ["iteration", "agent"]


def test_rows_that_are_there_already_are_refused(run: RunDirectory) -> None:
    write_parts(run, [0, 4])
    with pytest.raises(ValueError, match="iteration 4"):
        MetricFiles(run).append(metric_rows(3, 5), episode_rows(3, 5))


@pytest.mark.parametrize("step", [0, 1, 4, 5, 9, 10])
def test_keeping_before_a_step_drops_the_later_rows_and_no_other(run: RunDirectory, step: int) -> None:
    write_parts(run, [0, 4, 8, 10])
    files = MetricFiles(run)
    files.keep_before(step)
    expect_iterations(run, step)
    files.append(metric_rows(step, 12), episode_rows(step, 12))
    files.flush()
    expect_iterations(run, 12)


def test_keeping_before_a_step_forgets_rows_that_were_not_written(run: RunDirectory) -> None:
    files = write_parts(run, [0, 4])
    files.append(metric_rows(4, 6), episode_rows(4, 6))
    files.keep_before(3)
    files.append(metric_rows(3, 5), episode_rows(3, 5))
    files.flush()
    expect_iterations(run, 5)


def test_logging_only_some_iterations_loses_none_of_them(run: RunDirectory) -> None:
    files = MetricFiles(run)
    for start in (0, 3, 6, 9):
        files.append(metric_rows(start, start + 1), episode_rows(start, start + 1))
        files.flush()
    files.keep_before(8)
    assert read_metrics(run)["iteration"].unique().tolist() == [0, 3, 6]


@pytest.mark.parametrize("gone", [0, 1, 2, 3])
def test_each_part_that_is_gone_is_missed_even_where_few_iterations_are_logged(run: RunDirectory, gone: int) -> None:
    files = MetricFiles(run)
    for start in (0, 3, 6, 9):
        files.append(metric_rows(start, start + 1), episode_rows(start, start + 1))
        files.flush()
    assert files.reached() == {"metrics": 10, "episodes": 10}
    assert missing_parts(run, files.reached()) == ""
    for folder, other in ((run.metrics_dir, run.episodes_dir), (run.episodes_dir, run.metrics_dir)):
        part = parts_in(folder)[gone]
        kept = part.path.read_bytes()
        part.path.unlink()
        span = ("0", "1 to 3", "4 to 6", "7 to 9")[gone]
        assert missing_parts(run, files.reached()) == f"the rows of iterations {span} are missing in {folder.name}/"
        assert missing_parts(run, {other.name: 10}) == ""
        part.path.write_bytes(kept)


def test_merging_hides_no_gap(run: RunDirectory) -> None:
    files = write_parts(run, [0, 2, 4, 6, 8, 10])
    for folder in (run.metrics_dir, run.episodes_dir):
        parts_in(folder)[1].path.unlink()
    files.compact(most=2)
    assert names(run.metrics_dir) == ["000000000-000000002.parquet", "000000004-000000010.parquet"]
    assert missing_parts(run, files.reached()).startswith("the rows of iterations 2 to 3 are missing in metrics/; ")


def test_many_parts_become_few_and_keep_their_rows(run: RunDirectory) -> None:
    files = MetricFiles(run)
    most = 0
    for start in range(30):
        files.append(metric_rows(start, start + 1), episode_rows(start, start + 1))
        files.flush()
        files.compact(most=8)
        most = max(most, len(names(run.metrics_dir)))
    assert most == 8
    expect_iterations(run, 30)


def kill_at(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """Let the process die at the ``count``-th change of a folder's entries: a rename or the removal of a part."""
    changes = itertools.count()
    replace, unlink = os.replace, Path.unlink

    def changed(act: Any) -> Any:
        def acting(*arguments: Any, **options: Any) -> Any:
            if options.get("missing_ok"):
                return None  # the clearing away of a temporary file, which a kill would not do either
            if next(changes) == count:
                raise Killed
            return act(*arguments, **options)

        return acting

    monkeypatch.setattr(os, "replace", changed(replace))
    monkeypatch.setattr(Path, "unlink", changed(unlink))


@pytest.mark.parametrize("count", range(13))
def test_a_kill_within_compaction_neither_doubles_nor_loses_rows(
    run: RunDirectory, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    files = write_parts(run, [0, 2, 4, 6, 8, 10])
    with monkeypatch.context() as patch:
        kill_at(patch, count)
        try:
            files.compact(most=3)
        except Killed:
            pass
        else:
            assert count == 12  # for each table one rename and five removals: every change has had its kill
    expect_iterations(run, 10)
    resumed = MetricFiles(run)
    resumed.keep_before(7)
    expect_iterations(run, 7)
    assert not [name for name in names(run.metrics_dir) if name.startswith(".")]
    resumed.append(metric_rows(7, 11), episode_rows(7, 11))
    resumed.flush()
    expect_iterations(run, 11)


@pytest.mark.parametrize("count", range(8))
def test_a_kill_within_keeping_before_a_step_can_be_repeated(
    run: RunDirectory, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    write_parts(run, [0, 4, 8, 10, 12])
    with monkeypatch.context() as patch:
        kill_at(patch, count)
        with pytest.raises(Killed):
            MetricFiles(run).keep_before(6)
    rows = read_metrics(run)
    assert not rows.duplicated(["iteration", "agent"]).any()
    assert set(range(6)) <= set(rows["iteration"])
    MetricFiles(run).keep_before(6)
    expect_iterations(run, 6)


def test_half_written_parts_are_no_parts_and_go_at_the_next_start(run: RunDirectory) -> None:
    write_parts(run, [0, 4])
    (run.metrics_dir / ".000000004-000000008.parquet.tmp").write_bytes(b"PAR1")
    expect_iterations(run, 4)
    MetricFiles(run).keep_before(4)
    assert names(run.metrics_dir) == ["000000000-000000004.parquet"]


def test_a_damaged_part_is_named(run: RunDirectory) -> None:
    write_parts(run, [0, 40])
    path = run.metrics_dir / "000000000-000000040.parquet"
    content = bytearray(path.read_bytes())
    content[200] ^= 1
    for damaged in (bytes(content), bytes(content[:100]), b""):
        path.write_bytes(damaged)
        with pytest.raises(UserError, match=path.name) as refused:
            read_metrics(run)
        assert refused.value.code == ExitCode.DAMAGED


def test_a_full_disk_is_one_line_and_leaves_no_half_part(run: RunDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    files = write_parts(run, [0, 4])
    files.append(metric_rows(4, 8), episode_rows(4, 8))
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(UserError, match="No space left on device") as failed:
            files.flush()
    assert failed.value.code == ExitCode.WRITE_FAILED
    expect_iterations(run, 4)
    assert names(run.metrics_dir) == ["000000000-000000004.parquet"]
    files.flush()
    expect_iterations(run, 8)
