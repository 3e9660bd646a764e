"""What CleanUp-lite may not be: one line that names the key and what is allowed."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import Command, assert_one_line

# What CleanUp-lite may not be: a key, values, and a word of what is allowed.
CLEANUP = [
    *((f"environment.{key}={value}", "at most 1") for key in ("p_pollution", "p_zap") for value in (1.01, 2)),
    *((f"environment.{key}=-0.1", "at least 0") for key in ("p_pollution", "p_zap")),
    *((f"environment.{key}=nan", "a finite number") for key in ("p_pollution", "p_zap", "pollution_threshold")),
    *((f"environment.{key}=2.0", "use a whole number") for key in ("rows", "columns", "t_zap", "zap_range")),
    *((f"environment.{key}=33", "at most 32") for key in ("rows", "columns", "initial_dirt")),
    ("environment.rows=0", "at least 1"),
    ("environment.rows=2", "environment.initial_dirt: 3 patches do not fit into a river of 2 cells"),
    ("environment.initial_dirt=6", "do not fit into a river of 5 cells; use at most environment.rows"),
    ("environment.initial_dirt=-1", "at least 0"),
    ("environment.columns=1", "at least 2"),
    ("environment.pollution_threshold=0", "more than 0"),
    ("environment.pollution_threshold=inf", "a finite number"),
    ("environment.p_pollution={ 0 = 0.1 }", "use a number"),
    ("environment.zap_range=-1", "at least 0"),
    ("environment.t_zap=0", "at least 1"),
    ("environment.t_zap=128", "at most 127"),
    ("environment.zap_metric=euclidean", "'manhattan' or 'chebyshev'"),
    ("environment.order_of_moving=middle", "'last' or 'first'"),
    ("environment.row=3", "did you mean 'environment.rows'?"),
    ("environment.payoffs=[[1, 2], [3, 4]]", "no such key"),
    ("population.naive_from=nowhere", "there is no run"),
    ("population.naive_from=/nowhere", "no absolute paths"),
    ("population.fixed=[{ strategy = 'tit-for-tat', weight = 0.1 }]", "two-action matrix games only"),
]


@pytest.mark.parametrize(("assignment", "allowed"), CLEANUP, ids=[assignment[:40] for assignment, _ in CLEANUP])
def test_a_bad_value_in_cleanup_lite(coalactl: Command, assignment: str, allowed: str) -> None:
    game = ("--set", "environment.name=cleanup-lite")
    result = coalactl("train", "ipd-shaping-quick", "-q", "--out", "run", *game, "--set", assignment)
    assert_one_line(result, allowed)
    assert "matrix-game" not in result.err
    assert not Path("run").exists()
