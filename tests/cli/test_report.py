"""``coalactl report``: which runs count, the numbers against hand-computed ones, and bad input."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import pytest
from command_line import Command
from report_runs import ITERATIONS, analytical_run, sequence_pack

from coalactl.report.settings import slug_of
from coalactl.runs.directory import RunDirectory

COALA = {0: 0.8, 1: 1.0, 2: 0.6}
MFOS = {0: 0.30, 1: 0.34, 2: 0.32}


def shaping(reward: float, first: float = 0.2, last: float = 0.9) -> dict[str, float]:
    return {
        "reward_vs_naive": reward,
        "coplayer_reward_vs_naive": -0.2,
        "defection_first_vs_naive": first,
        "defection_last_vs_naive": last,
    }


@pytest.fixture
def runs() -> Path:
    """COALA-PG and the baselines in the shaping setting, three seeds each."""
    folder = Path("runs")
    sequence_pack(folder / "coala", "coala-pg", {seed: shaping(value) for seed, value in COALA.items()})
    for method in ("m-fos", "batch-unaware"):
        sequence_pack(folder / method, method, {seed: shaping(value, 0.99, 1.0) for seed, value in MFOS.items()})
    return folder


def rows_of(path: str) -> list[dict[str, str]]:
    with Path(path).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def claim(figure: str) -> dict:
    claims = json.loads(Path("report/claims.json").read_text())["claims"]
    return next(one for one in claims if one["figure"] == figure)


@pytest.mark.usefixtures("runs")
def test_final_measures_are_means_over_seeds_of_the_last_tenth(coalactl: Command) -> None:
    result = coalactl("report")
    assert result.code == 0, result.err
    assert "runs" in result.err.splitlines()[0]
    assert result.out.splitlines()[-1] == "report"
    row = next(
        row
        for row in rows_of("report/tables/final.csv")
        if (row["method"], row["measure"]) == ("coala-pg", "reward_vs_naive")
    )
    # Mean .8, standard deviation .2, t(2) at 97.5% = 4.302653: half-width .2 / sqrt(3) * 4.302653 = .4968275.
    found = [float(row[name]) for name in ("mean", "std", "low", "high", "median", "q1", "q3")]
    assert found == pytest.approx([0.8, 0.2, 0.8 - 0.4968275, 0.8 + 0.4968275, 0.8, 0.7, 0.9], abs=1e-6)
    assert row["iqm"] == ""  # three seeds give none
    seeds = {
        row["seed"]: float(row["value"])
        for row in rows_of("report/tables/seeds.csv")
        if (row["method"], row["measure"]) == ("coala-pg", "reward_vs_naive")
    }
    assert seeds == pytest.approx({"0": 0.8, "1": 1.0, "2": 0.6})
    latex = Path("report/tables/final.tex").read_text()
    assert r"& 0.800 $\pm$ 0.200 & [0.303, 1.297] \\" in latex
    assert r"\toprule" in latex


@pytest.mark.usefixtures("runs")
def test_a_claim_is_judged_by_paired_seeds(coalactl: Command) -> None:
    assert coalactl("report").code == 0
    found = claim("5A")
    check = found["checks"][0]
    # Differences .5, .66, .28: mean .48, standard deviation .1907878, half-width that / sqrt(3) * 4.302653 = .473943.
    assert [check[name] for name in ("estimate", "low", "high")] == pytest.approx([0.48, 0.006057, 0.953943], abs=1e-6)
    assert check["values"] == pytest.approx({"0": 0.5, "1": 0.66, "2": 0.28})
    assert check["runs"] == [f"coala/seed-{seed}" for seed in COALA] + [f"m-fos/seed-{seed}" for seed in MFOS]
    # The direction agrees, but the interval does not exclude 0.1.
    assert (check["verdict"], found["verdict"]) == ("partly", "partly")


@pytest.mark.usefixtures("runs")
def test_a_method_without_runs_leaves_its_claim_open_and_the_others_are_judged(coalactl: Command) -> None:
    assert coalactl("report", "--format", "md").code == 0
    claims = json.loads(Path("report/claims.json").read_text())["claims"]
    own, of_lola = (one for one in claims if one["figure"] == "5A")
    assert (own["verdict"], of_lola["verdict"]) == ("partly", "not tested")
    assert of_lola["checks"][0]["missing"].startswith("no finished runs of lola-dice in ipd-shaping-quick")
    section, *_, left = Path("report/claims.md").read_text().split("\n## ")[1:]
    assert section.startswith("5A: partly, ")
    assert "coalactl reproduce" not in section
    assert "| 5A | `coalactl reproduce fig5a` | no finished runs of lola-dice in ipd-shaping-quick" in left


def test_a_claim_that_fails_is_called_so(coalactl: Command) -> None:
    values = [{"reward_vs_meta": 0.95}] * 8
    analytical_run(Path("runs/mixed"), values, "analytical-mixed", **{"population.p_naive": 0.05})
    analytical_run(Path("runs/pure"), values, "analytical-meta-only", **{"population.p_naive": 0.0})
    analytical_run(
        Path("runs/meet"), [{"reward_vs_meta": 0.1}] * 8, "x", **{"population.p_naive": {"0": 1.0, "9": 0.0}}
    )
    result = coalactl("report")
    assert result.code == 0
    assert [check["verdict"] for check in claim("3C")["checks"]] == ["reproduced", "not reproduced"]
    assert claim("3C")["verdict"] == "partly"
    assert claim("3B")["verdict"] == "not reproduced"
    assert claim("3A")["verdict"] == "not tested"
    assert "coalactl reproduce fig3a" in Path("report/claims.md").read_text()


def test_medians_and_fractions_against_hand_computed_ones(coalactl: Command) -> None:
    rewards = [1.0, 0.99, 0.98, 0.97, 0.96, 0.95, 0.94, 0.2]
    settings = {"population.p_naive": {"0": 1.0, "9": 0.0}}
    analytical_run(
        Path("runs/meet"), [{"reward_vs_meta": value} for value in rewards], "analytical-extortioners-meet", **settings
    )
    assert coalactl("report").code == 0
    middle, fraction = claim("3B")["checks"]
    assert [middle[name] for name in ("estimate", "low", "high")] == pytest.approx([0.965, 0.9475, 0.9825])
    # 7 of 8: (7 + z²/2) / (8 + z²) ± z / (8 + z²) * sqrt(7/8 * 1/8 * 8 + z²/4) with z = 1.959964.
    z = 1.959964
    centre, half = (7 + z**2 / 2) / (8 + z**2), z / (8 + z**2) * math.sqrt(7 / 8 + z**2 / 4)
    assert [fraction[name] for name in ("estimate", "low", "high")] == pytest.approx(
        [7 / 8, centre - half, centre + half]
    )


def test_ten_seeds_give_an_interquartile_mean(coalactl: Command) -> None:
    sequence_pack(Path("runs/p"), "coala-pg", {seed: shaping(float(seed)) for seed in range(12)})
    assert coalactl("report", "runs/p").code == 0
    row = next(row for row in rows_of("report/tables/final.csv") if row["measure"] == "reward_vs_naive")
    assert float(row["iqm"]) == pytest.approx(5.5)  # seeds 3 to 8
    assert float(row["iqm_low"]) < 5.5 < float(row["iqm_high"])


def test_settings_differ_by_what_was_set(coalactl: Command) -> None:
    sequence_pack(Path("runs/a"), "coala-pg", {0: shaping(0.5)}, **{"meta.learning_rate": 0.001})
    sequence_pack(Path("runs/b"), "coala-pg", {0: shaping(0.7)}, **{"naive.learning_rate": 0.01})
    sequence_pack(Path("runs/c"), "coala-pg", {0: shaping(0.9)}, **{"meta.learning_rate": 0.01})
    assert coalactl("report").code == 0
    found = {(row["setting"], row["method"]) for row in rows_of("report/tables/final.csv")}
    iterations = f"iterations {ITERATIONS}"
    assert found == {
        (f"ipd-shaping-quick, {iterations}", "coala-pg (learning_rate 0.001)"),
        (f"ipd-shaping-quick, {iterations}", "coala-pg (learning_rate 0.01)"),
        (f"ipd-shaping-quick, learning_rate 0.01, {iterations}", "coala-pg"),
    }


def test_variants_of_ones_own_file_are_told_apart_by_their_values(coalactl: Command) -> None:
    for name, rate in (("a", 0.01), ("b", 0.02)):
        pack = sequence_pack(Path("runs", name), "coala-pg", {0: shaping(0.5)}, **{"naive.learning_rate": rate})
        run = RunDirectory(pack / "seed-0")
        run.write_provenance({**run.read_provenance(), "preset": "bargain"})
    assert coalactl("report").code == 0
    names = {row["setting"] for row in rows_of("report/tables/final.csv")}
    assert names == {"bargain, learning_rate 0.01", "bargain, learning_rate 0.02"}


def test_long_names_of_files_are_cut_and_stay_different() -> None:
    long = "ipd-shaping-quick, reward_scale 0.1, learning_rate 0.01, inner_episodes 4 and 3 more"
    short, first, second = map(slug_of, ("short, p 0", long, f"{long} (2)"))
    assert short == "short-p-0"
    assert first.startswith("ipd-shaping-quick-reward-")
    assert first != second
    assert max(map(len, (first, second))) <= 32


def test_what_does_not_count_is_told_by_name(coalactl: Command, runs: Path) -> None:
    def change(path: str, **values) -> None:
        run = RunDirectory(runs / path)
        run.write_status(run.read_status()._replace(**values))

    change("coala/seed-0", state="interrupted", iteration=7)
    change("coala/seed-1", state="diverged", iteration=3)
    provenance = RunDirectory(runs / "m-fos/seed-1").read_provenance()
    RunDirectory(runs / "m-fos/seed-1").write_provenance({**provenance, "format": 99})
    part = next((runs / "m-fos/seed-2/metrics").glob("*.parquet"))
    part.write_bytes(part.read_bytes()[:100])
    (runs / "batch-unaware/seed-2/config.toml").unlink()
    sequence_pack(runs / "again", "batch-unaware", {0: shaping(0.3)})
    result = coalactl("report", "--json")
    assert result.code == 0, result.err
    told = {problem["name"]: problem["what"] for problem in result.json["problems"]}
    assert told["coala/seed-0"] == f"interrupted at iteration 7 of {ITERATIONS}"
    assert told["coala/seed-1"].startswith("diverged at iteration 3")
    assert "format 99" in told["m-fos/seed-1"]
    assert "damaged" in told["m-fos/seed-2"]
    assert told["batch-unaware/seed-2"].startswith("missing")
    assert "the same configuration and seed" in told["again/seed-0"] or "the same" in told["batch-unaware/seed-0"]
    assert len(told) == 6
    assert "coala/seed-2" in result.json["runs"]


def test_of_a_sweep_the_final_runs_count(coalactl: Command) -> None:
    sweep = Path("runs/sweep")
    sequence_pack(sweep / "trials/coala-pg-1", "coala-pg", {0: shaping(5.0)})
    sequence_pack(sweep / "final/coala-pg", "coala-pg", {100: shaping(0.5)})
    (sweep / "failures").mkdir()
    (sweep / "failures/m-fos-2.json").write_text('{"kind": "diverged", "reason": "diverged in iteration 3"}')
    (sweep / "sweep.toml").write_text('preset = "ipd-shaping-quick"\n[final]\nseeds = [100, 101]\n')
    chosen = {"coala-pg": {"trial": "coala-pg-1", "values": {"meta.method": "coala-pg", "meta.learning_rate": 0.003}}}
    (sweep / "selection.json").write_text(json.dumps(chosen))
    result = coalactl("report", "--json")
    assert result.json["runs"] == ["sweep/final/coala-pg/seed-100"]
    told = {problem["name"]: problem["what"] for problem in result.json["problems"]}
    assert told["sweep/final/coala-pg/seed-101"] == "missing: a final run of the sweep"
    assert told["sweep/trials/m-fos-2"] == "failed: diverged in iteration 3"
    assert rows_of("report/tables/selected.csv") == [
        {"sweep": "sweep", "method": "coala-pg", "key": "meta.learning_rate", "selected": "0.003", "paper": "0.0003"}
        | {"trial": "coala-pg-1"}
    ]


def test_of_a_sweep_without_final_runs_the_trials_count(coalactl: Command) -> None:
    sweep = Path("runs/sweep")
    sequence_pack(sweep / "trials/coala-pg-1", "coala-pg", {0: shaping(0.5)})
    (sweep / "sweep.toml").write_text('preset = "ipd-shaping-quick"\n')
    result = coalactl("report", "--json")
    assert result.json["runs"] == ["sweep/trials/coala-pg-1/seed-0"]
    assert result.json["problems"] == []


def test_differences_from_the_papers_configuration_are_listed(coalactl: Command, runs: Path) -> None:
    assert coalactl("report", runs).code == 0
    found = {row["key"]: (row["here"], row["paper"]) for row in rows_of("report/tables/differences.csv")}
    assert found["rollout.meta_batch_size"] == ("16", "128")
    schedule = "{0: 0.0001, 10: 0.0001, 25: 0.002, interpolation: linear}"
    assert found["meta.learning_rate"] == (schedule, "0.0003")
    assert "meta.clip" not in found
    assert any(row["key"] == "meta.value_clip" for row in rows_of("report/tables/open-choices.csv"))


def test_groups_of_naive_agents_are_told_apart_with_their_own_values(coalactl: Command) -> None:
    """In the legend of short names too, and beside the paper's values."""
    for rate in (0.005, 0.05, 0.5):
        groups = [{"algorithm": "a2c", "count": 9}, {"algorithm": "a2c", "settings": {"learning_rate": rate}}]
        sequence_pack(Path(f"runs/{rate}"), "coala-pg", {0: shaping(0.5)}, **{"population.naive": groups})
    assert coalactl("report", "runs").code == 0
    names = [row["stands for"] for row in rows_of("report/tables/settings.csv")]
    assert len(names) == len(set(names)) == 3
    assert all(any(f"learning_rate {rate}" in name for name in names) for rate in (0.005, 0.05, 0.5))
    rows = rows_of("report/tables/differences.csv")
    rates = [(row["here"], row["paper"]) for row in rows if row["key"] == "population.naive.1.learning_rate"]
    assert rates == [("0.05", "0.005"), ("0.5", "0.005")]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "no folder ./runs"),
        (("nowhere",), "there is no such run"),
        (("file",), "not a directory"),
        (("empty",), "no finished runs"),
        (("empty", "--format", "bmp"), "there is no 'bmp'"),
        (("empty", "--out", "file"), "a file is in the way"),
        (("empty", "--out", "."), "not empty and holds no report"),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(coalactl: Command, arguments: tuple[str, ...], words: str) -> None:
    Path("file").touch()
    Path("empty").mkdir()
    result = coalactl("report", *arguments)
    assert result.code == 2
    assert words in result.err
    assert len(result.err.splitlines()) == 1
    assert sorted(path.name for path in Path().iterdir()) == ["empty", "file"]
