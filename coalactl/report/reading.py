"""Which runs there are below the given paths, what counts, and what does not and why.

Only finished runs give numbers: the others are at another iteration, and are told by name. Of a sweep the final runs
count; its trials chose the hyperparameters.
"""

from __future__ import annotations

import itertools
import os
import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from coalactl.errors import UserError
from coalactl.paths import nameable, printable, usable
from coalactl.report.configurations import result_keys
from coalactl.report.evaluations import read_evaluations
from coalactl.report.finished import Run
from coalactl.report.league import League, is_league, read_league
from coalactl.runs.directory import RunDirectory, Status, is_pack, is_run
from coalactl.runs.files import read_json
from coalactl.runs.layout import Folders

_DEPTH = 8
_SUPERSEDED = "superseded"
_Evaluations = Mapping[str, pd.DataFrame]
_BROKEN = "left out: a symbolic link to what is not there"


class Problem(NamedTuple):
    """What gives no numbers, and why."""

    name: str
    what: str


class SweepFound(NamedTuple):
    """A sweep folder: what was chosen, by method."""

    name: str
    path: Path
    tables: Mapping[str, Any]
    selection: Mapping[str, Any]
    trials: int


class Material(NamedTuple):
    """All that a report is made from."""

    root: Path
    runs: tuple[Run, ...]
    sweeps: tuple[SweepFound, ...]
    problems: tuple[Problem, ...]
    others: tuple[Other, ...] = ()
    """What was to be left out."""
    leagues: tuple[League, ...] = ()


class Other(NamedTuple):
    """A finished run, or one of its evaluations."""

    run: str
    evaluation: str = ""

    @property
    def path(self) -> str:
        """As problems name it."""
        return f"{self.run}/eval/{self.evaluation}.parquet" if self.evaluation else self.run


Only = Mapping[str, Collection[str]]
"""The runs that count, each with the names of its evaluations that do, and the leagues, with none."""


def find(paths: Sequence[Path], root: Path | None = None, only: Only | None = None) -> Material:
    """Everything below the paths; with ``only`` no other runs and evaluations.

    Raises :class:`UserError` where a path is nothing that a report can be made of.
    """
    for path in paths:
        usable(path)
        if not path.exists():
            raise UserError(f"{path}: there is no such run, pack, sweep or folder of them")
        if not path.is_dir():
            raise UserError(f"{path}: not a directory; give a run, a pack, a sweep or a folder of them")
    paths = [_of_evaluation(path) for path in paths]
    root = common_root(paths) if root is None else root
    seen = _Seen({}, {}, {}, [], {})
    folders = Folders(paths)
    for folder in itertools.chain([path.resolve() for path in paths], folders.linked()):
        for path in _places(folder, _DEPTH, folders):
            _take(path, root, only, seen)
    seen.problems.update({link: Problem(_name(link, root), _BROKEN) for link in folders.broken})
    seen.problems.update(_unfinished_sweeps(seen.sweeps, set(seen.runs) | set(seen.problems), root))
    kept, doubled = _without_doubles(seen.runs)
    problems = tuple(problem for _, problem in sorted({**seen.problems, **doubled}.items()))
    sweeps = tuple(seen.sweeps[path] for path in sorted(seen.sweeps))
    leagues = tuple(seen.leagues[path] for path in sorted(seen.leagues))
    return Material(root, tuple(kept), sweeps, problems, tuple(dict.fromkeys(seen.others)), leagues)


def _of_evaluation(path: Path) -> Path:
    """The run of a folder of evaluations; any other path as it is."""
    path = path.resolve()
    return path.parent if path.name == "eval" and is_run(path.parent) else path


class _Seen(NamedTuple):
    """By place, so that paths within one another count once."""

    runs: dict[Path, Run]
    sweeps: dict[Path, SweepFound]
    problems: dict[Path, Problem]
    others: list[Other]
    leagues: dict[Path, League]


def _take(path: Path, root: Path, only: Only | None, seen: _Seen) -> None:
    name = _name(path, root)
    try:
        if is_run(path):
            if only is None or name in only:
                _take_run(path, root, None if only is None else only[name], seen)
            elif RunDirectory.open(path).read_status().state == "finished":
                seen.others.append(Other(name))
        elif is_league(path):
            if only is None or name in only:
                seen.leagues[path] = read_league(path, name)
            else:
                seen.others.append(Other(name))
        elif is_sweep(path):
            seen.sweeps[path] = _read_sweep(path, name)
            seen.problems.update(_failures(path, root))
        else:
            seen.problems.update(_missing_seeds(path, root))
    except UserError as error:
        seen.problems[path] = Problem(name, str(error).replace(printable(str(path)), name))


def _take_run(folder: Path, root: Path, evaluations: Collection[str] | None, seen: _Seen) -> None:
    good: dict[str, pd.DataFrame] = {}
    by_step: dict[str, pd.DataFrame] = {}
    for path, rows in read_evaluations(folder):
        if evaluations is not None and path.stem not in evaluations:
            seen.others.append(Other(_name(folder, root), path.stem))
        elif isinstance(rows, str):
            seen.problems[path] = Problem(_name(path, root), rows)
        else:
            good[path.stem] = rows
    for path, rows in read_evaluations(folder, by_step=True):
        if isinstance(rows, str):
            seen.problems[path] = Problem(_name(path, root), rows)
        elif path.stem in good:
            by_step[path.stem] = rows
    seen.runs[folder] = _read_run(folder, _name(folder, root), good, by_step)


def common_root(paths: Sequence[Path]) -> Path:
    """The folder that names of runs start from: above all paths, and never a run itself."""
    paths = [path.resolve() for path in paths]
    ours = (is_run, is_pack, is_sweep, is_league)
    paths = [path.parent if any(each(path) for each in ours) else path for path in paths]
    return Path(os.path.commonpath(paths))


def is_sweep(path: Path) -> bool:
    """Whether the folder is a sweep's."""
    return (path / "sweep.toml").is_file()


def _places(folder: Path, depth: int, folders: Folders) -> Iterator[Path]:
    """Runs, packs, sweeps and leagues at and below a folder; of a sweep its final runs, or trials without such."""
    if is_run(folder):
        yield folder
        return
    if is_sweep(folder) or is_pack(folder) or is_league(folder):
        yield folder
    below = folder / _counting(folder) if is_sweep(folder) else folder
    for entry in folders.within(below) if depth else ():
        if entry.name != _SUPERSEDED:
            yield from _places(entry, depth - 1, folders)


def _counting(sweep: Path) -> str:
    """Where the runs of a sweep are that count: its trials, where its file asks for no final runs."""
    try:
        return "final" if "final" in tomllib.loads((sweep / "sweep.toml").read_text(encoding="utf-8-sig")) else "trials"
    except (OSError, ValueError, RecursionError):  # Told by name when the sweep is read.
        return "final"


def _read_run(path: Path, name: str, evaluations: _Evaluations, by_step: _Evaluations) -> Run:
    nameable(path)
    directory = RunDirectory.open(path)
    status = directory.read_status()
    if status.state != "finished":
        raise UserError(f"{_state(directory, status)} at iteration {status.iteration} of {status.iterations}")
    run = Run(name, directory, directory.read_config(), directory.read_provenance(), status, evaluations, by_step)
    if not isinstance(run.config.get("run"), Mapping) or "seed" not in run.config["run"]:
        raise UserError(f"{name}: its config.toml has no run.seed; another version has written it")
    if run.ends.empty:
        raise UserError(f"{name}: it has no metrics")
    missing = sorted(set(run.seeds) - set(run.final.index))
    if missing:
        raise UserError(f"{name}: its metrics lack seed {missing[0]}")
    return run


def _state(directory: RunDirectory, status: Status) -> str:
    return "stopped" if status.state == "running" and directory.holder() is None else status.state


def _missing_seeds(path: Path, root: Path) -> Iterator[tuple[Path, Problem]]:
    seeds = read_json(path / "pack.json").get("seeds")
    for seed in seeds if isinstance(seeds, list) else ():
        run = path / f"seed-{seed}"
        if not is_run(run):
            yield run, Problem(_name(run, root), "missing: pack.json names it, but there is no such run")


def _read_sweep(path: Path, name: str) -> SweepFound:
    try:
        tables = tomllib.loads((path / "sweep.toml").read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{name}/sweep.toml cannot be read") from error
    chosen = path / "selection.json"
    selection = read_json(chosen) if chosen.exists() else {}
    trials = path / "trials"
    count = sum(1 for entry in trials.iterdir() if entry.is_dir()) if trials.is_dir() else 0
    return SweepFound(name, path, tables, selection, count)


def _failures(path: Path, root: Path) -> Iterator[tuple[Path, Problem]]:
    """The trials that a sweep has recorded as failed."""
    for file in sorted((path / "failures").glob("*.json")):
        trial = path / "trials" / file.stem
        yield trial, Problem(_name(trial, root), f"failed: {read_json(file).get('reason', 'no reason recorded')}")


def _unfinished_sweeps(
    sweeps: Mapping[Path, SweepFound], known: set[Path], root: Path
) -> Iterator[tuple[Path, Problem]]:
    for path, sweep in sweeps.items():
        if not sweep.selection and "final" in sweep.tables:
            yield path, Problem(sweep.name, "unfinished: nothing is selected yet (no selection.json)")
        final = sweep.tables.get("final", {})
        seeds = final.get("seeds", ()) if isinstance(final, Mapping) else ()
        for method in sweep.selection:
            for folder in (path / "final" / method / f"seed-{seed}" for seed in seeds):
                if folder not in known:
                    yield folder, Problem(_name(folder, root), "missing: a final run of the sweep")


def _without_doubles(runs: Mapping[Path, Run]) -> tuple[list[Run], dict[Path, Problem]]:
    """Of runs with the same configuration and seeds the newest: counting one twice would narrow the intervals."""
    newest_first = sorted(runs, key=lambda path: (runs[path].provenance.get("started", ""), str(path)), reverse=True)
    kept: dict[str, Path] = {}
    doubled: dict[Path, Problem] = {}
    for path in newest_first:
        first = kept.setdefault(_experiment(runs[path]), path)
        if first != path:
            what = f"left out: the same configuration and seed as {runs[first].name}, which is newer"
            doubled[path] = Problem(runs[path].name, what)
    return [runs[path] for path in sorted(kept.values())], doubled


def _experiment(run: Run) -> str:
    return repr((sorted(result_keys(run.config).items()), run.seeds))


def _name(path: Path, root: Path) -> str:
    return printable(Path(os.path.relpath(path, root)).as_posix())
