"""``coalactl runs tag``: labels of runs, packs and sweeps."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from coalactl.errors import UserError
from coalactl.output import emit, emit_json, note
from coalactl.paths import escaped, usable
from coalactl.runs.finding import check_kind
from coalactl.runs.tags import change_tags, check_label, read_tags


def label(paths: Sequence[Path], *, add: Sequence[str], remove: Sequence[str], json: bool) -> None:
    """Adds and removes labels, and tells those that there are then; raises :class:`UserError` before any changes."""
    for word in add:
        check_label(word)
    if both := sorted({*add} & {*remove}):
        raise UserError(f"--add {both[0]} and --remove {both[0]}: give one of them")
    for path in paths:
        usable(path)
        check_kind(path)
        own = read_tags(path)
        for word in remove:
            if word not in own:
                note(f"{path} has no label {word!r}")
    labelled = {path: change_tags(path, add=add, remove=remove) if add or remove else read_tags(path) for path in paths}
    if json:
        emit_json([{"run_dir": str(path), "tags": labels} for path, labels in labelled.items()])
        return
    for path, labels in labelled.items():
        emit(escaped(f"{path}: {', '.join(labels) or 'no labels'}"))


def _labels(path: Path, add: Sequence[str], remove: Sequence[str]) -> tuple[str, ...]:
    return change_tags(path, add=add, remove=remove) if add or remove else read_tags(path)
