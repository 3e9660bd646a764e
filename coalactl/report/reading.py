"""Which runs there are below the given paths, what counts, and what does not and why.

Only finished runs give numbers: the others are at another iteration, and are told by name. Of a sweep the final runs
count; its trials chose the hyperparameters.
"""

from __future__ import annotations

import itertools
import os
import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from coalactl.agents import Agents, agents_of
from coalactl.errors import UserError
from coalactl.paths import nameable, printable, usable
from coalactl.report.configurations import result_keys
from coalactl.report.evaluations import read_evaluations
from coalactl.runs.directory import RunDirectory, Status, is_pack, is_run
from coalactl.runs.files import read_json
from coalactl.runs.layout import Folders
from coalactl.runs.metric_files import read_episodes, read_metrics
from coalactl.summary import POLICY, last_rows, measure_of

_DEPTH = 8
_SUPERSEDED = "superseded"
_BROKEN = "left out: a symbolic link to what is not there"


@dataclass(frozen=True)
class Run:
    """A finished run with its metric rows; one or, if analytical, several training seeds."""

    name: str
    """Its path from the common folder of the report's runs."""
    directory: RunDirectory
    config: Mapping[str, Any]
    provenance: Mapping[str, Any]
    status: Status
    evaluations: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    """By name; of runs with one training seed."""
    agents: Agents | None = None
    """Those whose rows count; all where None."""

    @property
    def kind(self) -> str:
        """``sequence`` or ``analytical``."""
        return str(self.config.get("kind", "sequence"))

    @property
    def seeds(self) -> tuple[int, ...]:
        """The training seeds, in order."""
        section = self.config["run"]
        first = int(section["seed"])
        return tuple(range(first, first + int(section.get("seeds", 1))))

    def by_agents(self) -> Iterator[tuple[Agents, Run]]:
        """The run as each method in its pool has it; itself where there is one."""
        found = agents_of(self.config)
        if len(found) == 1:
            yield found[0], self
            return
        for agents in found:
            evaluations = {name: _of_agents(rows, agents) for name, rows in self.evaluations.items()}
            yield agents, replace(self, agents=agents, evaluations=evaluations)

    @cached_property
    def metrics(self) -> pd.DataFrame:
        """A row an iteration, seed and agent."""
        return self._counted(read_metrics(self.directory))

    @cached_property
    def final(self) -> pd.DataFrame:
        """A row a seed: means over agents and the last tenth of the iterations."""
        return self.seed_means(last_rows(self.metrics, self.status.iterations))

    @cached_property
    def untrained(self) -> pd.DataFrame:
        """A row a seed: means over agents at iteration 0."""
        return self.seed_means(self.metrics[self.metrics["iteration"] == 0])

    @cached_property
    def within(self) -> pd.DataFrame:
        """seed, opponent, metric, inner_episode, value: means over agents and the last tenth of the iterations."""
        return self._episode_means(last_rows(self._episodes, self.status.iterations))

    @cached_property
    def within_untrained(self) -> pd.DataFrame:
        """The same at iteration 0."""
        return self._episode_means(self._episodes[self._episodes["iteration"] == 0])

    def curve(self, column: str) -> pd.DataFrame:
        """A row an iteration, a column a seed: means over agents; where the column was measured."""
        if column not in self.metrics:
            return pd.DataFrame()
        known = self.metrics[["iteration", "seed", column]].dropna()
        curves: pd.DataFrame = known.pivot_table(index="iteration", columns="seed", values=column)
        return curves

    @staticmethod
    def seed_means(rows: pd.DataFrame) -> pd.DataFrame:
        """A row a seed, of what is measured and what policies are."""
        columns = [column for column in rows.columns if measure_of(str(column)) or POLICY.fullmatch(str(column))]
        return rows.groupby("seed")[columns].mean()

    @cached_property
    def _episodes(self) -> pd.DataFrame:
        return self._counted(read_episodes(self.directory))

    def _counted(self, rows: pd.DataFrame) -> pd.DataFrame:
        """With their seed, of the agents that count."""
        rows = rows if "seed" in rows else rows.assign(seed=self.seeds[0])
        return rows if self.agents is None else _of_agents(rows, self.agents)

    @staticmethod
    def _episode_means(rows: pd.DataFrame) -> pd.DataFrame:
        keys = ["seed", "opponent", "metric", "inner_episode"]
        return rows.groupby(keys)["value"].mean().reset_index()


def _of_agents(rows: pd.DataFrame, agents: Agents) -> pd.DataFrame:
    return rows[rows["agent"].isin(agents.numbers)]


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


class Found(NamedTuple):
    """All that a report is made from."""

    root: Path
    runs: tuple[Run, ...]
    sweeps: tuple[SweepFound, ...]
    problems: tuple[Problem, ...]


def find(paths: Sequence[Path], root: Path | None = None, only: Collection[str] | None = None) -> Found:
    """Everything below the paths, of runs those named in ``only``.

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
    seen = _Seen({}, {}, {})
    folders = Folders(paths)
    for path in itertools.chain([path.resolve() for path in paths], folders.linked()):
        for place in _places(path, _DEPTH, folders):
            _take(place, root, only, seen)
    seen.problems.update({link: Problem(_name(link, root), _BROKEN) for link in folders.broken})
    seen.problems.update(_unfinished_sweeps(seen.sweeps, set(seen.runs) | set(seen.problems), root))
    kept, doubled = _without_doubles(seen.runs)
    told = sorted({**seen.problems, **doubled}.items())
    return Found(
        root, tuple(kept), tuple(seen.sweeps[place] for place in sorted(seen.sweeps)), tuple(p for _, p in told)
    )


def _of_evaluation(path: Path) -> Path:
    """The run of a folder of evaluations; any other path as it is."""
    path = path.resolve()
    return path.parent if path.name == "eval" and is_run(path.parent) else path


class _Seen(NamedTuple):
    """By place, so that paths within one another count once."""

    runs: dict[Path, Run]
    sweeps: dict[Path, SweepFound]
    problems: dict[Path, Problem]


def _take(place: Path, root: Path, only: Collection[str] | None, seen: _Seen) -> None:
    name = _name(place, root)
    try:
        if is_run(place):
            if only is None or name in only:
                run = _read_run(place, name)
                found = dict(read_evaluations(place))
                good = {path.stem: rows for path, rows in found.items() if not isinstance(rows, str)}
                seen.runs[place] = replace(run, evaluations=good)
                for path, rows in found.items():
                    if isinstance(rows, str):
                        seen.problems[path] = Problem(_name(path, root), rows)
        elif is_sweep(place):
            seen.sweeps[place] = _read_sweep(place, name)
            seen.problems.update(_failures(place, root))
        else:
            seen.problems.update(_missing_seeds(place, root))
    except UserError as error:
        seen.problems[place] = Problem(name, str(error).replace(printable(str(place)), name))


def common_root(paths: Sequence[Path]) -> Path:
    """The folder that names of runs start from: above all paths, and never a run itself."""
    places = [path.resolve() for path in paths]
    places = [place.parent if is_run(place) or is_pack(place) or is_sweep(place) else place for place in places]
    return Path(os.path.commonpath(places))


def is_sweep(path: Path) -> bool:
    """Whether the folder is a sweep's."""
    return (path / "sweep.toml").is_file()


def _places(folder: Path, depth: int, folders: Folders) -> Iterator[Path]:
    """Runs, packs and sweeps at and below a folder; of a sweep its final runs, or its trials where no others follow."""
    if is_run(folder):
        yield folder
        return
    if is_sweep(folder) or is_pack(folder):
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


def _read_run(path: Path, name: str) -> Run:
    nameable(path)
    directory = RunDirectory.open(path)
    status = directory.read_status()
    if status.state != "finished":
        raise UserError(f"{_state(directory, status)} at iteration {status.iteration} of {status.iterations}")
    run = Run(name, directory, directory.read_config(), directory.read_provenance(), status)
    if not isinstance(run.config.get("run"), Mapping) or "seed" not in run.config["run"]:
        raise UserError(f"{name}: its config.toml has no run.seed; another version has written it")
    if run.metrics.empty:
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
        place = path / f"seed-{seed}"
        if not is_run(place):
            yield place, Problem(_name(place, root), "missing: pack.json names it, but there is no such run")


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
        place = path / "trials" / file.stem
        yield place, Problem(_name(place, root), f"failed: {read_json(file).get('reason', 'no reason recorded')}")


def _unfinished_sweeps(
    sweeps: Mapping[Path, SweepFound], known: set[Path], root: Path
) -> Iterator[tuple[Path, Problem]]:
    for path, sweep in sweeps.items():
        if not sweep.selection and "final" in sweep.tables:
            yield path, Problem(sweep.name, "unfinished: nothing is selected yet (no selection.json)")
        final = sweep.tables.get("final", {})
        seeds = final.get("seeds", ()) if isinstance(final, Mapping) else ()
        for method in sweep.selection:
            for place in (path / "final" / method / f"seed-{seed}" for seed in seeds):
                if place not in known:
                    yield place, Problem(_name(place, root), "missing: a final run of the sweep")


def _without_doubles(runs: Mapping[Path, Run]) -> tuple[list[Run], dict[Path, Problem]]:
    """Of runs with the same configuration and seeds the newest: counting one twice would narrow the intervals."""
    newest_first = sorted(runs, key=lambda place: (runs[place].provenance.get("started", ""), str(place)), reverse=True)
    kept: dict[str, Path] = {}
    doubled: dict[Path, Problem] = {}
    for place in newest_first:
        first = kept.setdefault(_experiment(runs[place]), place)
        if first != place:
            what = f"left out: the same configuration and seed as {runs[first].name}, which is newer"
            doubled[place] = Problem(runs[place].name, what)
    return [runs[place] for place in sorted(kept.values())], doubled


def _experiment(run: Run) -> str:
    return repr((sorted(result_keys(run.config).items()), run.seeds))


def _name(place: Path, root: Path) -> str:
    return printable(Path(os.path.relpath(place, root)).as_posix())
