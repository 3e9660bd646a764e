"""A short measurement of this machine: some iterations of a small training of each kind of experiment."""

from __future__ import annotations

import time
from typing import NamedTuple

import jax

from coalactl.configuration import resolve
from coalactl.engines import engine_for
from coalactl.pace.records import leave, records_file
from coalactl.presets import find_preset, read_preset

# One of each kind of experiment; the first is what `coalactl train` takes by itself.
PRESETS = ("ipd-shaping-quick", "analytical-extortion")
_SECONDS = 2.0
_MOST_SECONDS = 6.0


class Calibration(NamedTuple):
    """What was measured of a preset."""

    preset: str
    iterations: int
    iteration_seconds: float
    compile_seconds: float
    share: float
    """Of the processor time that its devices could have had, what it had; 1 where that says nothing."""


def calibrate() -> list[Calibration]:
    """Measures and leaves it in the cache, if there is one; half a minute of processor time at the first."""
    return [_measured(preset) for preset in PRESETS] if records_file() is not None else []


def _measured(name: str) -> Calibration:
    preset = find_preset(name)
    engine = engine_for(resolve(read_preset(preset), preset.label, {}).experiment)
    state = engine.init(engine.experiment.seeds[:1])
    began = time.perf_counter()
    engine.compile(state)
    compiling = time.perf_counter() - began
    # Iterations of a call: what is asked of the engine once more is a small part of it.
    count, done, spent = 1, 0, 0.0
    state, _ = engine.advance(state, 1)
    processor = time.process_time()
    while spent < _SECONDS:
        began = time.perf_counter()
        state, metrics = engine.advance(state, count)
        jax.block_until_ready(metrics)
        took = time.perf_counter() - began
        done, spent = done + count, spent + took
        count = max(1, min(engine.sizes.call_capacity, int((_MOST_SECONDS - spent) / 2 / (took / count))))
    processor = time.process_time() - processor
    leave(engine, runs=1, iterations=done, seconds=spent, compile_seconds=compiling)
    share = processor / spent / engine.experiment.compute.layout.devices if jax.default_backend() == "cpu" else 1.0
    return Calibration(name, done, spent / done, compiling, share)
