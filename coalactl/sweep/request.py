"""What the user asked ``coalactl sweep`` for; free of JAX and pydantic, so that slips are told at once."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

from coalactl.errors import UserError
from coalactl.paths import usable


class Executor(StrEnum):
    """Who trains the trials."""

    PACKED = "packed"
    PROCESS = "process"
    RAY = "ray"


class SweepRequest(NamedTuple):
    """The command line of ``sweep``."""

    sweep: str | None
    overrides: dict[str, Any]
    out: Path | None
    resume: Path | None
    executor: Executor | None
    jobs: int | None
    emit_slurm: Path | None
    dry_run: bool
    json: bool
    quiet: bool
    track: tuple[str, ...] | None = None
    """The trackers; None where they are those that the sweep has kept."""

    @classmethod
    def of_parts(
        cls, *, out: Path | None, executor: Executor | None, jobs: int | None, json: bool, quiet: bool
    ) -> SweepRequest:
        """Who is to train the parts of something larger, which names them and goes on with them itself."""
        return cls(
            sweep=None,
            overrides={},
            out=out,
            resume=None,
            executor=executor,
            jobs=jobs,
            emit_slurm=None,
            dry_run=False,
            json=json,
            quiet=quiet,
        )

    @property
    def works_as(self) -> Executor:
        """``--jobs`` alone asks for processes."""
        if self.executor is not None:
            return self.executor
        return Executor.PROCESS if self.jobs is not None and self.jobs > 1 else Executor.PACKED


def checked(request: SweepRequest) -> SweepRequest:
    """The request, if its options fit each other and its paths can be what they should be."""
    for path in (request.out, request.resume, request.emit_slurm):
        usable(path)
    if request.resume is not None:
        others = {
            "--out": request.out,
            "--set": request.overrides,
            "SWEEP": request.sweep,
            "--dry-run": request.dry_run,
        }
        for option, value in others.items():
            if value:
                raise UserError(f"{option}: it does not go with --resume, which continues a sweep as it is")
        _check_sweep(request.resume)
    if request.out is not None and request.out.exists() and not request.out.is_dir():
        raise UserError(f"--out {request.out}: it is a file; give a directory that does not exist yet")
    _check_executor(request)
    return request


def _check_executor(request: SweepRequest) -> None:
    if request.executor is Executor.PACKED and request.jobs not in (None, 1):
        raise UserError(f"--jobs {request.jobs}: the packed executor is one process; use --executor process")
    if request.emit_slurm is None:
        return
    for option, value in (("--executor", request.executor), ("--dry-run", request.dry_run)):
        if value:
            raise UserError(f"{option}: it does not go with --emit-slurm, which only writes a script")
    if request.emit_slurm.exists():
        raise UserError(f"--emit-slurm {request.emit_slurm}: it exists already; give another name")
    if not request.emit_slurm.absolute().parent.is_dir():
        raise UserError(f"--emit-slurm {request.emit_slurm}: its directory does not exist")


def _check_sweep(path: Path) -> None:
    usable(path / "sweep.toml")
    if not path.exists():
        raise UserError(f"--resume {path}: no such directory")
    if not path.is_dir():
        raise UserError(f"--resume {path}: not a directory; a sweep is a directory with a sweep.toml")
    if not (path / "sweep.toml").exists():
        raise UserError(f"--resume {path}: not a sweep: there is no sweep.toml in it")
