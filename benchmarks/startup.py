"""How long a training takes to start: from the start of the process to the first training call, cold and warm.

    python benchmarks/startup.py [PRESET] [--repeats 3] [--json]

Each repeat trains one iteration with an empty compile cache ("cold") and once more with the cache that it left
("warm"). The command's own lines on stderr say when it compiles and when it trains.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import NamedTuple

COMMAND = [sys.executable, "-m", "coalactl", "train"]


class Start(NamedTuple):
    """Seconds since the start of the process."""

    compiling: float
    training: float
    end: float


def measure(preset: str, cache: Path, out: Path) -> Start:
    """One process that trains one iteration."""
    command = [*COMMAND, preset, "--iterations", "1", "--out", str(out)]
    environment = {**os.environ, "COALACTL_CACHE_DIR": str(cache)}
    environment.pop("JAX_COMPILATION_CACHE_DIR", None)
    seen = {}
    began = time.perf_counter()
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        for line in process.stderr or ():
            seen.setdefault(line.strip(), time.perf_counter() - began)
    end = time.perf_counter() - began
    if process.returncode or not {"compiling", "training"} <= seen.keys():
        sys.exit(f"{' '.join(command)}: exit code {process.returncode}; stderr: {list(seen)}")
    return Start(compiling=seen["compiling"], training=seen["training"], end=end)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("preset", nargs="?", default="ipd-shaping-quick")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    found: dict[str, list[Start]] = {"cold": [], "warm": []}
    for repeat in range(given.repeats):
        with tempfile.TemporaryDirectory() as folder:
            for name, starts in found.items():
                start = measure(given.preset, Path(folder) / "cache", Path(folder) / name)
                starts.append(start)
                print(f"{repeat + 1}/{given.repeats} {name}: {start.training:.1f} s", file=sys.stderr)
    if given.json:
        print(json.dumps({name: [start._asdict() for start in starts] for name, starts in found.items()}, indent=2))
        return
    print(f"{given.preset}: seconds since the start of the process, median of {given.repeats}")
    print(f"{'cache':<8}{'compiling':>12}{'training':>12}{'end':>12}")
    for name, starts in found.items():
        columns = zip(*starts, strict=True)
        print(f"{name:<8}" + "".join(f"{median(column):>12.2f}" for column in columns))


if __name__ == "__main__":
    main()
