"""Whether two revisions give the same numbers: a record of short trainings and of the report on them.

``record`` trains every quick and every exact preset for a few iterations, the quick ones of the dilemma with each
method, evaluates one run, reports, and writes digests of final parameters, of metric rows and of the report's tables
and figures. ``compare`` names what differs between two records. Numbers are of one machine, one set of versions and one
number of cores: record both revisions on the same.

    python benchmarks/same_numbers.py record before.json       # at the one
    python benchmarks/same_numbers.py record after.json        # at the other
    python benchmarks/same_numbers.py compare before.json after.json
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd

PRESETS = Path(__file__).parents[1] / "presets"
METHODS = ("m-fos", "batch-unaware", "lola-dice")
WITH_METHODS = ("ipd-shaping-quick", "ipd-mixed-quick")
ITERATIONS = {"sequence": 3, "analytical": 20}
# What a training took is no result.
TIMING = ("seconds",)


def main() -> int:
    """Record, or compare two records; 1 where something differs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True, dest="command")
    recording = commands.add_parser("record")
    recording.add_argument("file", type=Path)
    recording.add_argument("--runs", type=Path, help="where the runs are kept, and taken from where they are there")
    comparing = commands.add_parser("compare")
    comparing.add_argument("files", type=Path, nargs=2)
    arguments = parser.parse_args()
    if arguments.command == "record":
        with tempfile.TemporaryDirectory() as folder:
            record = recorded(arguments.runs or Path(folder))
        arguments.file.write_text(json.dumps(record, indent=1) + "\n")
        return 0
    before, after = (json.loads(file.read_text()) for file in arguments.files)
    differing = [name for name in sorted(before | after) if before.get(name) != after.get(name)]
    print("\n".join(f"differs: {name}" for name in differing) or f"all {len(before)} digests are the same")
    return 1 if differing else 0


def recorded(folder: Path) -> dict[str, str]:
    """Digests by what they are of."""
    record = {}
    for name, arguments in trainings().items():
        run = folder / "runs" / name
        begun = ["--resume", run] if run.exists() else [*arguments, "--out", run]
        told = json.loads(coalactl("train", *begun, "--quiet", "--json"))
        record[f"{name}: parameters"] = told["parameters_digest"]
        for part in ("metrics", "episodes"):
            record[f"{name}: {part}"] = rows_digest(run / part)
        print(name, flush=True)
    evaluation = "eval", folder / "runs" / "ipd-mixed-quick", "--pool", "mixed", "--episodes", "8", "--json", "--quiet"
    record["evaluation"] = digest(json.dumps(json.loads(coalactl(*evaluation))["table"]).encode())
    coalactl("report", folder / "runs", "--out", folder / "report")
    for file in sorted((folder / "report").glob("*/*.csv")):
        record[f"report: {file.parent.name}/{file.name}"] = digest(file.read_bytes())
    return record


def trainings() -> dict[str, list[str]]:
    """Arguments of ``coalactl train`` by the name of the run."""
    runs = {}
    for file in sorted([*PRESETS.glob("*-quick.toml"), *PRESETS.glob("analytical-*.toml")]):
        kind = "analytical" if file.stem.startswith("analytical") else "sequence"
        runs[file.stem] = [file.stem, "--iterations", str(ITERATIONS[kind])]
        if file.stem in WITH_METHODS:
            runs |= {f"{file.stem}-{method}": [*runs[file.stem], "--method", method] for method in METHODS}
    return runs


def coalactl(*arguments: str | Path) -> str:
    """What the command line of the package that is installed here prints on stdout."""
    command = [sys.executable, "-m", "coalactl", *map(str, arguments)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def rows_digest(folder: Path) -> str:
    """Of a folder's metric rows, in order and bit for bit, without what took time."""
    frames = [pd.read_parquet(file) for file in sorted(folder.glob("*.parquet"))]
    if not frames:
        return "none"
    rows = pd.concat(frames, ignore_index=True).drop(columns=list(TIMING), errors="ignore")
    return digest(rows.sort_values(list(rows.columns)).to_csv(index=False).encode())


def digest(content: bytes) -> str:
    """SHA-256."""
    return hashlib.sha256(content).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
