"""The linear recurrence along a sequence: each way of computing it, and a plain loop, in one process.

    taskset -c 0 python benchmarks/scans.py [--steps 200 6400] [--rows 1 16 128] [--repeats 15] [--json]

Told are microseconds of wall time a step and row, the best of the repeats, forward alone and with the derivative, at
the network's width of 32. ``plain`` is ``jax.lax.scan`` over steps with JAX's own derivative.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from coalactl_core.nets.linear_recurrence import SCANS, linear_recurrence

WIDTH = 32
Sequences = tuple[jax.Array, jax.Array, jax.Array]


def plain(decays: jax.Array, inputs: jax.Array, initial: jax.Array) -> jax.Array:
    """A loop over steps."""

    def step(state: jax.Array, now: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        state = now[0] * state + now[1]
        return state, state

    return jax.lax.scan(step, initial, (decays, inputs))[1]


WAYS: dict[str, Callable[..., jax.Array]] = {
    "plain": plain,
    **{name: (lambda *given, scan=scan: linear_recurrence(*given, scan)) for name, scan in SCANS.items()},
}


def sequences(rows: int, steps: int) -> Sequences:
    """Decays as at initialisation, .9 to .999, and normal inputs."""
    decay_key, input_key = jax.random.split(jax.random.key(0))
    shape = (rows, steps, WIDTH)
    decays = jax.random.uniform(decay_key, shape, minval=0.9, maxval=0.999)
    return decays, jax.random.normal(input_key, shape), jnp.zeros((rows, WIDTH))


def microseconds(program: Callable[..., Any], given: Sequences, repeats: int) -> float:
    """The best time of a call, by step and row."""
    jax.block_until_ready(program(*given))
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        jax.block_until_ready(program(*given))
        times.append(time.perf_counter() - began)
    rows, steps, _ = given[0].shape
    return 1e6 * min(times) / (rows * steps)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, nargs="*", default=[200, 6400])
    parser.add_argument("--rows", type=int, nargs="*", default=[1, 16, 128])
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    found = []
    for steps in given.steps:
        for rows in given.rows:
            arrays = sequences(rows, steps)
            for name, way in WAYS.items():
                forward = jax.vmap(way)
                both = jax.grad(lambda *arrays, forward=forward: jnp.sum(forward(*arrays) ** 2), (0, 1, 2))
                times = [microseconds(jax.jit(each), arrays, given.repeats) for each in (forward, both)]
                found.append({"steps": steps, "rows": rows, "way": name, "forward": times[0], "both": times[1]})
                if not given.json:
                    print(f"{steps:5d} steps {rows:4d} rows {name:<12} {times[0]:8.4f} {times[1]:8.4f} µs", flush=True)
    if given.json:
        print(json.dumps({"device": str(jax.devices()[0].device_kind), "times": found}))


if __name__ == "__main__":
    main()
