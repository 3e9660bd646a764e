"""A pack: the runs of several seeds that train in one program, ``DIR/seed-S/`` each a run directory of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from coalactl.errors import ExitCode, UserError
from coalactl.runs.directory import RunDirectory, check_free, is_pack, is_run, starting_in
from coalactl.runs.files import read_json, remove, write_failures, write_json
from coalactl.runs.layout import refuse_links
from coalactl.runs.locking import allow_locks, hold_lock


class Pack:
    """The path of a pack and its runs in the order of their seeds."""

    def __init__(self, path: Path | str, seeds: Sequence[int]) -> None:
        self.path = Path(path)
        self.seeds = tuple(seeds)
        self.pack_file = self.path / "pack.json"
        self.lock_file = self.path / "lock"
        self.runs = tuple(RunDirectory(self.path / f"seed-{seed}") for seed in self.seeds)

    @classmethod
    def create(cls, path: Path | str, configs: Mapping[int, Mapping[str, Any]], provenance: Mapping[str, Any]) -> Pack:
        """Make a run for each seed, given its configuration; ``pack.json`` is written last, then the pack exists."""
        pack = cls(path, tuple(configs))
        allow_locks(len(pack.runs))
        with starting_in(pack.path):
            _clear_unfinished_start(pack.path)
            for run, config in zip(pack.runs, configs.values(), strict=True):
                RunDirectory.create(run.path, config, provenance)
            with write_failures(pack.pack_file):
                write_json(pack.pack_file, {"seeds": list(pack.seeds)})
        return pack

    @classmethod
    def open(cls, path: Path | str) -> Pack:
        """An existing pack; raises :class:`UserError` if there is none or a run of it is missing."""
        if not is_pack(Path(path)):
            raise UserError(f"{path} is not a pack of runs: it has no pack.json")
        seeds = read_json(Path(path) / "pack.json").get("seeds")
        if not isinstance(seeds, list) or not all(isinstance(seed, int) for seed in seeds):
            raise UserError(f"{Path(path) / 'pack.json'} is damaged: it names no seeds", ExitCode.DAMAGED)
        pack = cls(path, seeds)
        refuse_links((pack.pack_file, pack.lock_file, *(run.path for run in pack.runs)))
        for run in pack.runs:
            RunDirectory.open(run.path)
        return pack

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Be the one writer of the pack and of every run in it; raises :class:`UserError` (conflict)."""
        allow_locks(len(self.runs))
        with ExitStack() as locks:
            locks.enter_context(hold_lock(self.lock_file))
            for run in self.runs:
                locks.enter_context(run.lock())
            yield


def runs_at(path: Path) -> tuple[RunDirectory, ...]:
    """The run at a path, or those of the pack there; raises :class:`UserError` if there is neither."""
    return tuple(Pack.open(path).runs) if is_pack(path) else (RunDirectory.open(path),)


def _clear_unfinished_start(path: Path) -> None:
    """Remove runs of a start that was killed before ``pack.json``, as long as nothing has been trained in them."""
    for folder in [] if is_pack(path) or is_run(path) else path.glob("seed-*"):
        run = RunDirectory(folder)
        if not any(entry for part in (run.manifests_dir, run.metrics_dir) if part.is_dir() for entry in part.iterdir()):
            remove(folder)
    check_free(path, known=())
