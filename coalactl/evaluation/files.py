"""``RUN/eval/NAME.parquet`` and ``NAME.json``: written in one step each, over nothing but an older evaluation.

``by-step/NAME.parquet`` is there where means of each step are wanted; an evaluation without takes an older one away.

The Parquet file holds what the JSON file says as well, so that rows and what they are of cannot come apart: a process
that is killed between the two leaves an evaluation whose JSON file is missing, and the next one replaces it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from coalactl.errors import ExitCode, UserError
from coalactl.runs.files import read_json, reason, replacing, write_failures, write_json
from coalactl.runs.layout import refuse_links
from coalactl.runs.sources import Source, results_folder

if TYPE_CHECKING:
    import pandas as pd

TOOL = "coalactl eval"
_KEY = b"coalactl"


class Target(NamedTuple):
    """Where a result goes."""

    rows: Path
    about: Path
    steps: Path

    @property
    def exists(self) -> bool:
        """Whether there is one already."""
        return any(path.exists() for path in self)


class Result(NamedTuple):
    """The rows of one run, and those by step where they are wanted."""

    rows: pd.DataFrame
    steps: pd.DataFrame | None


def target_in(run: Source, name: str) -> Target:
    """The files of a result in a run, or beside an agent file.

    Raises :class:`UserError` unless they can be written: over nothing, or over an evaluation of that name.
    """
    folder = results_folder(run, "eval")
    target = Target(folder / f"{name}.parquet", folder / f"{name}.json", folder / "by-step" / f"{name}.parquet")
    refuse_links((folder, target.steps.parent, *target))
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder} is a file, where evaluations are written; move it away")
    for path, about in zip(target, (_about_of_rows, read_json, _about_of_rows), strict=True):
        if path.exists() and not _is_ours(path, about):
            raise UserError(
                f"{path} was not made by `{TOOL}` and is left as it is; choose another --out", ExitCode.RUN_CONFLICT
            )
    return target


def write(target: Target, result: Result, about: Mapping[str, Any]) -> None:
    """Writes a result; raises :class:`UserError` when a write fails."""
    about = {"tool": TOOL, **about}
    with write_failures(target.rows):
        target.rows.parent.mkdir(exist_ok=True)
        # What they say is of the rows that are about to go.
        for path in (target.about, target.steps):
            path.unlink(missing_ok=True)
        _write_rows(target.rows, result.rows, about)
        if result.steps is not None:
            target.steps.parent.mkdir(exist_ok=True)
            _write_rows(target.steps, result.steps, about)
        write_json(target.about, about)


def _write_rows(path: Path, rows: pd.DataFrame, about: Mapping[str, Any]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_pandas(rows, preserve_index=False)
    table = table.replace_schema_metadata({**(table.schema.metadata or {}), _KEY: json.dumps(about).encode()})
    with replacing(path) as temporary:
        pq.write_table(table, temporary, compression="zstd", write_page_checksum=True)


def _is_ours(path: Path, about: Any) -> bool:
    try:
        return about(path).get("tool") == TOOL
    except UserError:
        return False


def _about_of_rows(path: Path) -> dict[str, Any]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        metadata = pq.read_schema(path).metadata or {}
        about = json.loads(metadata.get(_KEY, b"{}"))
    except (OSError, ValueError, pa.ArrowException) as error:
        raise UserError(f"{path} is damaged: {reason(error)}", ExitCode.DAMAGED) from error
    return about if isinstance(about, dict) else {}
