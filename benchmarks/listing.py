"""How long ``coalactl runs`` takes with many runs: single ones, packs, and a sweep; without its index and with it.

    python benchmarks/listing.py [--runs 2000] [--repeats 3]

The runs are copies of one folder as a finished run of ``ipd-shaping-quick`` leaves it, without its checkpoints, each
with a seed, a start and a status of its own. Processes are started as a user starts them.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

import tomli_w

from coalactl.configuration import plain, resolve
from coalactl.presets import find_preset, read_preset
from coalactl.runs.provenance import collect
from coalactl.sweep.definition import find_sweep, read_sweep, to_tables

PRESET = "ipd-shaping-quick"
SEEDS = 5


def write_runs(root: Path, count: int, place: Callable[[int], Path]) -> None:
    """So many finished runs, each at its place below the root."""
    config = tomli_w.dumps(plain(resolve(read_preset(find_preset(PRESET)), PRESET, {}).experiment))
    provenance = {"format": 1, **collect(["coalactl", "train"]), "preset": PRESET}
    for number in range(count):
        path = root / place(number)
        (path / "metrics").mkdir(parents=True)
        started = f"2026-01-{number // 1440 + 1:02}T{number // 60 % 24:02}:{number % 60:02}:00+00:00"
        last = {"reward_vs_naive": number / count, "coplayer_reward_vs_naive": -number / count}
        status = {"state": "finished", "iteration": 120, "iterations": 120, "seconds": 60.0, "updated": started}
        status |= {"preset": PRESET, "method": "coala-pg", "seed": number, "last": last, "reason": ""}
        (path / "config.toml").write_text(config.replace("\nseed = 0", f"\nseed = {number}"))
        (path / "provenance.json").write_text(json.dumps({**provenance, "started": started}, indent=2))
        (path / "status.json").write_text(json.dumps(status, indent=2))
        for name in ("log.txt", "lock"):
            (path / name).touch()


def write_packs(root: Path, count: int, within: Path = Path()) -> None:
    """So many finished runs in packs of five."""
    write_runs(root, count, lambda number: within / f"pack-{number // SEEDS}" / f"seed-{number}")
    for first in range(0, count, SEEDS):
        seeds = list(range(first, min(first + SEEDS, count)))
        (root / within / f"pack-{first // SEEDS}" / "pack.json").write_text(json.dumps({"seeds": seeds}))


def write_sweep(root: Path, count: int) -> None:
    """So many finished runs as trials of one sweep."""
    write_packs(root, count, Path("sweep", "trials"))
    sweep = to_tables(read_sweep(find_sweep(PRESET), {}))
    (root / "sweep" / "sweep.toml").write_text(tomli_w.dumps(sweep))


def write_singles(root: Path, count: int) -> None:
    """So many finished runs beside each other."""
    write_runs(root, count, lambda number: Path(f"run-{number}"))


class Time(NamedTuple):
    """Seconds of one process: by the clock, and of a processor, which other work on the machine changes less."""

    clock: float
    processor: float


def seconds(root: Path, cache: Path) -> Time:
    """One process that lists the runs."""
    began, used = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "coalactl", "runs", "ls", str(root)]
    environment = {**os.environ, "COALACTL_CACHE_DIR": str(cache)}
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)
    clock, now = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return Time(clock, now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime)


def measure(root: Path, folder: Path, repeats: int) -> dict[str, Sequence[Time]]:
    """The times without an index, and with the one that this leaves."""
    cold, warm = [], []
    for repeat in range(repeats):
        cache = folder / f"cache-{root.name}-{repeat}"
        cold.append(seconds(root, cache))
        warm.append(seconds(root, cache))
    return {"no index": cold, "index": warm}


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    print(f"{given.runs} runs: seconds of a process, median of {given.repeats}")
    print(f"{'':<20}{'clock':>12}{'processor':>12}")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for name, write in {"singles": write_singles, "packs": write_packs, "sweep": write_sweep}.items():
            write(folder / name, given.runs)
        time.sleep(5)  # What has just been written is read anew: it could change within the clock's grain.
        for name in ("singles", "packs", "sweep"):
            for index, times in measure(folder / name, folder, given.repeats).items():
                clock, processor = (median(column) for column in zip(*times, strict=True))
                print(f"{name + ', ' + index:<20}{clock:>12.2f}{processor:>12.2f}")


if __name__ == "__main__":
    main()
