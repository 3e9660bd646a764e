"""Reports on evaluations against naive learners that learn otherwise than in training."""

from pathlib import Path

import pandas as pd
import pytest
from report_runs import build, sequence_pack

from coalactl.report.curves import common_evaluation
from coalactl.report.evaluated import evaluation_tables


@pytest.mark.parametrize(("opponents", "taken"), [(["0", "1"], "hard"), (["0", "q-learning/0"], None)])
def test_figures_are_of_learners_as_in_training(tmp_path: Path, opponents: list[str], taken: str | None) -> None:
    """Those of a pool's file would be the paper's in Fig. 5B."""
    (setting,) = build([evaluated(tmp_path, "defection", dict.fromkeys(opponents, 0.5))]).settings
    assert common_evaluation(setting) == taken


def test_the_table_of_evaluations_tells_learners_apart(tmp_path: Path) -> None:
    """Beside the mean over all of them; where all are of one there is nothing to tell."""
    by_opponent = {"a2c/0": 1.0, "a2c/1": 2.0, "slow one/0": 6.0}
    (table,) = evaluation_tables(build([evaluated(tmp_path / "several", "reward", by_opponent)]).settings)
    means = {row[3]: row[6] for row in table.rows if row[4] == "reward"}
    assert means == {"naive": 3.0, "naive a2c": 1.5, "naive slow one": 6.0}
    (table,) = evaluation_tables(build([evaluated(tmp_path / "one", "reward", {"0": 1.0})]).settings)
    assert {row[3] for row in table.rows} == {"naive"}


def evaluated(folder: Path, metric: str, values: dict[str, float]) -> Path:
    """A pack with one evaluation, ``hard``, of one inner episode against each naive opponent."""
    pack = sequence_pack(folder / "pack", "coala-pg", {0: {"reward_vs_naive": 1.0}})
    row = {"agent": 0, "opponent_kind": "naive", "inner_episode": 0, "metric": metric, "episodes": 1}
    (pack / "seed-0/eval").mkdir(exist_ok=True)
    for file in (pack / "seed-0/eval").iterdir():
        file.unlink()
    rows = pd.DataFrame([{**row, "opponent": opponent, "value": value} for opponent, value in values.items()])
    rows.to_parquet(pack / "seed-0/eval/hard.parquet")
    return pack
