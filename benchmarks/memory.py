"""Peak resident memory of whole `coalactl train` processes, beside what `--dry-run` says they take.

    python benchmarks/memory.py [NAME]... [--json] [--most 0.25]

Each configuration trains two iterations in a fresh process with an empty compile cache, so that compilation, saving a
checkpoint and all libraries count. Exits with 1 when an estimate is off by more than `--most`. The constants to fit
after a change of the engine are those of `coalactl_core/layout/memory.py`, which says what each one stands for.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

COMMAND = [sys.executable, "-m", "coalactl", "train"]

CONFIGURATIONS = {
    "quick": ["ipd-shaping-quick"],
    "16": ["ipd-shaping", "--set", "rollout.meta_batch_size=16"],
    "32": ["ipd-shaping", "--set", "rollout.meta_batch_size=32"],
    "128": ["ipd-shaping"],
    "512": ["ipd-shaping", "--set", "rollout.meta_batch_size=512"],
    "1024": ["ipd-shaping", "--set", "rollout.meta_batch_size=1024"],
    "mixed": ["ipd-mixed-quick"],
    "seeds": ["ipd-shaping-quick", "--seeds", "3"],
    "seeds-at-once": ["ipd-shaping-quick", "--seeds", "3", "--set", "compute.run_chunk=3"],
    "width": ["ipd-shaping-quick", "--set", "network.width=64", "--set", "network.mlp_width=64"],
    "depth": ["ipd-shaping-quick", "--set", "network.depth=2"],
    "depth-3": ["ipd-shaping-quick", "--set", "network.depth=3"],
    "episodes": ["ipd-shaping-quick", "--set", "rollout.inner_episodes=60"],
    "length": ["ipd-shaping-quick", "--set", "rollout.inner_episode_length=40"],
    "batch": ["ipd-shaping-quick", "--set", "rollout.batch_size=64"],
    "chunk": ["ipd-shaping", "--set", "rollout.meta_batch_size=32", "--set", "compute.meta_batch_chunk=16"],
    "naive-chunk": ["ipd-shaping", "--set", "compute.naive_chunk=128"],
    "whole": ["ipd-shaping", "--set", "compute.meta_batch_chunk=64", "--set", "compute.naive_chunk=128"],
    "loqa": ["ipd-loqa-quick", "--set", "rollout.batch_size=256"],
    "reciprocator": ["ipd-reciprocator-quick", "--set", "rollout.batch_size=256"],
    "shaper": ["ipd-shaping-quick", "--method", "shaper", "--set", "rollout.batch_size=64"],
    "rematerialize": ["ipd-shaping-quick", "--set", "compute.rematerialize=true"],
    "cleanup-4": ["cleanup-shaping", "--set", "rollout.meta_batch_size=4"],
    "cleanup-16": ["cleanup-shaping", "--set", "rollout.meta_batch_size=16", "--set", "rollout.inner_episodes=25"],
    "cleanup-mixed": ["cleanup-mixed", "--set", "rollout.meta_batch_size=32"],
    "cleanup-long": ["cleanup-shaping", "--set", "rollout.meta_batch_size=32", "--set", "rollout.batch_size=8"],
    "cleanup-chunk": [
        *("cleanup-shaping", "--set", "rollout.meta_batch_size=16", "--set", "rollout.inner_episodes=10"),
        *("--set", "compute.meta_batch_chunk=8"),
    ],
    "chunk-rematerialize": [
        *("ipd-shaping", "--set", "rollout.meta_batch_size=32", "--set", "compute.meta_batch_chunk=16"),
        *("--set", "compute.rematerialize=true"),
    ],
}


class Measured(NamedTuple):
    """Bytes."""

    name: str
    estimate: int
    measured: int

    @property
    def ratio(self) -> float:
        """1 is a true estimate."""
        return self.estimate / self.measured


def measure(name: str) -> Measured:
    """The estimate and the peak of one configuration."""
    arguments = CONFIGURATIONS[name]
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "COALACTL_CACHE_DIR": str(Path(folder) / "cache")}
        environment.pop("JAX_COMPILATION_CACHE_DIR", None)
        dry_run = subprocess.run(
            [*COMMAND, *arguments, "--dry-run", "--json"], env=environment, stdout=subprocess.PIPE, check=True
        )
        command = [*COMMAND, *arguments, "--iterations", "2", "--quiet", "--out", str(Path(folder) / "run")]
        peak = peak_bytes(command, environment)
    return Measured(name, json.loads(dry_run.stdout)["memory_bytes"], peak)


def peak_bytes(command: list[str], environment: dict[str, str]) -> int:
    """The maximum resident memory of a process. Forks inherit what their parent has; this one is small."""
    process = os.posix_spawn(command[0], command, environment)
    _, status, usage = os.wait4(process, 0)
    if os.waitstatus_to_exitcode(status):
        sys.exit(f"{' '.join(command)}: exit code {os.waitstatus_to_exitcode(status)}")
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def main() -> int:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(CONFIGURATIONS)}; default: all")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--most", type=float, default=0.25, help="the largest relative error that is accepted")
    given = parser.parse_args()
    unknown = set(given.names) - set(CONFIGURATIONS)
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(CONFIGURATIONS)}")
    if not given.json:
        print(f"{'configuration':<22}{'estimate':>10}{'measured':>10}{'ratio':>8}")
    found = []
    for name in given.names or CONFIGURATIONS:
        found.append(measure(name))
        if not given.json:
            estimate, measured = found[-1].estimate / 1e6, found[-1].measured / 1e6
            print(f"{name:<22}{estimate:>7.0f} MB{measured:>7.0f} MB{found[-1].ratio:>8.2f}", flush=True)
    if given.json:
        print(json.dumps([{**each._asdict(), "ratio": each.ratio} for each in found], indent=2))
    return int(any(abs(each.ratio - 1) > given.most for each in found))


if __name__ == "__main__":
    sys.exit(main())
