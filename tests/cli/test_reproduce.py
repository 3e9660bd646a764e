"""``coalactl reproduce``: what each figure needs, from nothing to verdicts, stopped and taken up, and bad input."""

from __future__ import annotations

import json
import shutil
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from command_line import Command
from papers import change_parts, part_named
from sweeps import SIZES, write_network

from coalactl.errors import ExitCode, UserError
from coalactl.papers.coala_pg import fig_5a
from coalactl.papers.table import named, names
from coalactl.papers.trains import TrainingPart, each_once
from coalactl.reproduction import launch
from coalactl.reproduction.sweeps import folder_of, sweep_of
from coalactl.runs.finding import find_runs
from coalactl.runs.metric_files import read_metrics
from coalactl.sweep.plan import plan

RUNS, SHAPING = 6, "ipd-shaping-quick"


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures 5A and 5B of runs that end in a moment: the methods that compile soon, two seeds, three iterations."""
    write_network()
    settings = {**SIZES, "run.iterations": 3, "run.checkpoint_every": 1}

    def smaller(part: TrainingPart) -> TrainingPart | None:
        return part._replace(settings=settings, seeds=(7, 8)) if part.name == SHAPING else None

    change_parts(monkeypatch, "fig5a", "fig5b", change=smaller)


def change_shaping(patch: pytest.MonkeyPatch, **values: Any) -> None:
    """What Fig. 5A trains of the methods of the paper."""
    change_parts(patch, "fig5a", change=lambda part: part._replace(**values) if part.name == SHAPING else part)


@pytest.mark.usefixtures("small")
def test_a_figure_from_nothing_and_what_is_there_is_not_made_again(coalactl: Command) -> None:
    result = coalactl("reproduce", "fig5a", "fig5b", "--out", "out", "--json")
    told = result.json
    runs = find_runs("out")
    assert len(runs) == RUNS, result.err
    assert {claim["figure"] for claim in told["claims"]} == {"5A", "5B"}
    tested = [claim for claim in told["claims"] if "LOLA" not in claim["claim"]]
    assert all(check["verdict"] != "not tested" for claim in tested for check in claim["checks"])
    assert {run for claim in tested for check in claim["checks"] for run in check["runs"]} == {
        run.path.relative_to("out").as_posix() for run in runs
    }
    assert Path(told["report"]).is_file()
    assert Path("out/report/figures/5b.png").is_file() or list(Path("out/report/figures").glob("*5b*.png"))
    assert all((run.path / "eval/fig5b.parquet").is_file() for run in runs)
    before = {path: path.stat().st_mtime_ns for run in runs for path in run.path.rglob("*") if path.is_file()}
    again = coalactl("reproduce", "fig5a", "fig5b", "--out", "out", "--json")
    assert again.json == told
    assert again.code == result.code
    assert {path: path.stat().st_mtime_ns for run in runs for path in run.path.rglob("*") if path.is_file()} == before


@pytest.mark.long
def test_the_figures_of_cleanup_from_nothing(coalactl: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every criterion of Figs. 6, 7, 13 and 14 finds what it is about in what the engine has measured."""
    write_network()
    grid = {"environment.rows": 3, "environment.columns": 2, "rollout.meta_batch_size": 4}
    settings = {**SIZES, **grid, "run.iterations": 2, "population.stratified": True}
    of_cleanup = ("fig6", "fig7", "fig13", "fig14")

    def smaller(part: TrainingPart) -> TrainingPart | None:
        """Without LOLA-DiCE, which no claim is about there."""
        small = part._replace(settings=settings, seeds=(7, 8), naive_from=None)
        return None if part.name.endswith("-lola") else small

    change_parts(monkeypatch, *of_cleanup, change=smaller)
    told = coalactl("reproduce", *of_cleanup, "--out", "out", "--json").json
    assert {claim["figure"] for claim in told["claims"]} == {"6", "7", "13", "14"}
    tested = [claim for claim in told["claims"] if "LOLA" not in claim["claim"]]
    assert all(check["verdict"] != "not tested" for claim in tested for check in claim["checks"])
    drawn = {path.name.split("-")[1] for path in Path("out/report/figures").glob("*.png")}
    assert drawn == {"6", "7", "13", "14"}


@pytest.mark.long
def test_both_methods_in_one_pool_from_nothing(coalactl: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """H.3: a part without an axis of methods, whose agents are judged by method, beside one of M-FOS alone."""
    write_network()
    # Fixed numbers of each kind, so that all kinds are met.
    settings = {**SIZES, "rollout.meta_batch_size": 4, "run.iterations": 2, "run.checkpoint_every": 1}

    def smaller(part: TrainingPart) -> TrainingPart:
        return part._replace(settings=settings, seeds=(7, 8), methods=("m-fos",) if part.methods else ())

    change_parts(monkeypatch, "h3", change=smaller)
    told = coalactl("reproduce", "h3", "--out", "out", "--json").json
    (claim,) = told["claims"]
    assert claim["figure"] == "H.3"
    assert all(check["verdict"] != "not tested" for check in claim["checks"])
    assert [check["runs"][0].split("/")[0] for check in claim["checks"]] == [
        *["ipd-coala-vs-mfos-quick"] * 4,
        "ipd-mixed-quick",
    ]
    assert list(Path("out/report/figures").glob("fig-h3-*.png"))


@pytest.mark.long
def test_gradient_balance_from_nothing(coalactl: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fig. 12: three parts that differ in B; none of them is taken for a run of Fig. 5C."""
    write_network()
    sizes = {**SIZES, "rollout.meta_batch_size": 4, "run.iterations": 3, "run.checkpoint_every": 1}
    measuring = {"diagnostics.gradient_balance_every": 2, "diagnostics.gradient_balance_meta_batch": 8}
    change_parts(
        monkeypatch,
        "fig12",
        change=lambda part: part._replace(settings={**sizes, **measuring, **part.settings}, seeds=(7, 8)),
    )
    told = coalactl("reproduce", "fig12", "--out", "out", "--json").json
    (claim,) = told["claims"]
    assert all(check["verdict"] != "not tested" for check in claim["checks"])
    m_fos = claim["checks"][1]
    assert m_fos["criterion"].startswith("mean over seeds of M-FOS's ratio beside COALA-PG's")
    assert m_fos["estimate"] == pytest.approx(1 / 16, rel=1e-5)
    (drawn,) = Path("out/report/figures").glob("fig-12-*.csv")
    rows = pd.read_csv(drawn)
    assert set(rows["panel"]) == {"B = 8", "B = 16", "B = 32"}
    assert set(rows["line"]) == {"coala-pg", "m-fos", "batch-unaware"}
    assert set(rows["x"]) == {0, 2}
    others = json.loads(Path("out/report/claims.json").read_text())["claims"]
    assert {claim["figure"] for claim in others if claim["verdict"] != "not tested"} == {"12"}


@pytest.fixture
def from_another(small: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Figure 5A with the meta agents of another part's run as its naive agents, and to begin as."""
    run = part_named(SHAPING)._replace(name="before", methods=("coala-pg",), seeds=(3,))
    change_shaping(monkeypatch, naive_from=run, meta_from=run, methods=("m-fos",))


@pytest.mark.usefixtures("from_another")
def test_agents_come_from_a_run_that_is_trained_before() -> None:
    before, part = each_once(named(["fig5a"])[0].trains.quick)
    assert (before.name, part.name) == ("before", "ipd-shaping-quick")
    (trial,), begun = plan(sweep_of(before, Path("out"))), sweep_of(part, Path("out")).settings
    path = f"out/before/trials/{trial.id}/seed-3"
    assert begun["population.naive_from"] == begun["population.meta_from"] == path


@pytest.mark.long
@pytest.mark.usefixtures("from_another")
def test_without_the_run_before_the_others_are_not_trained(coalactl: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    before = part_named(SHAPING).naive_from
    run = before._replace(settings={**before.settings, "meta.learning_rate": 1e30, "meta.max_grad_norm": 1e30})
    change_shaping(monkeypatch, naive_from=run, meta_from=run)
    result = coalactl("reproduce", "fig5a", "--out", "out", "-q")
    assert result.code == ExitCode.FAILED
    assert result.err.startswith("coalactl: 1 failed: coala-pg")
    assert list(Path("out/ipd-shaping-quick/trials").iterdir()) == []


@pytest.mark.usefixtures("small")
@pytest.mark.long
def test_what_did_not_reproduce_is_said_with_exit_1(coalactl: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """No reward is larger than 2."""
    claim = fig_5a.EXHIBIT.claims[0]
    impossible = claim._replace(checks=tuple(check._replace(above=5.0) for check in claim.checks))
    monkeypatch.setattr(fig_5a, "EXHIBIT", fig_5a.EXHIBIT._replace(claims=(impossible,)))
    result = coalactl("reproduce", "fig5a", "--out", "out")
    assert result.code == ExitCode.FAILED
    assert "not reproduced: 5A" in result.err.splitlines()[-1]
    assert result.out.splitlines()[-1] == "out/report/index.html"


def test_a_report_that_cannot_be_replaced_is_told_before_the_training(coalactl: Command) -> None:
    Path("out/report").mkdir(parents=True)
    Path("out/report/report.json").write_text('{"format": 1}')
    result = coalactl("reproduce", "fig5a", "--out", "out")
    assert (result.code, len(result.err.splitlines())) == (2, 1)
    assert "does not list the report's files" in result.err
    assert [path.name for path in Path("out").iterdir()] == ["report"]


@pytest.mark.usefixtures("small")
@pytest.mark.long
def test_what_is_missing_is_made(coalactl: Command) -> None:
    coalactl("reproduce", "fig5a", "--out", "out", "-q")
    runs = {run.path: read_metrics(run).drop(columns="seconds") for run in find_runs("out")}
    lost = next(path for path in runs if path.parent.name.startswith("m-fos"))
    shutil.rmtree(lost.parent)
    coalactl("reproduce", "fig5a", "--out", "out", "-q")
    found = {run.path: read_metrics(run).drop(columns="seconds") for run in find_runs("out")}
    assert found.keys() == runs.keys()
    assert all(found[path].equals(runs[path]) for path in runs)


@pytest.mark.usefixtures("small")
def test_stopped_by_a_signal_it_says_how_to_go_on(coalactl: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "work", lambda *_, **__: ExitCode.PREEMPTED)
    result = coalactl("reproduce", "fig5a", "--out", "out", "--jobs", "2")
    assert result.code == ExitCode.PREEMPTED
    assert "go on with: coalactl reproduce fig5a --out out --jobs 2" in result.err
    assert not Path("out/report").exists()


@pytest.mark.long
@pytest.mark.usefixtures("small")
def test_failed_runs_are_named_and_the_rest_is_reported(coalactl: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = {**part_named(SHAPING).settings, "meta.learning_rate": 1e30, "meta.max_grad_norm": 1e30}
    change_shaping(monkeypatch, settings=broken, methods=("coala-pg",))
    result = coalactl("reproduce", "fig5a", "--out", "out")
    assert result.code == ExitCode.FAILED
    assert "coala-pg" in result.err
    assert "diverged" in result.err


@pytest.mark.usefixtures("small")
@pytest.mark.long
def test_runs_with_other_values_are_not_taken_for_ours(coalactl: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    coalactl("reproduce", "fig5a", "--out", "out", "-q")
    change_shaping(monkeypatch, settings={**part_named(SHAPING).settings, "meta.learning_rate": 0.5})
    result = coalactl("reproduce", "fig5a", "--out", "out")
    assert result.code == ExitCode.RUN_CONFLICT
    assert result.err.startswith("coalactl: out/ipd-shaping-quick holds runs with other values")


@pytest.mark.parametrize(
    ("method", "refused"),
    [("lola-dice", False), ("m-fos", True)],
    ids=["of a method that is not in the part", "of one that is"],
)
def test_runs_are_ours_where_a_preset_has_changed_for_other_methods_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str, *, refused: bool
) -> None:
    part = part_named(SHAPING)
    wanted = sweep_of(part, tmp_path)
    tables = {**wanted.tables, "for": {**wanted.tables["for"], method: {"meta": {"learning_rate": 0.5}}}}
    with monkeypatch.context() as before:
        before.setattr("coalactl.reproduction.sweeps.sweep_of", lambda part, out: wanted._replace(tables=tables))
        folder_of(part, tmp_path)
    with pytest.raises(UserError, match="other values") if refused else nullcontext():
        folder_of(part, tmp_path)


def test_a_folder_with_runs_of_another_version_is_not_ours(tmp_path: Path) -> None:
    """Its sweep.toml is the same: what differs are keys that the version did not have, and so the trials' names."""
    part = part_named(SHAPING)
    folder = folder_of(part, tmp_path)
    (folder.trials_dir / plan(sweep_of(part, tmp_path))[0].id).mkdir(parents=True)
    folder_of(part, tmp_path)
    (folder.trials_dir / "coala-pg-00000000").mkdir()
    with pytest.raises(UserError, match="other values"):
        folder_of(part, tmp_path)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["fig5d"], "there is no figure 'fig5d' to reproduce; did you mean 'fig5"),
        (["painting"], "use fig3a, fig3b"),
        (["ls", "fig5a"], "ls: it stands alone"),
        (["fig5a", "--executor", "packed", "--jobs", "2"], "--jobs 2"),
        (["fig5a", "--scale", "huge"], "'huge'"),
        (["fig5a", "--out", "file"], "it is a file"),
        ([], "FIGURE"),
    ],
)
def test_mistakes_end_in_one_line_and_write_nothing(coalactl: Command, arguments: list[str], words: str) -> None:
    Path("file").write_text("")
    result = coalactl("reproduce", *arguments)
    assert result.code == ExitCode.USAGE
    assert words in result.err
    assert len(result.err.splitlines()) == 1
    assert [path.name for path in Path().iterdir()] == ["file"]


@pytest.mark.long
def test_ls_tells_what_each_figure_takes(coalactl: Command) -> None:
    rows = {(row["figure"], row["scale"]): row for row in coalactl("reproduce", "ls", "--json").json}
    # Three methods, COALA-PG as printed, M-FOS with a critic of the batch; LOLA-DiCE.
    assert rows["fig5a", "quick"]["runs"] == 5 * 10 + 5
    assert rows["fig5a", "paper"]["runs"] == 3 * 24 * 3 + 4 * 5
    assert rows["fig12", "quick"]["runs"] == 3 * 10
    assert rows["h3", "quick"]["runs"] == 10 + 3 * 10
    # 120 iterations of 16 meta-episodes, 16 trajectories, 20 inner episodes of 10 steps, 55 runs.
    assert rows["fig5a", "quick"]["steps"] == 120 * 16 * 16 * 20 * 10 * 55
    assert rows["fig4a", "both"]["steps"] is None
    shown = coalactl("reproduce", "ls").out
    assert all(name in shown for name in names())
    assert json.dumps(list(rows.values()))
    assert list(Path().iterdir()) == []
