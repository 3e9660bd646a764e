"""``--method lola-dice`` as a user runs it: a mixed pool with a fixed strategy, stopped and resumed, evaluated."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command_line import TINY, Command
from papers import change_parts
from processes import assert_same_rows
from sweeps import SIZES, write_network

from coalactl.runs.directory import RunDirectory
from coalactl.runs.metric_files import read_metrics

POOL = ["population.meta=2", "population.p_naive=0.5", "population.fixed=[{ strategy = 'tit-for-tat', weight = 0.25 }]"]
LOOK_AHEAD = ["lola.look_aheads=2", "lola.memory=meta-episode", "lola.optimizer=adam", "lola.learning_rate=0.01"]


@pytest.mark.long
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


@pytest.mark.long
def test_it_is_the_reference_of_figure_5a(coalactl: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """From nothing: its runs beside those of the other methods, its claim judged by both, its line in the figure."""
    write_network()
    settings = {**SIZES, "run.iterations": 2, "run.checkpoint_every": 2}
    change_parts(
        monkeypatch,
        "fig5a",
        change=lambda part: part._replace(settings={**part.settings, **settings}, seeds=(7, 8)),
    )
    claims = coalactl("reproduce", "fig5a", "--out", "out", "--json").json["claims"]
    of_lola = next(claim for claim in claims if "LOLA" in claim["claim"])
    assert all(check["values"].keys() == {"7", "8"} for check in of_lola["checks"])
    drawn = pd.read_csv(next(Path("out/report/figures").glob("fig-5a*.csv")))
    with_critic = {"coala-pg, batch critic", "m-fos, batch critic"}
    assert set(drawn["line"]) == {"coala-pg", "m-fos", "batch-unaware", "lola-dice", *with_critic}
