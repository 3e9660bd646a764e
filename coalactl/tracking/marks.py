"""What a run directory keeps of each tracker: under which ID it is told, and how far; ``tracking/NAME/mark.json``."""

from __future__ import annotations

import json
import math
import time
import uuid
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import coalactl
from coalactl.errors import UserError
from coalactl.runs.directory import RunDirectory, is_pack
from coalactl.runs.files import read_json, remove_temporary_files, write_json
from coalactl.runs.layout import refuse_links
from coalactl.tracking.contract import TrackedRun, Value


class Mark(NamedTuple):
    """How far a tracker was told of a run."""

    id: str
    started: float
    """When the run was started, in seconds since the epoch."""
    told: int = 0
    """All rows before this iteration were."""
    ended: int = 0
    """The iteration at whose end it was told what the run came to."""


def read_mark(run: RunDirectory, name: str) -> Mark:
    """The mark of a tracker; a new one where there is none, or it cannot be read: then it is told everything anew."""
    file = _file(run, name)
    refuse_links((run.tracking_dir, file.parent, file))
    if file.exists():
        try:
            return Mark(**read_json(file))
        except (UserError, TypeError):
            pass
    return Mark(uuid.uuid4().hex, _started(run))


def write_mark(run: RunDirectory, name: str, mark: Mark) -> None:
    """Keeps a mark; raises :class:`OSError`."""
    file = _file(run, name)
    file.parent.mkdir(parents=True, exist_ok=True)
    remove_temporary_files(file.parent)
    write_json(file, mark._asdict())


def tracked(run: RunDirectory, name: str, mark: Mark) -> TrackedRun:
    """The run as the tracker of that name is told of it."""
    status, config = run.read_status(), run.read_config()
    path = run.path.absolute()
    pack = path.parent if is_pack(path.parent) else None
    folder = run.tracking_dir / name
    tags = {
        "preset": status.preset,
        "method": status.method,
        "seed": str(status.seed),
        "coalactl": coalactl.__version__,
    }
    return TrackedRun(
        id=mark.id,
        name=f"{pack.name}/{path.name}" if pack else path.name,
        group=pack.name if pack else "",
        config=_flat(config),
        tags={key: value for key, value in tags.items() if value},
        folder=folder,
        shared=pack / "tracking" / name if pack else folder,
        told=mark.told,
    )


def _file(run: RunDirectory, name: str) -> Path:
    return run.tracking_dir / name / "mark.json"


def _started(run: RunDirectory) -> float:
    try:
        return datetime.fromisoformat(str(run.read_provenance().get("started"))).timestamp()
    except (UserError, ValueError):  # It only tells.
        return time.time()


def _flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Value]:
    """Tables within tables as ``table.key``; lists, and numbers that are not finite, as text."""
    flat: dict[str, Value] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping):
            flat.update(_flat(value, f"{prefix}{key}."))
        else:
            plain = isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value))
            flat[f"{prefix}{key}"] = value if plain else json.dumps(value)
    return flat
