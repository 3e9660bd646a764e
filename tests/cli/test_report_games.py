"""Games of one's own in reports: figures and tables of what they measure, against everybody who was met."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from report_runs import ITERATIONS, analytical_run, build, sequence_pack

from coalactl.report.building import Report
from coalactl.report.drawing import render
from coalactl.report.tables import Table, to_markdown

KINDS = ("naive", "meta", "fixed")


def measures(reward: float) -> dict[str, float]:
    """As a game has them that describes ``demand``."""
    return {
        **{f"{who}reward_vs_{kind}": reward for kind in KINDS for who in ("", "coplayer_")},
        **{
            f"{who}demand{place}_vs_{kind}": 0.4
            for kind in KINDS
            for who in ("", "coplayer_")
            for place in ("", "_first", "_last")
        },
    }


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """Two methods and two seeds of a game of one's own; a pool of fixed strategies; other payoffs, exactly."""
    folder = tmp_path_factory.mktemp("runs")
    for method, reward in (("coala-pg", 0.8), ("m-fos", 0.3)):
        own = {"environment.name": "bargaining:Bargaining"}
        values = {seed: measures(reward) for seed in range(2)}
        sequence_pack(folder / "own" / method, method, values, named="bargain-quick", **own)
        fixed = {"reward_vs_fixed": reward, "coplayer_reward_vs_fixed": 0.1, "defection_first_vs_fixed": 0.2}
        pool = {"population.fixed": ["tit-for-tat"]}
        sequence_pack(folder / "fixed" / method, method, {0: fixed, 1: fixed}, "ipd-mixed-quick", **pool)
    payoffs = {"environment.payoffs": [[4.0, 0.0], [3.0, 2.0]]}
    analytical_run(folder / "stag", [{"reward_vs_meta": 1.0, "coplayer_reward_vs_meta": 1.0}] * 3, "stag", **payoffs)
    row = {"agent": 0, "opponent_kind": "naive", "opponent": "naive", "metric": "demand", "value": 0.5}
    for path in folder.glob("own/*/seed-*"):
        (path / "eval").mkdir()
        pd.DataFrame([{**row, "inner_episode": place} for place in range(2)]).to_parquet(path / "eval/naive.parquet")
    return build([folder])


def table(made: Report, name: str) -> Table:
    return next(one for one in made.tables if one.name == name)


def test_every_pool_that_was_met_has_learning_curves(made: Report) -> None:
    found = {figure.name: figure for figure in made.figures}
    own = [f"fig-curves-{kind}-bargain-quick" for kind in KINDS]
    (fixed,) = set(found) - {*own, "fig-curves-meta-stag"}
    assert fixed.startswith("fig-curves-fixed-ipd-mixed-quick-")
    for kind, name in zip(KINDS, own, strict=True):
        titles = [panel.title for panel in found[name].panels]
        assert titles == [f"reward vs {kind}", f"{kind}'s reward", f"demand vs {kind}"]
        for panel in found[name].panels:
            assert [line.label for line in panel.lines] == ["coala-pg", "m-fos"]
    # The mean of 20 iterations whose last two are 0.8, smoothed by nothing.
    assert found[own[0]].panels[0].lines[0].estimate == pytest.approx([9.0] * 18 + [0.8] * 2)
    assert render(found[own[0]], ("png",)).images["png"]


def test_what_a_figure_of_the_paper_shows_is_not_drawn_again(tmp_path: Path) -> None:
    sequence_pack(tmp_path / "a", "coala-pg", {0: measures(0.5)}, "ipd-mixed-quick")
    names = [figure.name.partition("-ipd")[0] for figure in build([tmp_path]).figures]
    assert names == ["fig-5c", "fig-curves-fixed"]


def test_tables_have_the_measures_that_there_are_and_no_others(made: Report) -> None:
    shown: dict[str, list[str]] = {}
    for setting, measure, *_ in table(made, "final").shown:
        if measure not in shown.setdefault(setting, []):
            shown[setting].append(measure)
    assert shown["bargain-quick"] == [
        told
        for kind in KINDS
        for told in (
            f"reward vs {kind}",
            f"{kind}'s reward",
            f"demand vs {kind}, first",
            f"demand vs {kind}, last",
            f"{kind}'s demand, first",
            f"{kind}'s demand, last",
        )
    ]
    (fixed,) = (name for name in shown if name.startswith("ipd-mixed-quick"))
    assert shown[fixed] == ["reward vs fixed", "fixed's reward", "defection vs fixed, first"]
    for one in made.tables:
        if one.name not in ("hyperparameters", "differences", "open-choices"):
            assert "| – |" not in to_markdown(one), one.name
    seeds = [row for row in table(made, "seeds").shown if row[:2] == ("bargain-quick", "reward vs naive")]
    assert [row[2:] for row in seeds] == [("coala-pg", "0: 0.800, 1: 0.800"), ("m-fos", "0: 0.300, 1: 0.300")]


def test_evaluations_have_the_games_own_measures(made: Report) -> None:
    rows = [row[1:] for row in table(made, "evaluations").shown if row[0] == "bargain-quick"]
    assert [row[:3] for row in rows] == [
        ("naive", f"demand, {place}", method) for place in ("first", "last") for method in ("coala-pg", "m-fos")
    ]
    assert {row[4] for row in rows} == {"0.500 ± 0.000"}


def test_the_papers_values_stand_beside_the_papers_games_alone(made: Report) -> None:
    papers = {(row[0], row[4]) for row in table(made, "hyperparameters").rows if row[2] == "meta.clip"}
    assert papers == {("bargain-quick", "–"), (f"ipd-mixed-quick, iterations {ITERATIONS}", "0.2")}
