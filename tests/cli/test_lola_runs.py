"""``--method lola-dice`` as a user runs it: a mixed pool with a fixed strategy, stopped and resumed, evaluated."""

from __future__ import annotations

import numpy as np
import pytest
from command_line import TINY, Command
from processes import assert_same_rows

from coalactl.runs.directory import RunDirectory
from coalactl.runs.metric_files import read_metrics

POOL = ["population.meta=2", "population.p_naive=0.5", "population.fixed=[{ strategy = 'tit-for-tat', weight = 0.25 }]"]
LOOK_AHEAD = ["lola.look_aheads=2", "lola.memory=meta-episode", "lola.optimizer=adam", "lola.learning_rate=0.01"]


@pytest.mark.slow
def test_it_trains_goes_on_bit_by_bit_and_is_evaluated(train: Command, coalactl: Command) -> None:
    settings = [word for assignment in (*POOL, *LOOK_AHEAD) for word in ("--set", assignment)]
    arguments = [*TINY, "--method", "lola-dice", *settings, "-q"]
    for place, iterations in (("whole", "4"), ("parts", "2")):
        result = train("ipd-shaping-quick", *arguments, "--iterations", iterations, "--out", place)
        assert result.code == 0, result.err
    assert train("--resume", "parts", "--iterations", "4", "-q").code == 0
    assert_same_rows("whole", "parts")
    rows = read_metrics(RunDirectory("whole"))
    assert np.isfinite(rows[["policy_loss", "value_loss", "grad_norm"]]).all(axis=None)
    assert (rows["look_ahead_norm"] > 0).all()
    assert coalactl("eval", "whole", "--pool", "mixed", "--episodes", "16", "-q").code == 0
