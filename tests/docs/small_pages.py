"""What the pages train, at small sizes: their commands with others behind them, and engines that are shared."""

from __future__ import annotations

import dataclasses
import json
import tomllib
from functools import cached_property
from pathlib import Path
from typing import Any

from pages import ROOT

from coalactl.configuration import plain
from coalactl_core.configuration.experiment import SequenceExperiment
from coalactl_core.layout.compute import with_chosen_compute
from coalactl_core.methods import find_method
from coalactl_core.training import engine as training

SHRUNK = {
    "rollout.meta_batch_size": 2,
    "rollout.batch_size": 4,
    "rollout.inner_episodes": 2,
    "rollout.inner_episode_length": 3,
    "network.width": 8,
    "network.heads": 2,
    "network.mlp_width": 8,
    "population.naive": 2,
}
# Of agents that are a model of what they play, in a network of their own.
PPI = {
    **{key: value for key, value in SHRUNK.items() if key not in ("network.heads", "network.mlp_width")},
    "rollout.inner_episodes": 1,
    "network.embedding": 4,
    "ppi.phases": 3,
    "ppi.epochs": 1,
    "ppi.batch": 4,
    "ppi.first_histories": 8,
    "ppi.samples": 2,
    "ppi.horizon": 2,
}
ANALYTICAL = {"run.seeds": 2, "naive.learners": 2, "naive.steps": 2}
START, RESUMED = "2", "3"
NETWORK = "network_of_the_docs:elman_policy"
DOCS = ROOT / "docs"


build_engine = training.build_engine
_engines: dict[str, Any] = {}


def shared_engine(experiment: SequenceExperiment) -> Any:
    """One engine for all experiments with the same static choices: tracing and compiling is nearly all the time."""
    tree = plain(experiment)
    static = {
        **{key: tree[key] for key in ("network", "rollout", "compute", "population")},
        **{f"meta.{key}": tree["meta"][key] for key in ("algorithm", "epochs", "minibatches", "optimizer")},
        "naive": experiment.naive.static_choices,
        "learning": repr(
            [(each.agents, find_method(each.method).rule, each.batch_critic) for each in experiment.groups]
        ),
    }
    if "ppi" in experiment.methods:
        static["ppi"] = tree["ppi"]
    built = build_engine(experiment)
    static["environment"] = repr(built.rollout_of(0).environment)  # One environment may have several names.
    first = _engines.setdefault(json.dumps(static), built)
    for name, member in vars(type(first)).items():
        if isinstance(member, cached_property):
            getattr(first, name)  # Functions that are traced once for all that share the engine.
    engine = dataclasses.replace(first, experiment=with_chosen_compute(experiment))
    engine.__dict__.update({**first.__dict__, "experiment": engine.experiment})
    return engine


def shrunk(arguments: list[str]) -> list[str]:
    """The arguments with small sizes: those of a new run after all others, so that they win."""
    if arguments[:1] == ["sweep"]:
        return shrunk_sweep(arguments)
    if arguments[:1] != ["train"] or "--dry-run" in arguments:
        return arguments
    if "--resume" in arguments:
        return with_option(arguments, "--iterations", RESUMED) if "--iterations" in arguments else arguments
    values: dict[str, Any] = SHRUNK if names_a_network(arguments) else {**SHRUNK, "network.name": NETWORK}
    if any(word.startswith("analytical-") for word in arguments):
        values = ANALYTICAL
    if any("-ppi" in word for word in arguments):
        values = PPI
    sizes = [word for key, value in values.items() for word in ("--set", f"{key}={value}")]
    return [*with_option(arguments, "--iterations", START), *sizes]


def shrunk_sweep(arguments: list[str]) -> list[str]:
    """A sweep of one trial, in this process: other processes would not find the small network."""
    if "--resume" in arguments or "--dry-run" in arguments:
        return arguments
    kept = list(arguments)
    if "--executor" in kept:
        for option in {"--executor", "--jobs"} & set(kept):
            place = kept.index(option)
            del kept[place : place + 2]
    values = {**SHRUNK, "network.name": NETWORK, "run.iterations": START, "meta.method": "coala-pg"}
    small = [f"{key}={value}" for key, value in {**values, "selection.seeds": [0], "meta.learning_rate": 0.1}.items()]
    if "final.seeds" not in " ".join(kept):
        small.append("final.seeds=[7]")
    return [*kept, *(word for assignment in small for word in ("--set", assignment))]


def names_a_network(arguments: list[str]) -> bool:
    """Whether a file asks for a network that is not the default one."""
    files = [Path(word) for word in arguments if word.endswith(".toml")]
    tables = [tomllib.loads(file.read_text()).get("network", {}) for file in files]
    return any(table.get("name", "hawk") != "hawk" for table in tables)


def with_option(arguments: list[str], option: str, value: str) -> list[str]:
    if option not in arguments:
        return [*arguments, option, value]
    place = arguments.index(option)
    return [*arguments[: place + 1], value, *arguments[place + 2 :]]
