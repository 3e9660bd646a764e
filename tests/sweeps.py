"""A sweep that trains in a moment, and what must be true of one that has ended, whatever happened to it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import tomli_w
from processes import leftovers

from coalactl.presets import Preset
from coalactl.runs.checkpoints import steps
from coalactl.runs.directory import RunDirectory, is_pack
from coalactl.runs.finding import find_runs
from coalactl.runs.metric_files import read_episodes, read_metrics
from coalactl.runs.pack import Pack
from coalactl.sweep.definition import read_sweep
from coalactl.sweep.folder import SweepFolder
from coalactl.sweep.plan import plan

ITERATIONS = 3
RATES: dict[str, Any] = {"meta__learning_rate": [1e-2, 1e-3, 1e-4]}
# Of so many iterations that something can happen to it in the middle.
LONG: dict[str, Any] = {"iterations": 200, "every": 40, **RATES}
# A network that compiles much sooner than Hawk, from a module beside the sweep file.
_PAGE = Path(__file__).parents[1] / "docs" / "environments.md"
SIZES = {
    "rollout.meta_batch_size": 2,
    "rollout.batch_size": 2,
    "rollout.inner_episodes": 2,
    "rollout.inner_episode_length": 2,
    "network.name": "elman_of_sweeps:elman_policy",
    "network.width": 4,
    "network.heads": 2,
    "population.naive": 2,
    "meta.epochs": 1,
    "meta.minibatches": 1,
}


def write_sweep(
    file: str = "small.toml", *, iterations: int = ITERATIONS, every: int = 1, final: bool = True, **axes: list[object]
) -> str:
    """Two methods and two learning rates on two seeds, and two final seeds, unless there are to be no final runs."""
    write_network()
    content = {
        "preset": "ipd-shaping-quick",
        "axes": {key.replace("__", "."): values for key, values in axes.items()}
        or {"meta.method": ["coala-pg", "batch-unaware"], "meta.learning_rate": [1e-2, 1e-3]},
        "selection": {"metric": "reward_vs_naive", "direction": "max", "seeds": [0, 1]},
        **({"final": {"seeds": [7, 8]}} if final else {}),
        "set": {**SIZES, "run.iterations": iterations, "run.checkpoint_every": every},
    }
    Path(file).write_text(tomli_w.dumps(content))
    return file


def plan_small() -> None:
    """Such a sweep in the folder ``plan``, of which nothing is trained yet."""
    SweepFolder.create("plan", read_sweep(Preset("small", Path(write_sweep()), shipped=False), {}))


def write_network() -> None:
    """The module that SIZES names, in the current folder."""
    (network,) = re.findall(r"^```python elman\.py\n(.*?)^```", _PAGE.read_text(), re.MULTILINE | re.DOTALL)
    Path("elman_of_sweeps.py").write_text(network)


def packs_of(path: str | Path) -> dict[str, Pack]:
    """All packs of a sweep, by the place in it."""
    folders = [*Path(path, "trials").iterdir(), *Path(path, "final").iterdir()]
    return {folder.relative_to(path).as_posix(): Pack.open(folder) for folder in sorted(folders)}


def assert_every_trial_is_done_once(path: str | Path) -> None:
    """Each planned run is there, finished, and has every iteration once, in metrics and episodes; no claim is left."""
    sweep = SweepFolder.open(path).read_sweep()
    trials = plan(sweep)
    methods = {trial.method for trial in trials}
    packs = packs_of(path)
    assert set(packs) == {f"trials/{trial.id}" for trial in trials} | {f"final/{method}" for method in methods}
    for place, pack in packs.items():
        assert pack.seeds == (sweep.final.seeds if place.startswith("final") else sweep.selection.seeds)
        for run in pack.runs:
            assert_whole(run, trials[0].experiment.run.iterations)
    assert [file.name for file in Path(path, "claims").iterdir()] == ["lock"]
    assert list(Path(path, "failures").iterdir()) == []
    assert set(json.loads(Path(path, "selection.json").read_text())) == methods
    assert len(pd.read_csv(Path(path, "trials.csv"))) == len(trials)


def assert_whole(run: RunDirectory, iterations: int) -> None:
    """A finished run with rows of all iterations, none lost and none doubled."""
    status = run.read_status()
    assert (status.state, status.iteration) == ("finished", iterations)
    assert read_metrics(run)["iteration"].tolist() == list(range(iterations))
    episodes = read_episodes(run)
    assert not episodes.duplicated(["iteration", "agent", "opponent", "inner_episode", "metric"]).any()
    assert set(episodes["iteration"]) == set(range(iterations))
    assert leftovers(run.path) == []


def same_rows(one: str | Path, other: str | Path) -> bool:
    """Whether two sweeps have bit-identical rows, but for what the clock says."""
    ours, theirs = packs_of(one), packs_of(other)
    return ours.keys() == theirs.keys() and all(
        read_metrics(left).drop(columns="seconds").equals(read_metrics(right).drop(columns="seconds"))
        for place, pack in ours.items()
        for left, right in zip(pack.runs, theirs[place].runs, strict=True)
    )


def saved(path: str | Path) -> int:
    """How many iterations of all runs are in checkpoints."""
    return sum(max(steps(run), default=0) for run in find_runs(path))


def begun(path: str | Path) -> int:
    """How many runs of a sweep exist."""
    found = [folder for folder in Path(path, "trials").glob("*") if is_pack(folder)]
    return sum(len(Pack.open(folder).seeds) for folder in found)
