"""The parts of a metric folder by their names: ``START-END.parquet`` covers the iterations from START up to END.

Each part begins where the one before it ended, whether or not every iteration in it has rows. So parts that are gone
show as a gap, and a checkpoint's manifest, which says how far the parts reached, shows that the last ones are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from coalactl.runs.directory import RunDirectory
from coalactl.runs.manifests import DamagedCheckpointError, read_manifest, steps


class MetricPart(NamedTuple):
    """One closed file and the iterations it covers."""

    start: int
    end: int
    path: Path


def part_file(folder: Path, start: int, end: int) -> Path:
    """Where the part of these iterations is."""
    return folder / f"{start:09d}-{end:09d}.parquet"


def parts_in(folder: Path) -> list[MetricPart]:
    """All parts, in order."""
    names = ((re.fullmatch(r"(\d+)-(\d+)\.parquet", path.name), path) for path in folder.glob("*.parquet"))
    return sorted(MetricPart(start=int(name[1]), end=int(name[2]), path=path) for name, path in names if name)


def uncovered(parts: Iterable[MetricPart]) -> list[MetricPart]:
    """The parts that are not within another one, in order."""
    kept: list[MetricPart] = []
    for part in sorted(parts, key=lambda part: (part.start, -part.end)):
        if not kept or part.end > kept[-1].end:
            kept.append(part)
    return kept


def missing_parts(run: RunDirectory, reached: Mapping[str, int]) -> str:
    """Which iterations no part covers, in words, of those that the parts of each folder reached; empty if none."""
    missing = []
    for folder in (run.metrics_dir, run.episodes_dir):
        gaps = _gaps(parts_in(folder), reached.get(folder.name, 0))
        spans = [f"{start} to {end - 1}" if end > start + 1 else f"{start}" for start, end in gaps]
        if spans:
            missing.append(f"the rows of iterations {', '.join(spans)} are missing in {folder.name}/")
    return "; ".join(missing)


def missing_rows(run: RunDirectory) -> str:
    """What is missing of the rows before the newest checkpoint, in words; may be called while the run goes on."""
    while True:
        known = steps(run)
        missing = missing_parts(run, _reached(run, known))
        # While they were read the writer may have merged parts, or gone back to an earlier checkpoint.
        if not missing or (steps(run) == known and missing == missing_parts(run, _reached(run, known))):
            return missing


def _reached(run: RunDirectory, known: list[int]) -> Mapping[str, int]:
    """How far the parts reached at the newest checkpoint that tells it."""
    for step in reversed(known):
        try:
            return read_manifest(run, step).rows
        except DamagedCheckpointError:
            continue
    return {}


def _gaps(parts: Iterable[MetricPart], reached: int) -> list[tuple[int, int]]:
    """Start and end of what is not covered of the iterations before ``reached``."""
    gaps, covered = [], 0
    for part in uncovered(parts):
        if part.start > covered:
            gaps.append((covered, min(part.start, reached)))
        covered = part.end
    gaps.append((covered, reached))
    return [(start, end) for start, end in gaps if start < end]
