"""A game that pays its second seat by another table, trained and evaluated from the command line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command_line import TINY, Command

pytestmark = pytest.mark.long

PRESET = "matching-pennies-shaping-quick"
# Beside a first action the second player earns 2 more than the first one, whichever that one's action is.
SECOND = ("--set", "environment.payoffs_second=[[3.0, 1.0], [0.0, 0.0]]")


def test_what_is_met_is_paid_by_the_second_table_and_nothing_is_fitted(coalactl: Command, train: Command) -> None:
    assert train(PRESET, *TINY, *SECOND, "--iterations", "1", "--quiet", "--out", "run").code == 0
    assert coalactl("eval", "run", "--pool", "classic", "--episodes", "5", "--quiet").code == 0
    rows = pd.read_parquet(Path("run/eval/classic.parquet"))
    general = {"tit-for-tat", "win-stay-lose-shift", "always-cooperate", "always-defect", "grim"}
    assert set(rows["opponent"]) - {"all"} == general
    assert not [metric for metric in rows["metric"] if metric.startswith("zd_")]
    of = rows.query("opponent == 'always-cooperate'")
    played = of.pivot_table(index="inner_episode", columns="metric", values="value").dropna(subset=["reward"])
    assert len(played) == 2
    np.testing.assert_allclose(played["coplayer_reward"], played["reward"] + 2, atol=1e-6)


def test_equal_tables_train_as_one(train: Command) -> None:
    """To the bit, with a pool of agents who meet each other."""
    pool = ("--set", "population.meta=2", "--set", "population.p_naive=0.5", "--iterations", "2", "--json", "--quiet")
    equal = ("--set", "environment.payoffs_second=[[1.0, -1.0], [2.0, 0.0]]")
    one, two = (train("ipd-shaping-quick", *TINY, *pool, *more).json for more in ((), equal))
    assert one["parameters_digest"] == two["parameters_digest"]
