"""What trainings on this machine took, in the cache: derived numbers, which may be deleted at any time."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from coalactl.bench.machine import cpu_model
from coalactl.environment import cache_directory, usable_cores
from coalactl.errors import UserError
from coalactl.pace.shapes import Shape, shape_of
from coalactl.runs.directory import utc_now
from coalactl.runs.files import read_json, write_json

if TYPE_CHECKING:
    from coalactl.engines import Engine

_FORMAT = 1
# Seconds: what is shorter says little, of a first call least.
_LEAST = 1.0
_MOST_RECORDS = 200
_VARIABLES = ("JAX_PLATFORMS", "JAX_NUM_CPU_DEVICES", "CUDA_VISIBLE_DEVICES", "XLA_FLAGS")
_GPUS = Path("/proc/driver/nvidia/gpus")


class Pace(NamedTuple):
    """What the iterations of a shape took: ``runs`` side by side, seconds of one iteration of all of them."""

    shape: Shape
    runs: int
    iteration_seconds: float
    compile_seconds: float
    """The longest: from nothing."""
    load_seconds: float
    """The shortest: with the compile cache, once there was a second training."""


class Known(NamedTuple):
    """What is known of this machine: JAX's backend and devices, and the records."""

    backend: str
    devices: int
    records: tuple[Pace, ...]


def machine() -> dict[str, Any]:
    """What tells machines apart, as far as can be said without loading JAX."""
    facts: dict[str, Any] = {"cpu": cpu_model(), "cores": usable_cores(), "jax": version("jax")}
    facts["gpus"] = len(list(_GPUS.iterdir())) if _GPUS.is_dir() else 0
    return {**facts, **{name: os.environ[name] for name in _VARIABLES if name in os.environ}}


def records_file() -> Path | None:
    """The file of this machine; None where there is no cache."""
    folder = cache_directory()
    if folder is None:
        return None
    identity = json.dumps(machine(), sort_keys=True)
    return folder / "pace" / f"{hashlib.sha256(identity.encode()).hexdigest()[:16]}.json"


def known() -> Known | None:
    """What is known of this machine; None before the first record, or where the file says nothing to us."""
    file = records_file()
    if file is None or not file.exists():
        return None
    with suppress(UserError, KeyError, TypeError, ValueError):
        content = read_json(file)
        if content["format"] == _FORMAT:
            records = tuple(_records(content))
            return Known(str(content["backend"]), int(content["devices"]), records) if records else None
    return None


def leave(engine: Engine, *, runs: int, iterations: int, seconds: float, compile_seconds: float) -> None:
    """Notes what iterations of an engine took; without a cache, or where it cannot be written, nothing is noted."""
    import jax

    file = records_file()
    if file is None or seconds < _LEAST or iterations < 1 or jax.process_count() > 1:
        return
    shape = shape_of(engine.experiment, jax.device_count())
    before = known()
    others = [each for each in before.records if each.shape.program != shape.program] if before else []
    own = [each for each in before.records if each.shape.program == shape.program] if before else []
    record = Pace(
        shape=shape,
        runs=runs,
        iteration_seconds=seconds / iterations,
        compile_seconds=max([compile_seconds, *(each.compile_seconds for each in own)]),
        load_seconds=min([compile_seconds, *(each.load_seconds for each in own)]),
    )
    records = [*others, record][-_MOST_RECORDS:]
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        write_json(file, _content(jax.default_backend(), jax.device_count(), records))


def _content(backend: str, devices: int, records: list[Pace]) -> dict[str, Any]:
    return {
        "format": _FORMAT,
        "machine": machine(),
        "backend": backend,
        "devices": devices,
        "written": utc_now(),
        "records": [{**record._asdict(), "shape": record.shape._asdict()} for record in records],
    }


def _records(content: dict[str, Any]) -> Iterator[Pace]:
    for fields in content["records"]:
        shape = Shape(**fields["shape"])
        record = Pace(**{**fields, "shape": shape})
        if min(shape.work, record.iteration_seconds, record.runs) > 0:
            yield record
