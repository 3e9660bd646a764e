"""Runs with a critic of the batch beside those without: names, lines, verdicts, and what is ours in the tables."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from command_line import Command
from report_runs import build, figures_of, sequence_pack

from coalactl.papers.coala_pg.printed import PRINTED
from coalactl.report import settings
from coalactl.report.building import Report
from coalactl.report.drawing import render
from coalactl.report.figures import LOOKS, Figure
from coalactl.report.judging import Judgement
from coalactl.report.tables import Table

WITH = "coala-pg, batch critic"
REWARDS = {("coala-pg", "play"): 1.0, ("coala-pg", "none"): 0.35, ("m-fos", "play"): 0.9, ("m-fos", "none"): 0.3}
REWARDS |= {("batch-unaware", "none"): 0.3}


def write_runs(folder: Path, variants: Sequence[tuple[str, str]] = tuple(REWARDS)) -> Path:
    """Each method with and without a critic in the shaping setting; without, COALA-PG has the most seeds."""
    for method, critic in variants:
        count = 5 if (method, critic) == ("coala-pg", "none") else 4
        values = {seed: _finals(method, critic, seed) for seed in range(count)}
        used = {"meta.batch_critic": critic, "meta.episode_lambda": 1.0 if critic == "none" else 0.5}
        sequence_pack(folder / f"{method}-{critic}", method, values, **used)
    return folder


def _finals(method: str, critic: str, seed: int) -> dict[str, float]:
    return {
        "reward_vs_naive": REWARDS.get((method, critic), 0.7) + 0.001 * seed,
        "coplayer_reward_vs_naive": -0.1,
        "defection_first_vs_naive": 1.0,
        "defection_last_vs_naive": 1.0,
        "batch_critic_explained_variance": math.nan if critic == "none" else 0.4,
    }


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All of ``REWARDS``."""
    return write_runs(tmp_path_factory.mktemp("runs"))


def preset_has(critic: str, patch: pytest.MonkeyPatch) -> None:
    """Shipped presets have this critic for COALA-PG, and none for the others."""
    shipped = settings.shipped_run

    def with_critic(preset: str, method: str) -> dict[str, Any]:
        config = shipped(preset, method)
        config["meta"] = {**config["meta"], "batch_critic": critic if method == "coala-pg" else "none"}
        return config

    patch.setattr(settings, "shipped_run", with_critic)


def claim(report: Report, figure: str) -> Judgement:
    return next(one for one in report.judgements if one.exhibit.label == figure)


def table(report: Report, name: str) -> Table:
    return next(one for one in report.tables if one.name == name)


def drawn(report: Report) -> Mapping[str, Figure]:
    return {figure.name.split("-")[1]: figure for figure in figures_of(report)}


def test_a_method_with_and_without_a_critic_are_two_rows_of_one_setting(runs: Path) -> None:
    made = build([runs])
    assert [list(setting.groups) for setting in made.settings] == [
        ["batch-unaware", "coala-pg", WITH, "m-fos", "m-fos, batch critic"]
    ]
    means = {row[1]: row[4] for row in table(made, "final").rows if row[2] == "reward_vs_naive"}
    assert means == {
        "coala-pg": pytest.approx(0.352),
        **{
            f"{method}{', batch critic' * (critic != 'none')}": pytest.approx(reward + 0.0015)
            for (method, critic), reward in REWARDS.items()
            if (method, critic) != ("coala-pg", "none")
        },
    }


@pytest.mark.parametrize("figure", ["5a", "5b"])
def test_they_are_two_lines_of_one_figure_that_nobody_mistakes(runs: Path, figure: str) -> None:
    found = drawn(build([runs]))[figure]
    for panel in found.panels:
        assert [line.label for line in panel.lines] == [
            *(WITH, "coala-pg", "batch-unaware", "m-fos, batch critic", "m-fos")
        ]
        assert len({line.colour for line in panel.lines}) == len({line.label for line in panel.lines})
    assert render(found, ("png",)).images["png"]


def test_every_look_is_one_of_its_own_in_colour_and_in_grey() -> None:
    """Lines of the same dashes differ in lightness; critics of one method share its colour, and differ in dashes."""
    assert len(set(LOOKS.values())) == len(LOOKS)
    methods: dict[str, set[tuple[str, bool]]] = {}
    greys: dict[object, list[float]] = {}
    for (method, critic), look in LOOKS.items():
        methods.setdefault(look.colour, set()).add((method, critic != "none"))
        red, green, blue = (int(look.colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
        greys.setdefault(look.dashes, []).append(0.299 * red + 0.587 * green + 0.114 * blue)
    assert {len(variants) for variants in methods.values()} == {1}
    for levels in greys.values():
        apart = [abs(one - other) for place, one in enumerate(levels) for other in levels[:place]]
        assert min(apart, default=1) > 0.2


def test_several_critics_are_told_by_name(tmp_path: Path) -> None:
    made = build([write_runs(tmp_path, [("coala-pg", critic) for critic in ("none", "play", "measures")])])
    named = [f"{WITH} (batch_critic {critic})" for critic in ("play", "measures")]
    assert list(made.settings[0].groups) == ["coala-pg", *reversed(named)]
    lines = drawn(made)["5a"].panels[0].lines
    assert [line.label for line in lines] == [*named, "coala-pg"]
    assert len({(line.colour, line.dashes) for line in lines}) == len(lines)


@pytest.mark.parametrize(("critic", "other"), [("play", "none"), ("none", "play")])
def test_claims_are_judged_on_what_the_preset_has_and_the_other_is_told_beside(
    runs: Path, critic: str, other: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    preset_has(critic, monkeypatch)
    judged = claim(build([runs]), "5A")
    expected, rest = (REWARDS["coala-pg", name] - REWARDS["m-fos", "none"] for name in (critic, other))
    quantity, (agents, beside) = judged.outcomes[0].quantity, judged.beside[0]
    assert quantity is not None
    assert beside.quantity is not None
    # Of the baseline the runs that are as printed, whatever others there are.
    assert quantity.methods == (WITH if critic == "play" else "coala-pg", "m-fos")
    assert quantity.interval.estimate == pytest.approx(expected)
    assert (agents.critic, beside.quantity.interval.estimate) == (other, pytest.approx(rest))
    # Above by more than 0.1 with the critic alone.
    assert judged.verdict == ("reproduced" if critic == "play" else "partly")
    assert judged.line.endswith(f"(here: COALA-PG {'with' if critic == 'play' else 'without'} batch critic)")
    # 5B has checks that are about the baselines alone: nothing stands beside these.
    of_b = claim(build([runs]), "5B")
    assert (len(of_b.outcomes), len(of_b.beside)) == (5, 2)


def test_where_no_run_has_a_critic_nothing_is_said_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    preset_has("play", monkeypatch)
    found = [variant for variant in REWARDS if variant[1] == "none"]
    judged = claim(build([write_runs(tmp_path, found)]), "5A")
    assert (judged.line, judged.beside) == (judged.claim.text, ())
    assert judged.outcomes[0].quantity is not None


def test_a_baseline_with_a_critic_judges_nothing(tmp_path: Path) -> None:
    judged = claim(build([write_runs(tmp_path, [("coala-pg", "play"), ("m-fos", "play")])]), "5A")
    assert judged.outcomes[0].missing.startswith("no finished runs of m-fos in ipd-shaping-quick")


def test_a_report_says_on_which_runs_a_claim_was_judged(
    coalactl: Command, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    preset_has("play", monkeypatch)
    result = coalactl("report", runs, "--format", "md", "--format", "csv")
    assert (
        "5A   reproduced             ipd-shaping-quick, iterations 20; COALA-PG with batch critic"
        in result.out.splitlines()
    )
    overview, sections = Path("report/claims.md").read_text().split("\n## 5A: reproduced", maxsplit=1)
    section = sections.split("\n## ")[0]
    for text in (overview, section, Path("report/index.html").read_text()):
        assert "than batch-unaware and M-FOS (here: COALA-PG with batch critic)" in text
    assert "| no part of the verdict, coala-pg: coala-pg − m-fos on common seeds" in section
    told = next(one for one in json.loads(Path("report/claims.json").read_text())["claims"] if one["figure"] == "5A")
    assert told["judged_on"] == "COALA-PG with batch critic"
    assert told["checks"][0]["methods"] == [WITH, "m-fos"]
    assert [check["methods"][0] for check in told["beside"]] == ["coala-pg"] * 3
    assert coalactl("report", "--check", "report").code == 0


def test_what_is_ours_is_listed_beside_the_papers(runs: Path) -> None:
    made = build([runs])
    (setting,) = made.settings
    rows = {(row[1], row[2]): row[3:] for row in table(made, "hyperparameters").rows}
    methods = {method for method, _ in rows}
    assert len(methods) == 5
    for method in methods:
        # Without a critic of the batch its λ is not read.
        with_critic = "critic" in method
        assert rows[method, "meta.batch_critic"] == ("play" if with_critic else "none", "not in the paper")
        assert rows[method, "meta.episode_lambda"][0] == ("0.5" if with_critic else "–")
    differences = {row[1:3]: row[3:] for row in table(made, "differences").rows}
    for method in methods:
        expected = ("play", "none") if "critic" in method else None
        assert differences.get((method, "meta.batch_critic")) == expected
    with_critic = f"{WITH}; m-fos, batch critic"
    shown = [row for row in table(made, "differences").shown if row[1] in ("meta.batch_critic", "meta.episode_lambda")]
    assert [row[2:] for row in shown] == [("play", "none", with_critic), ("0.5", "1", with_critic)]
    taken = {(row[0], row[1]): row[3] for row in table(made, "open-choices").rows}
    assert taken["meta.batch_critic", "play"] == f"{setting.name} ({with_critic})"
    assert taken["meta.batch_critic", "none"] == f"{setting.name} (batch-unaware; coala-pg; m-fos)"
    assert taken["meta.value_clip", "inf"] == setting.name
    assert all("our addition" in row[2] for row in table(made, "open-choices").rows if row[0] in PRINTED.ours)


POOL = [{"method": "coala-pg", "settings": {"batch_critic": "play"}}, {"method": "m-fos"}]


def test_each_of_a_pools_agents_has_its_own(coalactl: Command) -> None:
    sequence_pack(
        Path("runs/both"), "coala-pg", {0: {"reward_vs_meta": 0.8}}, "ipd-mixed-quick", **{"population.meta": POOL}
    )
    made = build([Path("runs")])
    (setting,) = made.settings
    assert list(setting.groups) == [WITH, "m-fos"]
    assert "meta 1 coala-pg, batch critic + 1 m-fos" in setting.name
    assert [line.label for line in drawn(made)["h3"].panels[0].lines] == [WITH, "m-fos"]
    assert claim(made, "H.3").judged_on == "COALA-PG with batch critic"
    row = coalactl("runs", "ls", "--json").json[0]
    assert row["setting"] == "ipd-mixed-quick coala-pg, batch critic + m-fos 1 seed"
    assert set(coalactl("runs", "show", "runs/both/seed-0", "--json").json["by_method"]) == {WITH, "m-fos"}


def test_a_pool_with_and_without_is_no_part_of_comparisons_between_pools(tmp_path: Path) -> None:
    pool = [POOL[0], {"method": "coala-pg"}]
    sequence_pack(
        tmp_path / "runs", "coala-pg", {0: {"reward_vs_meta": 0.8}}, "ipd-mixed-quick", **{"population.meta": pool}
    )
    made = build([tmp_path])
    assert {row[1] for row in table(made, "final").rows} == {WITH, "coala-pg"}
    assert {judgement.verdict for judgement in made.judgements} == {"not tested"}
