"""The papers' exhibits: each has the runs that its claims are about, and two papers may have one of the same number."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from command_line import Command
from papers import part_named
from report_runs import analytical_run, build, figures_of, sequence_pack
from toy_paper import PAPER as TOY

from coalactl.configuration import plain, resolve
from coalactl.errors import ExitCode
from coalactl.papers.contract import Exhibit
from coalactl.papers.table import PAPERS, entries, named, names, results
from coalactl.papers.trains import Scale, each_once
from coalactl.presets import find_preset, read_preset
from coalactl.report.judging import judge
from coalactl.report.roles import Case
from coalactl.report.verdicts import command
from coalactl.reproduction.sweeps import sweep_of
from coalactl.sweep.plan import plan

EXHIBITS = {exhibit.name: exhibit for exhibit in named(["all"])}


@pytest.mark.parametrize("scale", list(Scale))
@pytest.mark.parametrize("exhibit", EXHIBITS.values(), ids=EXHIBITS.keys())
def test_an_exhibit_has_the_runs_that_its_claims_are_about(exhibit: Exhibit, scale: Scale) -> None:
    roles = {role for claim in exhibit.claims for role in claim.roles}
    sweeps = [sweep_of(part, Path("out")) for part in exhibit.trains.at(scale)]
    trials = [(sweep.preset, trial) for sweep in sweeps for trial in plan(sweep)]
    configs = [{**plain(trial.experiment), "preset": preset} for preset, trial in trials]
    for role in roles:
        assert any(role.fits(config) for config in configs), role.name
    for config in configs:
        assert any(role.fits(config) for role in roles), config["preset"]


@pytest.mark.parametrize("exhibit", EXHIBITS.values(), ids=EXHIBITS.keys())
def test_checks_are_about_roles_of_their_claim_and_claims_have_names_of_their_own(exhibit: Exhibit) -> None:
    assert exhibit.claims
    for claim in exhibit.claims:
        assert {name for check in claim.checks for name in check.roles} <= {role.name for role in claim.roles}
    assert max(Counter(claim.name for claim in exhibit.claims).values()) == 1


def test_parts_of_one_name_are_one_part() -> None:
    parts: dict[str, object] = {}
    for exhibit in EXHIBITS.values():
        for scale in Scale:
            for part in each_once(exhibit.trains.at(scale)):
                assert parts.setdefault(part.name, part) == part


def test_groups_are_of_exhibits_each_part_once() -> None:
    assert named(["all", "fig5a"]) == tuple(EXHIBITS.values())
    ours = {name for name, exhibit in EXHIBITS.items() if exhibit.paper == "coala-pg"}
    assert ours - {exhibit.name for exhibit in named(["analytical"])} == {
        *("fig5a", "fig5b", "fig5c", "fig6", "fig7", "fig12", "fig13", "fig14", "h3")
    }
    parts = each_once(part for exhibit in named(["fig5b", "fig5a"]) for part in exhibit.trains.quick)
    assert [part.name for part in parts] == [
        "ipd-shaping-quick",
        *(f"ipd-shaping-quick-{other}" for other in ("as-printed", "m-fos-critic", "lola")),
    ]


@pytest.mark.parametrize("scale", list(Scale))
@pytest.mark.parametrize("name", ["fig5a", "fig5b", "fig5c", "fig6", "fig7", "fig13", "fig14"])
def test_lola_dice_is_trained_beside_the_other_methods_and_meets_whom_they_meet(name: str, scale: Scale) -> None:
    parts = {
        part.name: part
        for part in EXHIBITS[name].trains.at(scale)
        if not part.name.startswith("ipd-meta-only") and "meta.batch_critic" not in part.settings
    }
    of_lola = {part.name.removesuffix("-lola"): part for part in parts.values() if part.methods == ("lola-dice",)}
    others = {part.name: part for part in parts.values() if part not in of_lola.values()}
    assert {setting: (part.preset, part.naive_from) for setting, part in of_lola.items()} == {
        setting: (part.preset or part.sweep, part.naive_from) for setting, part in others.items()
    }
    for setting, part in of_lola.items():
        fewer = scale is Scale.QUICK and setting.startswith("cleanup")
        assert part.seeds == others[setting].seeds[: 3 if fewer else 5], setting


@pytest.mark.parametrize(
    ("name", "beside"),
    [
        *((name, {("coala-pg", "none"), ("m-fos", "play")}) for name in ("fig5a", "fig5b")),
        ("fig5c", {("coala-pg", "none")}),
    ],
)
def test_with_and_without_a_critic_of_the_batch_methods_have_the_same_seeds(
    name: str, beside: set[tuple[str, str]]
) -> None:
    """Beside what the preset has: COALA-PG as printed, and M-FOS with COALA-PG's critic."""
    preset, *others = (part for part in EXHIBITS[name].trains.quick if "lola" not in part.name)
    variants = set()
    for part in others:
        if "population.p_naive" not in part.settings:
            (trial,) = plan(sweep_of(part, Path("out")))
            assert (part.preset, part.seeds) == (preset.preset, preset.seeds)
            variants.add((trial.method, trial.experiment.meta.batch_critic))
    assert variants == beside
    assert preset.seeds == tuple(range(100, 110))
    baselines = [trial for trial in plan(sweep_of(preset, Path("out"))) if trial.method != "coala-pg"]
    assert {trial.experiment.meta.batch_critic for trial in baselines} == {"none"}


@pytest.mark.parametrize("exhibit", EXHIBITS.values(), ids=EXHIBITS.keys())
def test_the_command_that_a_report_names_for_missing_runs_is_one(exhibit: Exhibit) -> None:
    for claim in exhibit.claims:
        assert command(judge(exhibit, claim, Case(claim.roles, {}))) == f"coalactl reproduce {exhibit.name}"


@pytest.mark.parametrize("preset", ["ipd-in-context-frozen-quick", "ipd-in-context-extorters-quick", "ipd-loqa-quick"])
def test_where_nobody_learns_within_a_game_there_is_no_experiment_of_the_first_paper(preset: str) -> None:
    config = {**plain(resolve(read_preset(find_preset(preset)), preset, {}).experiment), "preset": preset}
    config["meta"]["method"] = "coala-pg"
    assert not [role.name for role in results()[0].roles if role.fits(config)]
    config["rollout"]["inner_episodes"] = 2
    assert len([role.name for role in results()[0].roles if role.fits(config)]) == 1


# --- a second paper ---------------------------------------------------------------------------------------------------


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A paper with a Fig. 4A of its own."""
    monkeypatch.setitem(PAPERS, TOY.name, TOY)


@pytest.mark.usefixtures("toy")
def test_what_a_second_paper_has_goes_with_its_name(coalactl: Command) -> None:
    assert {"fig4a", "toy/fig4a", "fig5a", "toy/fig99"} <= set(names())
    assert [exhibit.id for exhibit in named(["fig4a"])] == ["coala-pg/4A"]
    assert [exhibit.id for exhibit in named(["toy"])] == ["toy/4A", "toy/99"]
    assert {exhibit.paper for exhibit in named(["coala-pg"])} == {"coala-pg"}
    assert [exhibit.id for exhibit in named(["toy/fig4a"])] == ["toy/4A"]
    assert named(["coala-pg/fig5a"]) == named(["fig5a"])
    result = coalactl("reproduce", "fig99")
    assert (result.code, len(result.err.splitlines())) == (ExitCode.USAGE, 1)
    assert "there is no figure 'fig99' in the first paper; use toy/fig99" in result.err


@pytest.mark.usefixtures("toy")
def test_a_report_judges_and_draws_both(coalactl: Command) -> None:
    sequence_pack(
        Path("runs/sampled"), "m-fos", {seed: {"reward_vs_naive": 0.1} for seed in range(3)}, "cleanup-shaping-quick"
    )
    ahead = {"meta.method": "lola-dice", "lola.look_aheads": 1}
    analytical_run(Path("runs/exact"), [{"reward_vs_meta": 1.0}] * 4, "analytical-lola-1", **ahead)
    made = build([Path("runs")])
    judged = {judgement.exhibit.label: judgement for judgement in made.judgements}
    assert judged["toy/4A"].verdict == "reproduced"
    assert judged["4A"].outcomes[0].verdict == "reproduced"
    drawn = {figure.name.partition("-cleanup")[0] for figure in figures_of(made)}
    assert {"fig-4a", "fig-toy-4a", "fig-6"} <= drawn
    assert not [figure.name for figure in made.figures if figure.name.startswith("fig-curves-naive-cleanup")]
    (table,) = [table for table in made.tables if table.name == "toy-hyperparameters"]
    assert {row[4] for row in table.rows} == {"0.125"}
    result = coalactl("report", "runs", "--format", "csv", "-q")
    assert result.code == 0, result.err
    assert coalactl("report", "--check", "report").code == 0


@pytest.mark.usefixtures("toy")
def test_runs_of_both_are_one_folder_each() -> None:
    (exhibit,) = named(["toy/fig4a"])
    (part,) = exhibit.trains.quick
    assert plan(sweep_of(part, Path("out")))[0].method == "m-fos"
    assert part_named("toy") == part


def test_a_paper_is_what_its_folder_holds() -> None:
    """Every row of its table has a file, and every file of an exhibit its row."""
    for paper, result in zip(PAPERS.values(), results(), strict=True):
        folder = Path(__import__(paper.package, fromlist=["x"]).__file__).parent
        files = {path.stem for pattern in ("fig_*.py", "app_*.py") for path in folder.glob(pattern)}
        assert files == set(paper.exhibits)
        assert len({exhibit.number for exhibit in result.exhibits}) == len(paper.exhibits)
        assert all(entry.shows for entry in entries())
