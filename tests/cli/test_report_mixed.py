"""Pools that mix methods: each method's agents have their own rows, in reports and in what a training tells."""

from __future__ import annotations

import csv
from pathlib import Path

import pandas as pd
import pytest
from command_line import Command
from report_runs import ITERATIONS, build, sequence_pack
from sweeps import SIZES, write_network

from coalactl.agents import Agents, agents_of, meta_agents, method_of
from coalactl.papers.coala_pg.app_h3 import EXHIBIT
from coalactl.papers.coala_pg.roles import ROLE
from coalactl.report import choices
from coalactl.report.checks import Source, mean
from coalactl.report.claims import Claim
from coalactl.report.judging import judge
from coalactl.report.roles import Case
from coalactl.report.settings import Setting
from coalactl.runs.directory import RunDirectory
from coalactl.runs.files import read_json
from coalactl.runs.metric_files import read_metrics

POOL = [{"method": "coala-pg", "count": 1}, {"method": "m-fos", "count": 1, "settings": {"learning_rate": 0.003}}]
SEEDS = {seed: {"reward_vs_meta": 0.8 + 0.01 * seed, "reward_vs_naive": 0.5} for seed in range(3)}
# The agents of a written run lie 0.1 below and above its seed's value.
COALA, M_FOS = -0.1, 0.1


def mixed_pack(path: str, pool: list[dict], values: dict = SEEDS, **settings) -> Path:
    return sequence_pack(Path(path), "coala-pg", values, "ipd-mixed-quick", **{"population.meta": pool, **settings})


def only(paths: list[Path]) -> Setting:
    (setting,) = build(paths).settings
    return setting


def test_agents_are_told_by_method_and_values() -> None:
    config = {"meta": {"method": "coala-pg", "clip": 0.2}, "population": {"meta": [*POOL, {"method": "coala-pg"}]}}
    assert agents_of(config) == (
        Agents("coala-pg", (0, 2), {"method": "coala-pg", "clip": 0.2}),
        Agents("m-fos", (1,), {"method": "m-fos", "clip": 0.2, "learning_rate": 0.003}),
    )
    assert method_of(config) == "coala-pg+m-fos"
    assert meta_agents(config) == 3
    assert agents_of({"meta": {"method": "m-fos"}, "population": {"meta": 2}})[0].numbers == (0, 1)


def test_each_methods_agents_are_on_rows_of_their_own(coalactl: Command) -> None:
    mixed_pack("runs/mixed", POOL)
    assert coalactl("report").code == 0
    with Path("report/tables/final.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["measure"] == "reward_vs_meta"]
    assert {row["setting"] for row in rows} == {f"ipd-mixed-quick, meta 1 coala-pg + 1 m-fos, iterations {ITERATIONS}"}
    found = {row["method"]: (float(row["mean"]), int(row["seeds"])) for row in rows}
    assert found == {"coala-pg": (pytest.approx(0.81 + COALA), 3), "m-fos": (pytest.approx(0.81 + M_FOS), 3)}
    with Path("report/tables/seeds.csv").open(encoding="utf-8") as file:
        values = {(row["method"], row["seed"], row["measure"]): float(row["value"]) for row in csv.DictReader(file)}
    assert values["m-fos", "2", "reward_vs_meta"] == pytest.approx(0.82 + M_FOS)
    with Path("report/tables/hyperparameters.csv").open(encoding="utf-8") as file:
        rates = {row["method"]: row["here"] for row in csv.DictReader(file) if row["key"] == "meta.learning_rate"}
    assert rates == {"coala-pg": "{0: 0.0001, 20: 0.002, interpolation: linear}", "m-fos": "0.003"}
    assert coalactl("report", "--check", "report").code == 0


def test_curves_and_claims_take_a_methods_own_agents() -> None:
    setting = only([mixed_pack("runs/mixed", POOL)])
    source = Source("ipd-mixed", "m-fos")
    for method, offset in (("coala-pg", COALA), ("m-fos", M_FOS)):
        curve = setting.groups[method].curve("reward_vs_meta")
        assert curve.loc[ITERATIONS - 1].tolist() == pytest.approx([0.80 + offset, 0.81 + offset, 0.82 + offset])
    check = mean(source, lambda group: group.values("reward_vs_meta"), "reward", above=0.85)
    roles = (ROLE["ipd-mixed"],)
    judged = judge(EXHIBIT, Claim("one", "both cooperate", roles, (check,)), Case(roles, {"ipd-mixed": setting}))
    assert judged.outcomes[0].quantity is not None
    assert judged.outcomes[0].quantity.values == pytest.approx({0: 0.90, 1: 0.91, 2: 0.92})
    assert judged.verdict == "reproduced"


def test_a_mixed_pool_is_no_part_of_comparisons_between_pools() -> None:
    made = build([mixed_pack("runs/mixed", POOL)])
    others = [judgement for judgement in made.judgements if judgement.exhibit.label != "H.3"]
    assert {judgement.verdict for judgement in others} == {"not tested"}


def test_both_methods_in_one_pool_are_judged_beside_m_fos_alone(coalactl: Command) -> None:
    """H.3: each method's own agents cooperate; the nearest pool of M-FOS alone does not."""
    near = {seed: {"reward_vs_meta": 0.80 + 0.001 * seed, "reward_vs_naive": 0.5} for seed in range(5)}
    alone = {seed: {"reward_vs_meta": 0.01 * seed, "reward_vs_naive": 0.4} for seed in range(5)}
    mixed_pack("runs/both", POOL, near)
    pack = sequence_pack(Path("runs/alone"), "m-fos", alone, "ipd-mixed-quick", **{"population.meta": 2})
    sequence_pack(Path("runs/others"), "m-fos", near, "ipd-mixed-quick", **{"population.meta": 2, "naive.entropy": 0.1})
    (found,) = [judgement for judgement in build([Path("runs")]).judgements if judgement.exhibit.label == "H.3"]
    # COALA-PG's agents earn 0.70, which is cooperation but not near 0.85; M-FOS's 0.90.
    near_printed = ("not reproduced", "reproduced")
    verdicts = tuple(outcome.verdict for outcome in found.outcomes)
    assert verdicts == ("reproduced", "reproduced", *near_printed, "reproduced")
    quantities = [outcome.quantity for outcome in found.outcomes]
    assert [quantity.runs[0].split("/")[0] for quantity in quantities if quantity] == [*["both"] * 4, pack.name]
    assert coalactl("report", "runs").code == 0
    with next(Path("report/figures").glob("fig-h3-ipd-mixed-quick-*.csv")).open(encoding="utf-8") as file:
        lines = {(row["panel"], row["line"]) for row in csv.DictReader(file)}
    assert lines == {
        *(("among meta agents", line) for line in ("coala-pg", "m-fos", "m-fos, alone in its pool")),
        *(("against naive learners", line) for line in ("coala-pg", "m-fos")),
    }
    assert coalactl("report", "--check", "report").code == 0


def test_what_differs_from_the_paper_is_told_beside_a_methods_own_values(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first of the preset's agents is COALA-PG's: it must not stand for M-FOS."""
    groups = [{"method": "coala-pg"}, {"method": "m-fos", "settings": {"learning_rate": 0.003}}]
    config = {"meta": {"learning_rate": 0.001}, "population": {"meta": groups}}
    monkeypatch.setattr(choices, "shipped_run", lambda preset, method: config)
    rates = [choices._paper_keys("any", method)["meta.learning_rate"] for method in ("coala-pg", "m-fos")]
    assert rates == [0.001, 0.003]


def test_what_the_others_in_a_pool_have_makes_another_setting() -> None:
    """An agent meets the others: a COALA-PG agent beside a slower M-FOS agent is in another experiment."""
    slower = [POOL[0], {**POOL[1], "settings": {"learning_rate": 0.0001}}]
    settings = build([mixed_pack("runs/a", POOL), mixed_pack("runs/b", slower)]).settings
    assert [list(setting.groups) for setting in settings] == [["coala-pg", "m-fos"]] * 2


def test_one_method_in_a_list_is_that_method() -> None:
    mixed_pack("runs/list", [{"method": "coala-pg", "count": 2}], **{"meta.method": "m-fos"})
    sequence_pack(
        Path("runs/number"),
        "coala-pg",
        {7: SEEDS[0]},
        "ipd-mixed-quick",
        **{"population.meta": 2, "meta.gae_lambda": 1.0},
    )
    setting = only([Path("runs")])
    assert {label: group.seeds for label, group in setting.groups.items()} == {"coala-pg": (0, 1, 2, 7)}


def test_evaluations_of_a_mixed_pool_are_told_by_method() -> None:
    path = mixed_pack("runs/mixed", POOL)
    for seed in SEEDS:
        rows = [
            {"agent": agent, "opponent_kind": "naive", "opponent": "naive", "inner_episode": 0, "metric": "reward"}
            | {"value": float(agent), "episodes": 4}
            for agent in range(2)
        ]
        (path / f"seed-{seed}/eval").mkdir()
        pd.DataFrame(rows).to_parquet(path / f"seed-{seed}/eval/naive.parquet")
    (table,) = [table for table in build([path]).tables if table.name == "evaluations"]
    assert {row[1]: row[6] for row in table.rows if row[4] == "reward"} == {"coala-pg": 0.0, "m-fos": 1.0}


def test_a_training_tells_of_each_method(train: Command, coalactl: Command) -> None:
    pool = 'population.meta=[{method="coala-pg",count=2},{method="m-fos"}]'
    write_network()
    sizes = [word for key, value in SIZES.items() for word in ("--set", f"{key}={value}")]
    sizes += ["--set", "meta.batch_critic=none"]
    result = train(*sizes, "--set", pool, "--iterations", "2", "--seeds", "2", "--out", "mixed", "--json")
    assert result.code == 0, result.err
    for seed, told in enumerate(result.json["runs"]):
        rows = read_metrics(RunDirectory(f"mixed/seed-{seed}"))
        last = rows[rows["iteration"] == rows["iteration"].max()]
        for method, agents in (("coala-pg", [0, 1]), ("m-fos", [2])):
            own = last[last["agent"].isin(agents)]["reward_vs_naive"].mean()
            assert told["by_method"][method]["reward_vs_naive"] == pytest.approx(own)
    assert read_json(Path("mixed/seed-0/status.json"))["method"] == "coala-pg+m-fos"
    for path in ("mixed", "mixed/seed-1"):
        shown = coalactl("runs", "show", path)
        titles = [line for line in shown.out.splitlines() if line.startswith("agents of ")]
        assert [title.partition(";")[0] for title in titles] == ["agents of coala-pg", "agents of m-fos"]
    assert set(coalactl("runs", "show", "mixed/seed-1", "--json").json["by_method"]) == {"coala-pg", "m-fos"}
