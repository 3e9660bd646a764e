"""The follow-up paper's exhibits: what claims make of runs with known numbers, and from nothing to verdicts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from command_line import Command
from papers import change_parts
from report_runs import build, figures_of, sequence_pack

from coalactl.papers.in_context.roles import A2C, PPI
from coalactl.papers.table import named
from coalactl.papers.trains import TrainingPart
from coalactl.report.checks import best, within_game
from coalactl.runs.pack import Pack

LEARNERS = pytest.mark.parametrize(("method", "preset"), [(A2C, "ipd-in-context-mixed"), (PPI, "ipd-ppi")])
SEEDS = range(10)
LENGTH = 100


def _pool(path: str, method: str, preset: str, among: float, against: float = 1.0, **settings: Any) -> None:
    final = {"reward_vs_meta": among, "reward_vs_fixed": against, "defection_vs_meta": 0.25, "defection_vs_fixed": 0.9}
    sequence_pack(Path(path), method, dict.fromkeys(SEEDS, final), preset, **settings)


def _evaluate(path: Path, name: str, opponents: Mapping[str, tuple[float, float]]) -> None:
    """Step by step: of each kind, or strategy, the reward and defection of steps 50 to 90; before and after 0 and 1."""
    rows = [
        {"agent": 0, "opponent_kind": kind, "opponent": strategy or "0", "inner_episode": 0, "step": step}
        | {"metric": metric, "value": value if 50 <= step + 1 <= 90 else otherwise}
        for opponent, values in opponents.items()
        for kind, _, strategy in [opponent.partition(" ")]
        for step in range(LENGTH)
        for metric, value, otherwise in zip(("reward", "defection"), values, (0.0, 1.0), strict=True)
    ]
    for run in Pack.open(path).runs:
        folder = run.path / "eval" / "by-step"
        folder.mkdir(parents=True)
        pd.DataFrame(rows).to_parquet(folder / f"{name}.parquet")
        pd.DataFrame(rows).drop(columns="step").drop_duplicates().to_parquet(folder.parent / f"{name}.parquet")


def _verdicts(exhibit: str) -> list[str]:
    (judgement,) = [one for one in build([Path("runs")]).judgements if one.exhibit.id == exhibit]
    return [outcome.verdict for outcome in judgement.outcomes]


@LEARNERS
def test_a_mixed_pool_is_held_against_its_ablations(method: str, preset: str) -> None:
    number = "1B" if method == A2C else "1A"
    _pool("runs/mixed", method, preset, among=0.9)
    _pool("runs/alone", method, preset, among=0.05, **{"population.fixed": []})
    if method == A2C:
        assert _verdicts(f"in-context/{number}") == ["reproduced"] * 3 + ["not tested", "reproduced"]
        _pool("runs/told", method, preset, among=0.6, **{"environment.opponent": "told"})
        assert _verdicts(f"in-context/{number}") == ["reproduced"] * 3 + ["not reproduced", "reproduced"]
    else:
        assert _verdicts(f"in-context/{number}") == ["reproduced"] * 4
    made = build([Path("runs")])
    (figure,) = [one for one in figures_of(made) if one.name.startswith(f"fig-in-context-{number.lower()}-")]
    ablations = ["told whom they meet"] * (method == A2C) + ["without random strategies"]
    reward, cooperation = figure.panels
    assert [line.label for line in reward.lines] == ["among learners", "against random strategies", *ablations]
    assert reward.lines[0].estimate[-1] == pytest.approx(0.9)
    assert cooperation.lines[0].estimate[-1] == pytest.approx(0.75)
    assert all(np.all(line.low <= line.high) for line in cooperation.lines)
    tables = {table.name: table for table in made.tables}
    printed = tables["ppi-hyperparameters" if method == PPI else "in-context-hyperparameters"]
    key, paper = ("ppi.horizon", "15") if method == PPI else ("meta.entropy", "0.01")
    assert {row[4] for row in printed.rows if row[2] == key} == {paper}
    assert "hyperparameters" not in tables


def test_where_one_learner_extorts_the_other_they_do_not_cooperate() -> None:
    """Agents lie 0.2 apart, so that one of the two earns 0.48 where both earn 0.58 on average."""
    _pool("runs/mixed", A2C, "ipd-in-context-mixed", among=0.58)
    assert _verdicts("in-context/1B")[:2] == ["reproduced", "not reproduced"]


def test_within_a_game_the_settled_rounds_count_of_whom_a_check_is_about() -> None:
    of_a2c = {
        "meta": (0.7, 0.2),
        "tabular": (1.0, 0.9),
        "fixed tit-for-tat": (0.8, 0.1),
        "fixed always-cooperate": (1.9, 1.0),
        "fixed always-defect": (-0.3, 0.7),
    }
    _pool("runs/mixed", A2C, "ipd-in-context-mixed", among=0.9)
    assert _verdicts("in-context/3B") == ["not tested"] * 4
    _evaluate(Path("runs/mixed"), "in-context-fig3b", of_a2c)
    assert _verdicts("in-context/3B") == ["reproduced", "reproduced", "reproduced", "not reproduced"]
    (figure,) = [one for one in figures_of(build([Path("runs")])) if one.name.startswith("fig-in-context-3b-")]
    reward, cooperation = figure.panels
    drawn = {line.label: line for line in cooperation.lines}
    assert drawn.keys() == {"among learners", "tit-for-tat", "always-cooperate", "always-defect", "random memory-one"}
    assert drawn["tit-for-tat"].x[[0, -1]].tolist() == [1, LENGTH]
    np.testing.assert_allclose(drawn["tit-for-tat"].estimate[[48, 49, 89, 90]], [0, 0.9, 0.9, 0])
    np.testing.assert_allclose({line.label: line for line in reward.lines}["always-cooperate"].estimate[49], 1.9)


def test_the_best_tenth_of_training_is_the_highest_running_mean() -> None:
    rewards = pd.DataFrame({7: [0.0] * 40 + [0.9, 0.1, 0.8, 0.4] + [0.2] * 16, 8: [0.5] * 60})
    found = best("reward_vs_meta")(SimpleNamespace(curve=lambda _: rewards))
    assert found == pytest.approx({7: (0.9 + 0.1 + 0.8 + 0.4 + 0.2 + 0.2) / 6, 8: 0.5})


def test_rounds_of_a_game_count_from_one_to_the_last_that_is_named() -> None:
    group = SimpleNamespace(by_step=lambda *_: pd.DataFrame({7: np.arange(LENGTH)}))
    assert within_game("of", "reward", "meta", 3, 12)(group) == {7: np.mean(range(2, 12))}


@pytest.mark.long
@pytest.mark.parametrize(
    ("figures", "sources"),
    [(("1b", "3b"), {}), (("4a", "4b", "4c", "4d", "4e", "4f"), {"frozen": "naive_from", "extorters": "meta_from"})],
    ids=["mixed", "steps"],
)
def test_a2c_from_nothing(
    figures: tuple[str, ...], sources: Mapping[str, str], coalactl: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every criterion finds what it is about in what the engine has measured, and each seed its own run before."""
    sizes = {"network.width": 4, "network.embedding": 4, "rollout.batch_size": 2, "run.iterations": 10}
    names = [f"in-context/fig{figure}" for figure in figures]

    def smaller(part: TrainingPart) -> TrainingPart:
        before = {key: smaller(source) for key, source in part.sources.items()}
        settings = {**part.settings, **sizes, "run.checkpoint_every": 5, "run.log_every": 1}
        return part._replace(settings=settings, seeds=(7, 8), **before)

    change_parts(monkeypatch, *names, change=smaller)
    result = coalactl("reproduce", *names, "--out", "out", "--json")
    told = result.json
    assert len(told["claims"]) == len(figures), result.err
    assert all(check["verdict"] != "not tested" for claim in told["claims"] for check in claim["checks"])
    drawn = {path.name.split("-")[3] for path in Path("out/report/figures").glob("fig-in-context-*.png")}
    assert drawn == set(figures)
    for experiment, key in sources.items():
        (config,) = Path(f"out/in-context-{experiment}-quick").glob("trials/*/seed-8/config.toml")
        (line,) = [line for line in config.read_text().splitlines() if line.startswith(f"{key} = ")]
        assert json.loads(line.partition(" = ")[2]).startswith("out/in-context-")


def test_its_exhibits_are_its_figures_in_order() -> None:
    numbers = [exhibit.number for exhibit in named(["in-context"])]
    assert numbers == [
        "1A",
        "1B",
        *(f"2{panel}" for panel in "ABCDEF"),
        "3A",
        "3B",
        *(f"4{panel}" for panel in "ABCDEF"),
    ]
