"""Which trackers there are, which of them are asked for, and what a run or sweep keeps of that for its resumes."""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from coalactl.errors import UserError, in_words
from coalactl.output import note
from coalactl.runs.directory import is_pack
from coalactl.runs.files import read_json, write_failures, write_json
from coalactl.runs.layout import refuse_links
from coalactl.tracking.contract import Opener

GROUP = "coalactl.trackers"
NONE = "none"


class _Shipped(NamedTuple):
    """A tracker of ours; it is loaded when it is asked for, and its package is that of the extra of its name."""

    title: str
    opener: str
    variables: Mapping[str, str] = {}
    """For its package, which reads them when it is loaded; those that the user has set stay."""


_SHIPPED = {
    "tensorboard": _Shipped("TensorBoard", "to_tensorboard:TensorBoardTracker"),
    # It asks nobody for an account, and tells its makers of no errors.
    "wandb": _Shipped(
        "Weights & Biases", "to_wandb:open_wandb", {"WANDB_SILENT": "true", "WANDB_ERROR_REPORTING": "false"}
    ),
    # It tells its makers nothing, and gives up on a server that is gone within half a minute instead of several.
    "mlflow": _Shipped(
        "MLflow",
        "to_mlflow:MlflowTracker",
        {
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
            "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
        },
    ),
}
SHIPPED = tuple(_SHIPPED)


def chosen(named: Sequence[str] | None) -> tuple[str, ...] | None:
    """The trackers that ``--track`` names, each once; None where it is not given."""
    if not named:
        return None
    names = tuple(dict.fromkeys(named))
    if NONE in names and len(names) > 1:
        raise UserError(f"--track {NONE}: it does not go with other trackers, it ends them")
    return () if NONE in names else names


def load(names: Sequence[str]) -> dict[str, Opener]:
    """What opens each tracker; raises :class:`UserError` where one is unknown, or not installed."""
    return {name: _shipped(name) if name in _SHIPPED else _of_another_package(name) for name in names}


def _shipped(name: str) -> Opener:
    tracker = _SHIPPED[name]
    for variable, value in tracker.variables.items():
        os.environ.setdefault(variable, value)
    module, _, attribute = tracker.opener.partition(":")
    try:
        opener: Opener = getattr(importlib.import_module(f"coalactl.tracking.{module}"), attribute)
    except ImportError as error:
        raise UserError(
            f'--track {name}: {tracker.title} is not installed; pip install "coalactl[{name}]" '
            f"({in_words(error)}), or go on without it: --track {NONE}"
        ) from error
    return opener


def _of_another_package(name: str) -> Opener:
    from coalactl_core.errors import ConfigurationError
    from coalactl_core.plugins import load_plugin

    try:
        opener: Opener = load_plugin("--track", name, group=GROUP, builtin=_SHIPPED)
    except ConfigurationError as error:
        raise UserError(str(error)) from error
    if not callable(opener):
        raise UserError(f"--track: {name!r} is a {type(opener).__name__}; a callable that opens a tracker is expected")
    return opener


# --- what is kept ----------------------------------------------------------------------------------------------------


def kept_at(path: Path) -> tuple[str, ...]:
    """The trackers of the run or pack at a path."""
    if not is_pack(path):
        return kept_in(kept_file(path))
    seeds = read_json(path / "pack.json").get("seeds")
    return kept_in(kept_file(path / f"seed-{seeds[0]}")) if isinstance(seeds, list) and seeds else ()


def kept_file(run: Path) -> Path:
    """Where a run keeps which trackers it has."""
    return run / "tracking" / "trackers.json"


def kept_in(file: Path) -> tuple[str, ...]:
    """The trackers that are named in a file; none where it is missing, and of a damaged one the user is told."""
    refuse_links((file.parent, file))
    if not file.exists():
        return ()
    try:
        names = read_json(file).get("trackers")
    except UserError as error:
        note(f"{error}; no tracker is told")
        return ()
    return tuple(map(str, names)) if isinstance(names, list) else ()


def keep(file: Path, names: Sequence[str]) -> None:
    """Keeps the trackers for the next resume; writes nothing where nothing changes."""
    if tuple(names) == kept_in(file):
        return
    with write_failures(file):
        file.parent.mkdir(exist_ok=True)
        write_json(file, {"trackers": list(names)})
