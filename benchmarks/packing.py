"""What packing brings: runs in one program against one process a run, and how many runs to compute at once.

    python benchmarks/packing.py [PRESET] [--runs 8] [--iterations 20] [--chunks 1 2 4 8] [--cold] [--json]

Each way trains the same runs in fresh processes with a compile cache that is warm but for the one that is called cold;
``chunk N`` packs them with ``compute.run_chunk`` = N. Told are seconds of wall and of processor time, start and
compilation included, and what they are of one process a run.
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
from pathlib import Path
from typing import NamedTuple

COMMAND = [sys.executable, "-m", "coalactl", "train"]


class Cost(NamedTuple):
    """Seconds of all processes of one way."""

    wall: float
    processor: float


def measure(commands: list[list[str]], cache: Path) -> Cost:
    """Processes one after the other."""
    environment = {**os.environ, "COALACTL_CACHE_DIR": str(cache)}
    environment.pop("JAX_COMPILATION_CACHE_DIR", None)
    before, began = used(), time.perf_counter()
    for command in commands:
        subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return Cost(wall=time.perf_counter() - began, processor=used() - before)


def used() -> float:
    """Processor time of all children so far."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("preset", nargs="?", default="ipd-shaping-quick")
    parser.add_argument("--runs", type=int, default=8)
    parser.add_argument("--iterations", type=int, default=20)
    parser.add_argument("--chunks", type=int, nargs="*", default=[1, 2, 4, 8])
    parser.add_argument("--cold", action="store_true", help="only what is called cold")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    common = [*COMMAND, given.preset, "--iterations", str(given.iterations), "-q", "--set", "run.checkpoint_every=1000"]
    found: dict[str, Cost] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        alone = [[*common, "--seed", str(seed), "--out", str(folder / f"alone-{seed}")] for seed in range(given.runs)]
        pack = [*common, "--seeds", str(given.runs)]
        found["one process a run, cold"] = measure(alone, folder / "cache")
        found["packed, cold"] = measure([[*pack, "--out", str(folder / "cold")]], folder / "other-cache")
        if not given.cold:
            again = [[*command[:-1], f"{command[-1]}-again"] for command in alone]
            found["one process a run"] = measure(again, folder / "cache")
            for chunk in given.chunks:
                chosen = [*pack, "--set", f"compute.run_chunk={chunk}", "--out"]
                measure([[*chosen, str(folder / f"first-{chunk}")]], folder / "cache")
                found[f"packed, chunk {chunk}"] = measure([[*chosen, str(folder / f"pack-{chunk}")]], folder / "cache")
    if given.json:
        print(json.dumps({way: cost._asdict() for way, cost in found.items()}, indent=2))
        return
    one = found["one process a run, cold" if given.cold else "one process a run"]
    print(f"{given.preset}: {given.runs} runs of {given.iterations} iterations; seconds, and times less than alone")
    print(f"{'':<26}{'wall':>10}{'':>8}{'processor':>12}")
    for way, cost in found.items():
        ratios = one.wall / cost.wall, one.processor / cost.processor
        print(f"{way:<26}{cost.wall:>10.1f}{ratios[0]:>7.2f}x{cost.processor:>12.1f}{ratios[1]:>7.2f}x")


if __name__ == "__main__":
    main()
