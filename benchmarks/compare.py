"""Ratios of two result files of `coalactl bench`: the second over the first, size by size.

    python benchmarks/compare.py OLD.json NEW.json

`steps_per_gflop` is the speed in terms of the matrix products that the machine did at the time: compare it, not
`steps_per_second`, between machines or when one was busy.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

MEASURES = (
    "steps_per_second",
    "steps_per_gflop",
    "iteration_seconds",
    "rollout_seconds",
    "naive_seconds",
    "learn_seconds",
    "compile_seconds",
    "max_rss_bytes",
    "sgemm_gflops",
)
SAME = ("cpu", "cores", "devices", "threads", "flags", "python")


def read(path: Path) -> dict[str, Mapping[str, Any]]:
    """Results by size."""
    return {result["size"]: result for result in json.loads(path.read_text(encoding="utf-8"))}


def compare(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Lines about one size, with what else has changed between the two."""
    lines = [f"{old['size']}  ({revision(old)} -> {revision(new)})"]
    conditions = [{**{name: result.get(name) for name in SAME}, **result["packages"]} for result in (old, new)]
    for name in sorted({*conditions[0], *conditions[1]}):
        before, after = (each.get(name) for each in conditions)
        if before != after:
            lines += [f"  not the same {name}: {before} -> {after}"]
    for name in MEASURES:
        ratio = f"{new[name] / old[name]:.2f}" if old[name] > 0 else "-"
        lines.append(f"  {name:<20}{old[name]:>16.6g}{new[name]:>16.6g}{ratio:>8}{overlap(old, new, name)}")
    return lines


def revision(result: Mapping[str, Any]) -> str:
    """The code that was measured."""
    source = result["source"]
    return f"{source['revision'][:12]}{' modified' if source['modified'] else ''}" if source else "unknown revision"


def overlap(old: Mapping[str, Any], new: Mapping[str, Any], name: str) -> str:
    """A remark where the quartiles overlap: that difference may be chance."""
    ranges = [result["quartiles"].get(name) for result in (old, new)]
    if None in ranges:
        return ""
    (low, high), (other_low, other_high) = ranges
    return "  (quartiles overlap)" if low <= other_high and other_low <= high else ""


def main() -> None:
    """Reads and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    given = parser.parse_args()
    old, new = read(given.old), read(given.new)
    if not old.keys() & new.keys():
        parser.error("the files have no size in common")
    for size in [size for size in old if size in new]:
        print("\n".join(compare(old[size], new[size])))


if __name__ == "__main__":
    main()
