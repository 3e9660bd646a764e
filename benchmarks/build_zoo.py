"""Trains, evaluates and packs the agents of the zoo, `coalactl/zoo/zoo.toml`, by the plain commands of the tool.

    python benchmarks/build_zoo.py [NAME ...] [--out DIR] [--runs DIR] [--iterations N]

What is there already is left as it is: a file that is packed, an evaluation, a finished training; one that was stopped
is gone on with. Commands run in the folder of the runs, so that no other folder gets into what they note. With
`--iterations` trainings are shorter than the zoo's, to see that all works: give `--out` and `--runs` too then.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from coalactl import zoo

FINISHED = "finished"
# By game: all meet naive learners and each other, or a copy; the classic strategies play matrix games.
POOLS = {"ipd": ("naive", "meta", "classic"), "coin": ("naive", "meta")}


def commands(entry: zoo.Entry, runs: Path, out: Path, iterations: int | None) -> Iterator[list[str]]:
    """What is left to do for an agent, command by command, each looked for when those before it are done."""
    run, target = runs / entry.name, out / f"{entry.name}{zoo.SUFFIX}"
    if target.exists():
        return
    if not (run / "config.toml").exists():
        settings = [word for key, value in entry.set.items() for word in ("--set", f"{key}={value}")]
        shorter = [] if iterations is None else ["--iterations", str(iterations)]
        yield ["train", entry.preset, *settings, "--seed", str(entry.seed), *shorter, "--out", entry.name]
    elif json.loads((run / "status.json").read_text())["state"] != FINISHED:
        yield ["train", "--resume", entry.name]
    for pool in POOLS[entry.game]:
        if not (run / "eval" / f"{pool}.json").exists():
            yield ["eval", entry.name, "--pool", pool]
    yield ["agents", "pack", entry.name, "--out", str(target)]


def main() -> None:
    entries = zoo.table()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="those to build, as ipd/shaper; by default all")
    parser.add_argument("--out", type=Path, default=zoo.FOLDER, help="where the files go")
    parser.add_argument("--runs", type=Path, default=Path("runs/zoo"), help="where the trainings are")
    parser.add_argument("--iterations", type=int, help="of each training, instead of the preset's")
    arguments = parser.parse_args()
    if unknown := {*arguments.names} - {entry.name for entry in entries}:
        parser.error(f"not in the table: {', '.join(sorted(unknown))}")
    if arguments.iterations is not None and arguments.out == zoo.FOLDER:
        parser.error("--iterations: what is shortened is none of the zoo; give --out and --runs too")
    runs, out = arguments.runs.resolve(), arguments.out.resolve()
    runs.mkdir(parents=True, exist_ok=True)
    for entry in entries:
        if not arguments.names or entry.name in arguments.names:
            for words in commands(entry, runs, out, arguments.iterations):
                print("coalactl", *words, flush=True)
                subprocess.run([sys.executable, "-m", "coalactl", *words], cwd=runs, check=True)


if __name__ == "__main__":
    main()
