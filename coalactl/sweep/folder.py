"""A sweep on disk: ``sweep.toml``, packs below ``trials/`` and ``final/``, claims, failures, and what is derived.

The packs and failure records are the truth; ``trials.csv`` and ``selection.json`` may be deleted and are made again.
"""

from __future__ import annotations

import fcntl
import os
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal, NamedTuple

import tomli_w

from coalactl.errors import ExitCode, UserError
from coalactl.paths import nameable, typed
from coalactl.runs.directory import RunDirectory, check_free, is_pack, is_sweep, make_folder, utc_now
from coalactl.runs.files import read_json, reason, remove, write_failures, write_json, write_text
from coalactl.runs.locking import lock_open_file
from coalactl.runs.pack import Pack
from coalactl.sweep.definition import Sweep, from_tables, to_tables
from coalactl.sweep.plan import Trial, final_trial, identity

FINAL = "final-"


class Job(NamedTuple):
    """A trial with the place of its pack, under the name that its claim and its failure record have."""

    name: str
    path: Path
    trial: Trial


class Failure(NamedTuple):
    """Why a trial has no result."""

    kind: str
    reason: str


class Standing(NamedTuple):
    """How far a job is, as its run directories tell."""

    state: Literal["open", "finished", "failed"]
    iterations: int = 0
    """Over all its runs."""
    failure: Failure | None = None


class SweepFolder:
    """The path of a sweep and the names of what is in it."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.sweep_file = self.path / "sweep.toml"
        self.trials_dir = self.path / "trials"
        self.final_dir = self.path / "final"
        self.superseded_dir = self.path / "superseded"
        self.claims_dir = self.path / "claims"
        self.failures_dir = self.path / "failures"
        self.trials_file = self.path / "trials.csv"
        self.selection_file = self.path / "selection.json"
        self.trackers_file = self.path / "trackers.json"
        self.log_file = self.path / "log.txt"

    @classmethod
    def create(cls, path: Path | str, sweep: Sweep) -> SweepFolder:
        """Make a new sweep, which exists from the moment ``sweep.toml`` does; refuses a place that holds something."""
        folder = cls(path)
        make_folder(folder.path)
        if is_sweep(folder.path):
            raise UserError(
                f"{path} already holds a sweep; go on with it by `coalactl sweep --resume {typed(path)}`, "
                "or choose another --out",
                ExitCode.RUN_CONFLICT,
            )
        check_free(folder.path, known=("claims", "failures", "trials", "final"))
        with write_failures(folder.path):
            for below in (folder.trials_dir, folder.final_dir, folder.claims_dir, folder.failures_dir):
                below.mkdir(exist_ok=True)
            write_text(folder.sweep_file, tomli_w.dumps(to_tables(sweep)))
        return folder

    @classmethod
    def open(cls, path: Path | str) -> SweepFolder:
        """An existing sweep; raises :class:`UserError` if there is none at the path."""
        folder = cls(path)
        nameable(folder.path)
        if not folder.path.is_dir():
            raise UserError(f"{path}: there is no such sweep folder")
        if not is_sweep(folder.path):
            raise UserError(f"{path} is not a sweep folder: it has no sweep.toml")
        with write_failures(folder.path):  # Copying a sweep may leave out empty folders.
            for below in (folder.trials_dir, folder.final_dir, folder.claims_dir, folder.failures_dir):
                below.mkdir(exist_ok=True)
        return folder

    def read_sweep(self) -> Sweep:
        """The sweep as it was resolved at the start."""
        try:
            tables = tomllib.loads(self.sweep_file.read_text(encoding="utf-8-sig"))
        except (OSError, ValueError, RecursionError) as error:
            raise UserError(f"{self.sweep_file} cannot be read: {reason(error)}", ExitCode.DAMAGED) from error
        return from_tables(tables, str(self.sweep_file))

    def job(self, trial: Trial) -> Job:
        """The place of a trial."""
        return Job(trial.id, self.trials_dir / trial.id, trial)

    def final_job(self, sweep: Sweep, chosen: Trial) -> Job:
        """The place of a method's final runs; final runs of another choice are put aside, none are deleted."""
        trial = final_trial(sweep, chosen)
        job = Job(f"{FINAL}{trial.method}", self.final_dir / trial.method, trial)
        with self.exclusively():
            other = _identity_of(job.path)
            if other not in (None, trial.id):
                with write_failures(job.path):
                    self.superseded_dir.mkdir(exist_ok=True)
                    folders = (self.superseded_dir / f"{other}-{number}" for number in range(1, 10_000))
                    os.rename(job.path, next(folder for folder in folders if not folder.exists()))
                self._failure_file(job).unlink(missing_ok=True)
        return job

    def standing(self, job: Job) -> Standing:
        """How far a job is."""
        recorded = self._failure_of(job)
        if not is_pack(job.path):
            return Standing("failed" if recorded else "open", 0, recorded)
        seeds = read_json(job.path / "pack.json").get("seeds", [])
        statuses = []
        for seed in seeds:
            with suppress(UserError):  # One that cannot be read only tells less: the checkpoints are what counts.
                statuses.append(RunDirectory(job.path / f"seed-{seed}").read_status())
        wanted = job.trial.experiment.run.iterations
        done = sum(status.iteration for status in statuses)
        ended = [status for status in statuses if status.state == "diverged" or status.iteration >= wanted]
        settled = len(ended) == len(seeds) and all(status.state in ("finished", "diverged") for status in ended)
        diverged = [status.seed for status in statuses if status.state == "diverged"]
        if settled and not diverged:
            return Standing("finished", done)
        if settled:
            seeds_in_words = ", ".join(map(str, diverged))
            return Standing("failed", done, recorded or Failure("diverged", f"diverged: seed {seeds_in_words}"))
        return Standing("failed" if recorded else "open", done, recorded)

    def record_failure(self, job: Job, failure: Failure) -> None:
        """Writes why a job has no result."""
        with write_failures(self.failures_dir):
            write_json(self._failure_file(job), {**failure._asdict(), "when": utc_now()})

    def forget_failures(self) -> None:
        """What failed is to be tried again; what has diverged would diverge again, and its runs say so themselves."""
        with self.exclusively():
            for file in self.failures_dir.glob("*.json"):
                with suppress(UserError):
                    if read_json(file).get("kind") == "diverged":
                        continue
                remove(file)

    @contextmanager
    def exclusively(self) -> Iterator[None]:
        """One process at a time, for moments: taking claims, writing what is derived."""
        lock_file = self.claims_dir / "lock"
        with write_failures(self.claims_dir):
            descriptor = os.open(lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
        try:
            lock_open_file(descriptor, lock_file, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _failure_file(self, job: Job) -> Path:
        return self.failures_dir / f"{job.name}.json"

    def _failure_of(self, job: Job) -> Failure | None:
        if not self._failure_file(job).exists():
            return None
        try:
            content = read_json(self._failure_file(job))
        except UserError as error:
            return Failure("unknown", str(error))
        return Failure(str(content.get("kind", "unknown")), str(content.get("reason", "")))


def _identity_of(path: Path) -> str | None:
    """The trial that a pack belongs to; None where there is none, or only the start of one."""
    from coalactl.trained import experiment_of

    if not is_pack(path):
        return None
    first: Any = Pack.open(path).runs[0]
    return identity(experiment_of(first))
