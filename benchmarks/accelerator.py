"""What an accelerator makes of a training iteration: its time, its memory, and the kernels that it starts.

    python benchmarks/accelerator.py [PRESET] [--set KEY=VALUE] [--runs 1] [--iterations 20] [--kernels N] [--json]

Told are seconds to build (import to compiled), seconds an iteration after one that is not counted, environment steps a
second of all runs, the peak of the accelerator's memory beside its estimate, and what the preset's iterations would
take. ``--kernels N`` compiles a program of one iteration and profiles it: how many kernels and copies are started, the
time they run, and the N operations that take most, with where in the program they come from. Kernels of a graph (XLA's
command buffer) count as one operation; ``XLA_FLAGS=--xla_gpu_enable_command_buffer=`` shows each, and is slower.
"""

from __future__ import annotations

import argparse
import json
import re
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import jax

from coalactl.configuration import resolve
from coalactl.engines import sequence_engine_for
from coalactl.overrides import parse_overrides
from coalactl.presets import find_preset, read_preset
from coalactl_core.training.engine import SequenceEngine
from coalactl_core.types import TrainState

# An instruction of a compiled program: its name, and the path of what it was traced from.
_INSTRUCTION = re.compile(r"%?([\w.-]+) = .*op_name=\"([^\"]*)\"")


def engine_of(preset: str, settings: list[str]) -> SequenceEngine:
    """The engine of a preset with values of its own, compiled as the tool compiles it."""
    found = find_preset(preset)
    overrides = {key: (value, "--set") for key, value in parse_overrides(settings).items()}
    experiment = resolve(read_preset(found), found.label, overrides).experiment
    assert experiment.kind == "sequence"  # noqa: S101  the exact games have a benchmark of their own
    return sequence_engine_for(experiment)


def operations(folder: Path) -> Iterator[tuple[str, float]]:
    """Each kernel, copy or graph that a trace has of streams of GPUs: its operation, and milliseconds."""
    for path in folder.rglob("*.xplane.pb"):
        for plane in jax.profiler.ProfileData.from_file(str(path)).planes:
            streams = [line for line in plane.lines if "GPU" in plane.name and line.name.startswith("Stream")]
            for event in (event for line in streams for event in line.events):
                stats = {key: value for key, value in event.stats if key}
                yield str(stats.get("hlo_op") or event.name), event.duration_ns / 1e6


def profile(program: Callable[[], Any]) -> tuple[Counter[str], Counter[str]]:
    """Milliseconds and number of starts of each operation of a call."""
    spent: Counter[str] = Counter()
    starts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder):
            jax.block_until_ready(program())
        for operation, milliseconds in operations(Path(folder)):
            spent[operation] += milliseconds
            starts[operation] += 1
    return spent, starts


def show_kernels(engine: SequenceEngine, state: TrainState, most: int) -> None:
    """Prints what one iteration starts."""
    plain = replace(engine, compiler_options=())  # only a program by itself can have some
    program = jax.jit(partial(plain.advance, count=1)).lower(state).compile()
    origins = dict(match.groups() for match in map(_INSTRUCTION.search, program.as_text().splitlines()) if match)
    jax.block_until_ready(program(state))
    spent, starts = profile(partial(program, state))
    print(f"kernels and copies: {starts.total()}, {spent.total():.2f} ms")
    for operation, milliseconds in spent.most_common(most):
        origin = origins.get(operation, "")[-80:]
        print(f"{milliseconds:9.3f} ms {starts[operation]:8d} times  {operation:<36} {origin}")


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("preset", nargs="?", default="ipd-shaping")
    parser.add_argument("--set", action="append", default=[], dest="settings", metavar="KEY=VALUE")
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--iterations", type=int, default=20)
    parser.add_argument("--kernels", type=int, default=0, metavar="N")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    began = time.perf_counter()
    engine = engine_of(given.preset, given.settings)
    state = engine.init(range(given.runs))
    engine.compile(state)
    built = time.perf_counter() - began
    state, _ = jax.block_until_ready(engine.advance(state, 1))
    began, left = time.perf_counter(), given.iterations
    while left:
        count = min(left, engine.sizes.call_capacity)
        state, _ = jax.block_until_ready(engine.advance(state, count))
        left -= count
    seconds = (time.perf_counter() - began) / given.iterations
    memory = (jax.local_devices()[0].memory_stats() or {}).get("peak_bytes_in_use")
    found: dict[str, Any] = {
        "device": jax.devices()[0].device_kind,
        "jax": jax.__version__,
        "preset": given.preset,
        "settings": given.settings,
        "runs": given.runs,
        "iterations": given.iterations,
        "meta_batch_chunk": engine.experiment.compute.meta_batch_chunk,
        "build_seconds": built,
        "iteration_seconds": seconds,
        "steps_per_iteration": engine.sizes.steps_per_iteration * given.runs,
        "steps_per_second": engine.sizes.steps_per_iteration * given.runs / seconds,
        "peak_bytes": memory,
        "estimated_bytes": engine.memory.needed(given.runs),
        "whole_run_hours": seconds * engine.experiment.run.iterations / 3600,
    }
    print(json.dumps(found) if given.json else "\n".join(f"{key:<20} {value}" for key, value in found.items()))
    if given.kernels:
        show_kernels(engine, state, given.kernels)


if __name__ == "__main__":
    main()
