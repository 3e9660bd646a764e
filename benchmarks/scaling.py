"""How the speed of training goes with its size: trajectories, devices, length of the sequence.

    python benchmarks/scaling.py [PRESET] [--rounds 5] [--seconds 2] [--devices 1 2] [--json]

Everything in one process: each point is compiled, then every round measures all of them one after the other, so that
what else the machine does slows all alike. Told are the medians of steps a second, and of the ratio to the first point
of the same kind. More devices than a CPU has cores only cost: what they bring is not measured by them.
"""

from __future__ import annotations

import argparse
import json
import time
from typing import Any, NamedTuple

import jax
import numpy as np

from coalactl.configuration import resolve
from coalactl.engines import sequence_engine_for
from coalactl.environment import prepare_jax, usable_cores
from coalactl.presets import find_preset, read_preset
from coalactl_core.training.engine import SequenceEngine

META_BATCHES = (8, 32, 128)
LENGTHS = (5, 20, 80)  # inner episodes


class Size(NamedTuple):
    """What a training is measured at; equal ones are one program."""

    meta_batch: int
    devices: int = 1
    inner_episodes: int = 20

    @property
    def values(self) -> dict[str, int]:
        """Configuration keys."""
        return {
            "rollout.meta_batch_size": self.meta_batch,
            "rollout.inner_episodes": self.inner_episodes,
            "compute.devices": self.devices,
        }


class Point(NamedTuple):
    """A line of the table: what is varied, and the size that its ratio goes to."""

    kind: str
    size: Size
    to: Size


def points(devices: list[int]) -> list[Point]:
    """The lines of the table."""
    first = Size(META_BATCHES[0])
    found = [Point("trajectories", Size(meta_batch), first) for meta_batch in META_BATCHES]
    found += [
        Point("devices", Size(meta_batch, devices=count), Size(meta_batch, devices=devices[0]))
        for meta_batch in META_BATCHES[:2]
        for count in devices
    ]
    return found + [Point("length", Size(META_BATCHES[0], inner_episodes=count), first) for count in LENGTHS]


class Measured:
    """One compiled training that goes on from measurement to measurement."""

    def __init__(self, size: Size, preset: str) -> None:
        file = find_preset(preset)
        given = {key: (value, "benchmark") for key, value in size.values.items()}
        experiment: Any = resolve(read_preset(file), file.label, given).experiment
        self.engine: SequenceEngine = sequence_engine_for(experiment)
        self.trajectories = experiment.rollout.meta_batch_size * experiment.rollout.batch_size
        self.length = experiment.rollout.steps
        self._state = self.engine.init([0])
        self.engine.compile(self._state)
        self._count = 1

    def steps_a_second(self, at_least: float) -> float:
        """Of one call of about so many seconds."""
        began = time.perf_counter()
        self._state, _ = jax.block_until_ready(self.engine.advance(self._state, self._count))
        took = (time.perf_counter() - began) / self._count
        speed = self.engine.sizes.steps_per_iteration / took
        self._count = min(max(1, round(at_least / took)), self.engine.sizes.call_capacity)
        return speed


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("preset", nargs="?", default="ipd-shaping")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--devices", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    prepare_jax(max(usable_cores(), *given.devices))
    chosen = points(given.devices)
    sizes = dict.fromkeys(size for point in chosen for size in (point.size, point.to))
    measured = {size: Measured(size, given.preset) for size in sizes}
    for each in measured.values():
        each.steps_a_second(given.seconds)
    rounds = [[each.steps_a_second(given.seconds) for each in measured.values()] for _ in range(given.rounds)]
    speeds = dict(zip(measured, np.array(rounds).T, strict=True))
    rows = [row_of(point, measured[point.size], speeds) for point in chosen]
    if given.json:
        print(json.dumps(rows, indent=2))
        return
    print(f"{given.preset} on {', '.join(map(str, jax.devices()))}; median (quartiles) of {given.rounds} rounds\n")
    print("| varied | devices | trajectories | M·T | steps a second | ratio |\n|---|---|---|---|---|---|")
    for row in rows:
        low, high = row["quartiles"]
        print(
            f"| {row['kind']} | {row['devices']} | {row['trajectories']} | {row['length']} | "
            f"{row['steps_per_second']:,.0f} | {row['ratio']:.2f} ({low:.2f} to {high:.2f}) |"
        )


def row_of(point: Point, measured: Measured, speeds: dict[Size, Any]) -> dict[str, Any]:
    """A line of the table; ratios are those within each round."""
    own, ratios = speeds[point.size], speeds[point.size] / speeds[point.to]
    return {
        "kind": point.kind,
        "devices": point.size.devices,
        "trajectories": measured.trajectories,
        "length": measured.length,
        "steps_per_second": float(np.median(own)),
        "ratio": float(np.median(ratios)),
        "quartiles": np.quantile(ratios, (0.25, 0.75)).tolist(),
    }


if __name__ == "__main__":
    main()
