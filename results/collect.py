"""From a folder of ``coalactl reproduce`` to what is committed of it: the report, and the curves of every run, small.

``python results/collect.py RUNS OUT`` writes ``OUT/report/`` (claims, tables, figures with their numbers) and
``OUT/curves/PART.parquet``: iteration, method, seed, measure, value; means over agents, of all runs that a verdict or
figure is made from. Of the exact game every tenth row that was evaluated is kept, the last included.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pandas as pd

from coalactl.agents import Agents
from coalactl.report.finished import Run
from coalactl.report.reading import find

_KEPT = ("claims.md", "claims.json", "report.json")
_FOLDERS = {"tables": ("csv", "md"), "figures": ("csv", "png")}
_LARGE = ("analytical-seeds.csv",)  # Every measure of every seed: megabytes; claims.json has those that count.
_MEASURES = (
    *("reward", "coplayer_reward", "defection_first", "defection_last", "coplayer_defection_last"),
    *("cleaning_discrepancy", "cleaning", "coplayer_cleaning", "zapping", "zapped", "pollution_level", "apple_level"),
    *("gradient_balance_coala_pg", "gradient_balance_m_fos", "gradient_balance_batch_unaware"),
)
_THINNED = 10


def curves(agents: Agents, run: Run) -> pd.DataFrame:
    """The curves of one method's agents in a run, in long form."""
    rows = run.metrics
    if run.kind == "analytical":
        iterations = sorted(rows["iteration"].unique())
        rows = rows[rows["iteration"].isin([*iterations[::_THINNED], iterations[-1]])]
    columns = [column for column in rows.columns if column.partition("_vs_")[0] in _MEASURES]
    means = rows.groupby(["iteration", "seed"])[columns].mean().reset_index()
    long = means.melt(["iteration", "seed"], var_name="measure").dropna()
    return long.assign(method=agents.method, value=long["value"].astype("float32"))


def main(runs: Path, out: Path) -> None:
    """Writes what is committed."""
    parts: dict[str, list[pd.DataFrame]] = {}
    for run in find([runs]).runs:
        part = parts.setdefault(Path(run.name).parts[0], [])
        part += [curves(agents, own) for agents, own in run.by_agents()]
    shutil.rmtree(out, ignore_errors=True)
    (out / "curves").mkdir(parents=True)
    for part, found in parts.items():
        table = pd.concat(found).astype({"method": "category", "measure": "category"})
        table.to_parquet(out / "curves" / f"{part}.parquet", compression="zstd", index=False)
    for name in _KEPT:
        (out / "report").mkdir(exist_ok=True)
        shutil.copy(runs / "report" / name, out / "report" / name)
    for folder, kinds in _FOLDERS.items():
        (out / "report" / folder).mkdir()
        for kind in kinds:
            for path in (runs / "report" / folder).glob(f"*.{kind}"):
                if path.name in _LARGE:
                    continue
                shutil.copy(path, out / "report" / folder / path.name)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
