"""Reports on evaluations against naive learners that learn otherwise than in training."""

from pathlib import Path

import pandas as pd
import pytest
from report_runs import build, sequence_pack

from coalactl.report.curves import common_evaluation


@pytest.mark.parametrize(("opponents", "taken"), [(["0", "1"], "hard"), (["0", "q-learning/0"], None)])
def test_figures_are_of_learners_as_in_training(tmp_path: Path, opponents: list[str], taken: str | None) -> None:
    """Those of a pool's file would be the paper's in Fig. 5B."""
    pack = sequence_pack(tmp_path / "pack", "coala-pg", {0: {"reward_vs_naive": 1.0}})
    row = {"agent": 0, "opponent_kind": "naive", "inner_episode": 0, "metric": "defection", "value": 0.5, "episodes": 1}
    (pack / "seed-0/eval").mkdir(exist_ok=True)
    for file in (pack / "seed-0/eval").iterdir():
        file.unlink()
    rows = pd.DataFrame([{**row, "opponent": opponent} for opponent in opponents])
    rows.to_parquet(pack / "seed-0/eval/hard.parquet")
    (setting,) = build([pack]).settings
    assert common_evaluation(setting) == taken
