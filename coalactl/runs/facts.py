"""What a list tells of a run, a pack or a sweep, taken from the small files in its folder, as plain data.

A file that is damaged tells nothing here; only of a damaged status a list says so.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

from coalactl.agents import names_of
from coalactl.errors import UserError
from coalactl.runs.directory import RunDirectory
from coalactl.runs.files import read_json
from coalactl.runs.finding import age, moment
from coalactl.runs.index import Facts
from coalactl.runs.tags import TAGS_FILE, read_tags

RUN_FILES = ("config.toml", "provenance.json", "status.json", TAGS_FILE)
PACK_FILES = ("pack.json", TAGS_FILE)
SWEEP_FILES = ("sweep.toml", "selection.json", TAGS_FILE)

_SEED = re.compile(r"^seed = \d+$", re.MULTILINE)


def run_facts(path: Path) -> Facts:
    """Of a run: ``age``, ``names`` of its methods, ``status`` (None where it is damaged), ``tags``."""
    run = RunDirectory(path)
    status = names = None
    with suppress(UserError):
        status = run.read_status()._asdict()
    with suppress(OSError, ValueError, RecursionError):
        names = list(_names(_SEED.sub("", run.config_file.read_text(encoding="utf-8-sig"))))
    return {"age": list(age(run)), "names": names, "status": status, "tags": _tags(path)}


def pack_facts(path: Path) -> Facts:
    """Of a pack: the ``seeds`` that it is to have, ``tags``."""
    return {"seeds": _list(_json(path / "pack.json").get("seeds")), "tags": _tags(path)}


def sweep_facts(path: Path) -> Facts:
    """Of a sweep: ``preset``, how many ``trials`` on how many ``seeds``, what was ``chosen`` by method, ``tags``."""
    file = path / "sweep.toml"
    tables: Mapping[str, Any] = {}
    written = 0
    with suppress(OSError, ValueError, RecursionError):
        written = file.stat().st_mtime_ns
        tables = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    axes = [len(_list(values)) for values in _table(tables.get("axes")).values()]
    chosen = {
        method: {key: result.get(key) for key in ("trial", "metric", "mean")}
        for method, result in _json(path / "selection.json").items()
        if isinstance(result, Mapping)
    }
    return {
        "age": [moment(written), written],
        "preset": str(tables.get("preset", "")),
        "trials": math.prod(axes) * max(len(_table(tables.get("variants"))), 1),
        "seeds": len(_list(_table(tables.get("selection")).get("seeds"))),
        "chosen": chosen,
        "tags": _tags(path),
    }


@lru_cache(maxsize=64)
def _names(text: str) -> tuple[str, ...]:
    """Who trains, told by a configuration without its seed: the runs of a pack have the same."""
    return names_of(tomllib.loads(text))


def _tags(path: Path) -> list[str]:
    with suppress(UserError):
        return list(read_tags(path))
    return []


def _json(file: Path) -> Mapping[str, Any]:
    with suppress(UserError):
        return read_json(file)
    return {}


def _table(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
