"""Metric rows as closed Parquet files that pandas reads while the run goes on.

``metrics/`` has one row an iteration and agent, ``episodes/`` the long form. A part ``START-END.parquet`` holds the
rows of the iterations from START up to, not including, END, and begins where the one before it ended
(:mod:`coalactl.runs.parts`). Parts are written once, in order, each in one step. One that takes the place of others
(when rows are dropped, or many parts merged) is written before they are removed, so a reader that ignores parts within
another one's range sees every row once, whenever the writer was killed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from coalactl.errors import ExitCode, UserError
from coalactl.runs.directory import RunDirectory
from coalactl.runs.files import reason, remove_temporary_files, replacing, write_failures
from coalactl.runs.layout import refuse_links
from coalactl.runs.parts import MetricPart, missing_parts, part_file, parts_in, uncovered

MOST_PARTS = 50

_READ_ATTEMPTS = 10
_ALWAYS = ("iteration", "agent")


class DamagedRowsError(UserError):
    """Rows that were written cannot be read any more."""


class MetricFiles:
    """The writer of a run's metric parts; one for each attempt, and only by the holder of the run's lock."""

    def __init__(self, run: RunDirectory) -> None:
        self._tables = (_PartFolder(run.metrics_dir), _PartFolder(run.episodes_dir))

    def append(self, iterations: pd.DataFrame, episodes: pd.DataFrame) -> None:
        """Take rows of later iterations than all before; nothing is written yet."""
        for table, rows in zip(self._tables, (iterations, episodes), strict=True):
            table.append(rows)

    def flush(self) -> None:
        """Write the rows taken since the last flush; raises :class:`UserError` when the write fails."""
        for table in self._tables:
            table.flush()

    def reached(self) -> dict[str, int]:
        """The iteration that the parts of each folder have reached."""
        return {table.folder.name: table.reached for table in self._tables}

    def keep_before(self, step: int) -> None:
        """Drop the rows of iteration ``step`` and later, as a resume from that step does, and lose none before it."""
        for table in self._tables:
            table.keep_before(step)

    def compact(self, most: int = MOST_PARTS) -> None:
        """Merge the smaller parts when there are more than ``most``."""
        for table in self._tables:
            table.compact(most)


Wanted = Callable[[str], object]
"""Of a column's name, whether it is to be read; ``iteration`` and ``agent`` always are."""


def read_metrics(
    run: RunDirectory, wanted: Wanted | None = None, first: int = 0, end: int | None = None
) -> pd.DataFrame:
    """One row an iteration and agent, sorted by them, of iterations from ``first`` up to ``end``.

    May be called while the run goes on.
    """
    return _read_folder(run.metrics_dir, wanted, first, end)


def read_episodes(run: RunDirectory, first: int = 0, end: int | None = None) -> pd.DataFrame:
    """The long form, sorted by iteration and agent, of iterations from ``first`` up to ``end``; as ``read_metrics``."""
    return _read_folder(run.episodes_dir, None, first, end)


def check_rows(run: RunDirectory, reached: Mapping[str, int]) -> None:
    """Raise :class:`DamagedRowsError` unless the parts are there, and can be read, as far as they had reached."""
    for folder in (run.metrics_dir, run.episodes_dir):
        for part in uncovered(parts_in(folder)):
            if part.start < reached.get(folder.name, 0):
                _read_part(part.path)
    if missing := missing_parts(run, reached):
        raise DamagedRowsError(f"{run.path} is damaged: {missing}", ExitCode.DAMAGED)


class _PartFolder:
    """The parts of one table and the rows that are still to be written."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.reached = _end(folder)
        self._next = self.reached
        self._pending: list[pd.DataFrame] = []

    def append(self, rows: pd.DataFrame) -> None:
        if rows.empty:
            return
        if int(rows["iteration"].min()) < self._next:
            raise ValueError(f"{self.folder.name}: rows before iteration {self._next} are written already")
        self._pending.append(rows)
        self._next = int(rows["iteration"].max()) + 1

    def flush(self) -> None:
        if not self._pending:
            return
        rows = pd.concat(self._pending, ignore_index=True)
        self._write(self.reached, self._next, pa.Table.from_pandas(rows, preserve_index=False))
        self.reached = self._next
        self._pending = []

    def keep_before(self, step: int) -> None:
        self._pending = []
        with write_failures(self.folder):
            remove_temporary_files(self.folder)
            self._remove_covered()
            for part in parts_in(self.folder):
                if part.start < step < part.end:
                    self._cut(part, step)
                elif part.start >= step:
                    part.path.unlink()
        self.reached, self._next = _end(self.folder), step

    def compact(self, most: int) -> None:
        parts = uncovered(parts_in(self.folder))
        if len(parts) <= most:
            return
        merged = _small_end(parts)
        with write_failures(self.folder):
            tables = [_read_part(part.path) for part in merged]
            table = pa.concat_tables(tables, promote_options="permissive")
            self._write(merged[0].start, merged[-1].end, table)
            self._remove_covered()

    def _cut(self, part: MetricPart, step: int) -> None:
        table = _read_part(part.path)
        kept = table.filter(pc.less(table["iteration"], step))
        if kept.num_rows:
            self._write(part.start, step, kept)
        part.path.unlink()

    def _write(self, start: int, end: int, table: pa.Table) -> None:
        path = part_file(self.folder, start, end)
        with write_failures(path), replacing(path) as temporary:
            pq.write_table(table, temporary, compression="zstd", write_page_checksum=True)

    def _remove_covered(self) -> None:
        parts = parts_in(self.folder)
        for part in set(parts) - set(uncovered(parts)):
            part.path.unlink()


def _end(folder: Path) -> int:
    return max((part.end for part in parts_in(folder)), default=0)


def _read_folder(folder: Path, wanted: Wanted | None = None, first: int = 0, end: int | None = None) -> pd.DataFrame:
    tables = _read_parts(folder, wanted, first, end)
    if not tables:
        return pd.DataFrame({"iteration": pd.Series(dtype="int64"), "agent": pd.Series(dtype="int64")})
    table = tables[0] if len(tables) == 1 else pa.concat_tables(tables, promote_options="permissive")
    rows: pd.DataFrame = table.to_pandas()
    return rows.sort_values(["iteration", "agent"], kind="stable", ignore_index=True)


def _read_parts(folder: Path, wanted: Wanted | None, first: int, end: int | None) -> list[pa.Table]:
    """Read the parts, again if the writer has added or merged some meanwhile."""
    for _ in range(_READ_ATTEMPTS):
        parts = parts_in(folder)
        chosen = [part for part in uncovered(parts) if part.end > first and (end is None or part.start < end)]
        try:
            tables = [_read_part(part.path, wanted, first, end) for part in chosen]
        except FileNotFoundError:
            continue
        if parts == parts_in(folder):
            return tables
    raise UserError(f"{folder} changes faster than it can be read; try again", ExitCode.FAILED)


def _within(table: pa.Table, first: int, end: int | None) -> pa.Table:
    """The rows from an iteration up to another."""
    chosen = pc.greater_equal(table["iteration"], first)
    return table.filter(chosen if end is None else pc.and_(chosen, pc.less(table["iteration"], end)))


def _read_part(path: Path, wanted: Wanted | None = None, first: int = 0, end: int | None = None) -> pa.Table:
    refuse_links([path])
    try:
        # Not read_table: for files as small as most are it takes three times as long.
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            known = file.schema_arrow.names
            chosen = [name for name in known if wanted is None or name in _ALWAYS or wanted(name)]
            if first == 0 and end is None:
                return file.read(columns=chosen, use_threads=False)
            # One by one: a part of millions of rows is not to be in memory as a whole.
            groups = (file.read_row_group(group, chosen, use_threads=False) for group in range(file.num_row_groups))
            return pa.concat_tables(_within(group, first, end) for group in groups)
    except FileNotFoundError:
        raise
    except (OSError, pa.ArrowException) as error:
        raise DamagedRowsError(f"{path} is damaged: {reason(error)}", ExitCode.DAMAGED) from error


def _small_end(parts: list[MetricPart]) -> list[MetricPart]:
    """The newest parts to merge: back to one that is larger than all after it, or to a gap, which is to stay seen.

    Merging only like with like writes each row about log(n) times in a run of n parts, not n times.
    """
    first, covered = len(parts) - 1, parts[-1].end - parts[-1].start
    while (
        first > 0
        and parts[first - 1].end == parts[first].start
        and (first > len(parts) - 2 or parts[first - 1].end - parts[first - 1].start <= covered)
    ):
        first -= 1
        covered += parts[first].end - parts[first].start
    return parts[first:]
