"""A run directory: one run's configuration, provenance, status, metrics and checkpoints.

From the moment ``config.toml`` exists the run exists; everything else that a start writes is on disk before it. The
directory can be moved: no file in it holds its path. This module loads neither JAX nor pandas.
"""

from __future__ import annotations

import itertools
import math
import os
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import tomli_w

from coalactl.errors import ExitCode, UserError
from coalactl.paths import nameable, typed
from coalactl.runs.files import (
    read_json,
    reason,
    remove_temporary_files,
    sync,
    write_failures,
    write_json,
    write_text,
)
from coalactl.runs.layout import FORMAT, refuse_links, refuse_other_formats
from coalactl.runs.locking import Holder, NoLocksError, hold_lock, read_holder

State = Literal["running", "finished", "interrupted", "preempted", "diverged", "failed"]

_FOLDERS = ("metrics", "episodes", "checkpoints", "manifests")
_PACK_FILE = "pack.json"
_SWEEP_FILE = "sweep.toml"


class Status(NamedTuple):
    """How far a run is, for ``runs ls`` and for a resume that finds it finished."""

    state: State = "running"
    iteration: int = 0
    iterations: int = 0
    seconds: float = 0.0
    """Training time over all attempts."""
    updated: str = ""
    """UTC, ISO 8601; set when the status is written."""
    preset: str = ""
    method: str = ""
    seed: int = 0
    last: Mapping[str, float | None] = {}
    """The last headline rewards; None where there is nothing to report."""
    reason: str = ""
    """Why a training failed."""


class RunDirectory:
    """The path of a run and the names of what is in it."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.config_file = self.path / "config.toml"
        self.provenance_file = self.path / "provenance.json"
        self.status_file = self.path / "status.json"
        self.log_file = self.path / "log.txt"
        self.lock_file = self.path / "lock"
        self.metrics_dir = self.path / "metrics"
        self.episodes_dir = self.path / "episodes"
        self.checkpoints_dir = self.path / "checkpoints"
        self.manifests_dir = self.path / "manifests"
        self.tracking_dir = self.path / "tracking"

    @classmethod
    def create(cls, path: Path | str, config: Mapping[str, Any], provenance: Mapping[str, Any]) -> RunDirectory:
        """Make a new run; raises :class:`UserError` if there is one already or the place cannot be written to."""
        run = cls(path)
        with starting_in(run.path):
            check_free(run.path, known=(*_FOLDERS, "provenance.json", "status.json", "log.txt"))
            with write_failures(run.path):
                run.make_folders()
                run.log_file.touch()
                run.write_provenance({"format": FORMAT, **provenance})
                run.write_status(Status(iterations=int(config.get("run", {}).get("iterations", 0))))
                sync(run.path.parent)
                run.write_config(config)
        return run

    @classmethod
    def open(cls, path: Path | str) -> RunDirectory:
        """An existing run; raises :class:`UserError` if there is none at the path."""
        run = cls(path)
        if not run.path.exists():
            raise UserError(f"{path}: there is no such run directory; `coalactl runs ls` lists the runs")
        if not run.path.is_dir():
            raise UserError(f"{path} is not a run directory but a file")
        if is_pack(run.path):
            raise UserError(f"{path} is a pack of runs; name one of its runs, {run.path / 'seed-S'}")
        if not is_run(run.path):
            raise UserError(f"{path} is not a run directory: it has no config.toml")
        refuse_links(each for each in vars(run).values() if each != run.path)
        run._check_format()
        return run

    def make_folders(self) -> None:
        """Make the folders that are not there; copying a run may leave out empty ones."""
        for folder in _FOLDERS:
            (self.path / folder).mkdir(exist_ok=True)

    def _check_format(self) -> None:
        """Refuse what another version has laid out differently; a provenance that cannot be read tells nothing."""
        try:
            provenance = self.read_provenance()
        except UserError:
            return
        attempts = provenance.get("attempts")
        newest = attempts[-1] if isinstance(attempts, list) and attempts else provenance
        refuse_other_formats(
            self.path, provenance.get("format", FORMAT), newest if isinstance(newest, Mapping) else provenance
        )

    def read_config(self) -> dict[str, Any]:
        """The complete, resolved configuration as plain data."""
        try:
            return tomllib.loads(self.config_file.read_text(encoding="utf-8-sig"))
        except (OSError, ValueError, RecursionError) as error:
            raise UserError(f"{self.config_file} cannot be read: {reason(error)}") from error

    def write_config(self, config: Mapping[str, Any]) -> None:
        """Write the configuration; what is None is left out, TOML has no word for it."""
        with write_failures(self.config_file):
            write_text(self.config_file, tomli_w.dumps(_plain(config)))

    def read_status(self) -> Status:
        """The status last written; raises :class:`UserError` (damaged) if it is not one."""
        content = read_json(self.status_file)
        known = {name: value for name, value in content.items() if name in Status._fields}
        if not all(_FITS[name](value) for name, value in known.items()):
            raise UserError(f"{self.status_file} is damaged: it holds no status of a run", ExitCode.DAMAGED)
        return Status(**known)

    def write_status(self, status: Status) -> None:
        """Write the status with the time of writing."""
        content = status._replace(
            updated=utc_now(), last={name: _finite_or_none(value) for name, value in status.last.items()}
        )
        with write_failures(self.status_file):
            write_json(self.status_file, content._asdict())

    def read_provenance(self) -> dict[str, Any]:
        """What :mod:`coalactl.runs.provenance` collected at the start and at each resume."""
        return read_json(self.provenance_file)

    def write_provenance(self, provenance: Mapping[str, Any]) -> None:
        """Write what made this run."""
        with write_failures(self.provenance_file):
            write_json(self.provenance_file, provenance)

    def lock(self) -> AbstractContextManager[None]:
        """Be the one writer while the context lasts; raises :class:`UserError` (conflict) naming the other one."""
        return hold_lock(self.lock_file)

    def holder(self) -> Holder | None:
        """The process that writes to this run now, as far as can be told from here; readers need no lock."""
        return read_holder(self.lock_file)

    def remove_temporary_files(self) -> None:
        """Clear away half-written files of a writer that was killed; for the holder of the lock."""
        for folder in (self.path, self.metrics_dir, self.episodes_dir, self.manifests_dir):
            remove_temporary_files(folder)

    def __repr__(self) -> str:
        return f"RunDirectory({str(self.path)!r})"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_rewards(value: object) -> bool:
    return isinstance(value, Mapping) and all(entry is None or _is_number(entry) for entry in value.values())


_FITS: dict[str, Callable[[object], bool]] = {
    **dict.fromkeys(("iteration", "iterations", "seconds", "seed"), _is_number),
    **dict.fromkeys(("updated", "preset", "method", "reason"), _is_text),
    "state": lambda value: value in get_args(State),
    "last": _is_rewards,
}


def is_run(path: Path) -> bool:
    """Whether a run exists at the path."""
    return (path / "config.toml").is_file()


def is_pack(path: Path) -> bool:
    """Whether the path holds one run for each of several seeds."""
    return (path / _PACK_FILE).is_file()


def is_sweep(path: Path) -> bool:
    """Whether a sweep exists at the path."""
    return (path / _SWEEP_FILE).is_file()


def make_folder(path: Path) -> None:
    """Make the folder of a new run; raises :class:`UserError` if that is impossible at this place."""
    nameable(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise UserError(f"{path}: a file is in the way; choose another --out") from error
    except OSError as error:
        raise UserError(f"{path} cannot be made: {reason(error)}; choose another --out") from error
    if not os.access(path, os.W_OK | os.X_OK):
        raise UserError(f"{path} is not writable; choose another --out")


@contextmanager
def starting_in(path: Path) -> Iterator[None]:
    """Make the folder of a new run or pack and be its one writer; where there are no locks, none of it stays."""
    make_folder(path)
    try:
        with hold_lock(path / "lock"):
            yield
    except NoLocksError:
        if os.listdir(path) == ["lock"]:
            with suppress(OSError):
                (path / "lock").unlink()
                path.rmdir()
        raise


def reserved(root: Path, name: str) -> Path:
    """A new, empty folder ``ROOT/NAME-UTC``, with a number behind it where others have begun in the same second.

    To be made is what reserves it. Raises :class:`UserError` if that is impossible at this place.
    """
    make_folder(root)
    base = f"{name}-{datetime.now(UTC).strftime('%Y%m%dT%H%M%SZ')}"
    names = itertools.chain([base], (f"{base}-{number}" for number in itertools.count(2)))
    return next(path for name in names if _is_made(path := root / name))


def _is_made(path: Path) -> bool:
    """Makes a folder that nobody else has made."""
    try:
        path.mkdir()
    except FileExistsError:
        return False
    except OSError as error:
        raise UserError(f"{path} cannot be made: {reason(error)}; choose another --out") from error
    return True


def check_free(path: Path, known: tuple[str, ...]) -> None:
    """Raise :class:`UserError` if the folder holds a run, a pack or more than leftovers of a start that was killed."""
    if is_run(path) or is_pack(path):
        raise UserError(
            f"{path} already holds a run; go on with it by `coalactl train --resume {typed(path)}`, "
            "or choose another --out",
            ExitCode.RUN_CONFLICT,
        )
    remove_temporary_files(path)
    strangers = sorted(entry.name for entry in path.iterdir() if entry.name not in (*known, "lock"))
    if strangers:
        raise UserError(f"{path} is not empty (it holds {strangers[0]}); choose another --out")


def utc_now() -> str:
    """The time as the files of a run give it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _finite_or_none(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
