"""The measurement of one experiment, in the process that calls it: the whole iteration and its parts.

The whole iteration is the program that training runs. A part is a program of its own, of the engine's own pieces:
*rollout* plays meta-episodes against co-players that do not learn, *naive* is what it takes longer when they learn, and
*learn* is the learner's update on the episodes that were played. The parts need not add up to the whole: one program
is optimised and uses the caches otherwise than three.

A repeat measures everything one after the other, the speed of matrix products among it, so that a busy machine slows
all of it alike and the differences and ratios of a repeat stay comparable.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from coalactl.engines import sequence_engine_for
from coalactl.environment import count_cores_as_devices, usable_cores
from coalactl_core.configuration.experiment import SequenceExperiment
from coalactl_core.training.engine import SequenceEngine
from coalactl_core.training.parts import Parts
from coalactl_core.types import Metrics, TrainState

# Rows, columns and inner size of the matrix product, and seconds that a measurement of it takes at least.
_PRODUCT_SIZE = 1024
_PRODUCT_SECONDS = 0.2


class Repeat(NamedTuple):
    """One repeat; seconds of one iteration."""

    sgemm_gflops: float
    iteration_seconds: float
    rollout_seconds: float
    naive_seconds: float
    learn_seconds: float


def measure(
    experiment: SequenceExperiment, *, repeats: int, seconds: float, tell: Callable[[str], None]
) -> dict[str, Any]:
    """Medians and quartiles over repeats, in each of which every program runs for at least ``seconds`` or once."""
    count_cores_as_devices(usable_cores())
    engine = sequence_engine_for(experiment)
    tell("compiling")
    began = time.perf_counter()
    state = engine.init([experiment.run.seed])
    engine.compile(state)
    compile_seconds = time.perf_counter() - began
    product = _Product()
    whole = _Whole(engine, state)
    whole.warm_up(seconds)
    memory = peak_bytes()
    tell("compiling the parts")
    parts = engine.parts(engine.init([experiment.run.seed]))
    measured = []
    for repeat in range(repeats):
        tell(f"repeat {repeat + 1} of {repeats}")
        measured.append(_repeat(product, whole, parts, seconds))
    return {
        **_statistics(measured, engine.sizes.steps_per_iteration),
        "compile_seconds": compile_seconds,
        "max_rss_bytes": memory,
        "steps_per_iteration": engine.sizes.steps_per_iteration,
        "parameters": engine.sizes.parameter_count,
        "repeats": repeats,
    }


def peak_bytes() -> int:
    """The maximum resident memory of this process so far."""
    try:
        # Without what getrusage counts too: the memory of the process that this one was forked from.
        for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


class _Product:
    """Single-precision matrix products, a measure of the machine at that moment."""

    def __init__(self) -> None:
        self._matrix = jnp.ones((_PRODUCT_SIZE, _PRODUCT_SIZE), jnp.float32)
        self._multiply = jax.jit(jnp.matmul)
        jax.block_until_ready(self._multiply(self._matrix, self._matrix))

    def gflops(self) -> float:
        """1e9 floating-point operations a second."""
        return 2e-9 * _PRODUCT_SIZE**3 / _seconds_a_call(self._once, _PRODUCT_SECONDS)

    def _once(self) -> Any:
        return self._multiply(self._matrix, self._matrix)


class _Whole:
    """The training program, called for about as many iterations as a training calls it for."""

    def __init__(self, engine: SequenceEngine, state: TrainState) -> None:
        self._engine = engine
        self._state = state
        self._count = 1

    def warm_up(self, seconds: float) -> None:
        """Trains one iteration and then so many that a call takes about ``seconds``."""
        took = self.seconds_an_iteration()
        self._count = min(max(1, round(seconds / took)), self._engine.sizes.call_capacity)
        self.seconds_an_iteration()

    def seconds_an_iteration(self, at_least: float = 0.0) -> float:
        """Calls until ``at_least`` seconds have passed."""
        return _seconds_a_call(self._advance, at_least) / self._count

    def _advance(self) -> Metrics:
        self._state, metrics = self._engine.advance(self._state, self._count)
        return metrics


def _repeat(product: _Product, whole: _Whole, parts: Parts, seconds: float) -> Repeat:
    gflops = product.gflops()
    iteration = whole.seconds_an_iteration(seconds)
    rollout = _seconds_a_call(parts.play, seconds)
    both = _seconds_a_call(parts.play_and_teach, seconds) if parts.play_and_teach else rollout
    return Repeat(
        sgemm_gflops=gflops,
        iteration_seconds=iteration,
        rollout_seconds=rollout,
        naive_seconds=both - rollout,
        learn_seconds=_seconds_a_call(parts.learn, seconds),
    )


def _seconds_a_call(call: Callable[[], Any], at_least: float) -> float:
    """Mean over calls until ``at_least`` seconds have passed, one at least."""
    began, calls = time.perf_counter(), 0
    while True:
        jax.block_until_ready(call())
        calls += 1
        passed = time.perf_counter() - began
        if passed >= at_least:
            return passed / calls


def _statistics(repeats: Sequence[Repeat], steps: int) -> dict[str, Any]:
    """The median of each measure, and the quartiles of each under its name."""
    measures = {name: np.array([getattr(each, name) for each in repeats]) for name in Repeat._fields}
    speed = steps / measures["iteration_seconds"]
    measures = {"steps_per_second": speed, "steps_per_gflop": speed / measures["sgemm_gflops"], **measures}
    return {
        **{name: float(np.median(values)) for name, values in measures.items()},
        "quartiles": {name: np.quantile(values, (0.25, 0.75)).tolist() for name, values in measures.items()},
    }
