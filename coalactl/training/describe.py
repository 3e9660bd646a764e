"""``train --dry-run``: the resolved configuration with the source of each value, and what the training would take."""

from __future__ import annotations

import json as json_format
from collections.abc import Mapping
from typing import Any

import jax

from coalactl.configuration import Resolved, plain
from coalactl.engines import Engine
from coalactl.output import emit, emit_json
from coalactl.pace.estimates import Planned, estimate
from coalactl.presets import Preset
from coalactl.words import quantity, size
from coalactl_core.configuration.analytical import AnalyticalExperiment
from coalactl_core.configuration.kinds import Experiment

# Bytes that a compressed Parquet file takes for a value, and what a file costs at least.
_BYTES_PER_VALUE = 4


def describe(engine: Engine, resolved: Resolved, preset: Preset, runs: int, *, json: bool) -> None:
    """Prints what a training would do; nothing is written, compiled or measured."""
    iterations = resolved.experiment.run.iterations
    time = estimate([Planned(engine.experiment, runs)])
    needs: dict[str, Any] = {
        "parameters_per_agent": engine.sizes.parameter_count,
        "steps_per_iteration": engine.sizes.steps_per_iteration,
        "steps": engine.sizes.steps_per_iteration * iterations * runs,
        "memory_bytes": engine.memory.needed(runs),
        "disk_bytes": disk_estimate(engine, runs),
        "estimated_seconds": time.seconds,
    }
    if json:
        tree = plain(resolved.experiment)
        emit_json({"preset": preset.name, "runs": runs, "config": tree, "sources": resolved.sources, **needs})
        return
    emit(explain(resolved))
    # As comments: the whole is a file that trains.
    emit(f"# preset:       {preset.name} ({preset.path})")
    emit(f"# runs:         {runs}")
    emit(f"# parameters:   {needs['parameters_per_agent']} of each agent")
    if engine.sizes.steps_per_iteration:
        emit(
            f"# steps:        {quantity(needs['steps_per_iteration'])} an iteration, {quantity(needs['steps'])} in all"
        )
    for line in costs_in_words(engine.experiment):
        emit(f"# cost:         {line}")
    emit(f"# memory:       about {size(needs['memory_bytes'])}")
    emit(f"# disk:         about {size(needs['disk_bytes'])}")
    emit(f"# time:         {time.words}")


def costs_in_words(experiment: Experiment) -> list[str]:
    """What rules tell of an iteration that takes far more than what is played."""
    if isinstance(experiment, AnalyticalExperiment):
        return []
    settings = [experiment.settings_of(method) for method in dict.fromkeys(experiment.methods)]
    lines = ["" if own is None else own.cost_in_words(experiment) for own in settings]
    return [line for line in lines if line]


def explain(resolved: Resolved) -> str:
    """The configuration as TOML, each value with its source in a comment beside it."""
    sections: dict[str, list[tuple[str, str]]] = {}
    for key, value in resolved.values.items():
        section, dot, name = key.partition(".")
        line = f"{name if dot else key} = {toml_value(value)}"
        sections.setdefault(section if dot else "", []).append((line, resolved.sources[key]))
    width = min(60, max(len(line) for lines in sections.values() for line, _ in lines))
    text = []
    for section, lines in sections.items():
        text += [f"[{section}]"] if section else []
        text += [f"{line:<{width}}  # {source}" for line, source in lines]
        text.append("")
    return "\n".join(text)


def toml_value(value: Any) -> str:
    """A value as TOML writes it in one line."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return json_format.dumps(value, ensure_ascii=False)
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {toml_value(entry)}" for key, entry in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(toml_value(entry) for entry in value) + "]"
    return repr(value)


def disk_estimate(engine: Engine, runs: int) -> int:
    """Checkpoints that are kept, one that is being written, and the metric files; in bytes, rough."""
    run = engine.experiment.run
    state_bytes = sum(leaf.size * _item_size(leaf) for leaf in jax.tree.leaves(engine.run_template))
    rows = run.iterations // run.log_every + 1
    return runs * ((run.keep + 1) * state_bytes + rows * engine.sizes.metric_count * _BYTES_PER_VALUE)


def _item_size(leaf: jax.ShapeDtypeStruct) -> int:
    return 8 if jax.numpy.issubdtype(leaf.dtype, jax.dtypes.prng_key) else leaf.dtype.itemsize
