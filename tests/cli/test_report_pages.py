"""The report's figures and page, and ``--check``: every number of a report is that of its metric files."""

from __future__ import annotations

import json
import re
import shutil
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path

import matplotlib.image
import numpy as np
import pandas as pd
import pytest
from command_line import Command
from report_runs import INNER_EPISODES, analytical_run, sequence_pack

from coalactl.report.building import build
from coalactl.report.checking import compare
from coalactl.report.figures import LOOKS, Figure, Line, Panel, render
from coalactl.report.paper_claims import CLAIMS
from coalactl.report.paper_figures import DRAWINGS, figures_of
from coalactl.report.statistics import t_band, t_interval
from coalactl.runs.directory import RunDirectory
from coalactl.runs.metric_files import MetricFiles, read_metrics

QUICK = ("--format", "csv", "--format", "svg")


@pytest.fixture
def runs() -> Path:
    """Three seeds of two methods in the shaping setting, and an analytical run with eight."""
    folder = Path("runs")
    for method, base in (("coala-pg", 0.8), ("m-fos", 0.3)):
        values = {seed: {"reward_vs_naive": base + 0.1 * seed, "coplayer_reward_vs_naive": -0.1} for seed in range(3)}
        sequence_pack(folder / method, method, values)
    finals = [{"reward_vs_naive": 1.0 + 0.01 * seed, "coplayer_reward_vs_naive": 0.3} for seed in range(8)]
    analytical_run(folder / "exact", finals, "analytical-extortion")
    return folder


class Page(HTMLParser):
    """Which elements are open, and what a page refers to."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.links: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "data", "action")]
        self.ids += [value or "" for name, value in attrs if name == "id"]
        if tag not in ("meta", "img", "br", "hr", "link", "input"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.usefixtures("runs")
def test_the_page_is_well_formed_and_needs_nothing_else(coalactl: Command) -> None:
    assert coalactl("report", *QUICK).code == 0
    text = Path("report/index.html").read_text()
    page = Page()
    page.feed(text)
    page.close()
    assert page.open == []
    assert not page.tags & {"script", "link", "iframe", "object", "embed"}
    inner = [link for link in page.links if link.startswith("#")]
    assert all(link.startswith(("#", "data:image/svg+xml;base64,")) for link in page.links)
    assert {link.removeprefix("#") for link in inner} <= set(page.ids)
    assert len(set(page.ids)) == len(page.ids)
    assert not re.search(r"url\(|@import|https?://", text)
    assert text.index('id="claims"') < text.index('id="figures"') < text.index('id="tables"')


def test_what_a_run_says_of_itself_is_no_markup(coalactl: Command, runs: Path) -> None:
    run = RunDirectory(runs / "coala-pg/seed-0")
    run.write_provenance({**run.read_provenance(), "command": ["<script>alert(1)</script>"]})
    assert coalactl("report", *QUICK).code == 0
    text = Path("report/index.html").read_text()
    assert "<script" not in text
    assert "&lt;script&gt;" in text


def test_every_claim_has_its_figure() -> None:
    assert {claim.figure for claim in CLAIMS} == set(DRAWINGS)


def test_figures_are_drawn_in_all_formats_and_are_not_empty(runs: Path) -> None:
    figures = {figure.name: figure for figure in figures_of(build([runs]).judgements)}
    assert set(figures) == {
        "fig-3a",
        "fig-5a-ipd-shaping-quick-iterations-20",
        "fig-5b-ipd-shaping-quick-iterations-20",
    }
    for figure in figures.values():
        drawn = render(figure, ("png", "svg", "pdf"))
        pixels = matplotlib.image.imread(BytesIO(drawn["png"]))[..., :3]
        pixels = pixels[: int(0.7 * len(pixels))]  # above the legend
        colours = {line.colour for panel in figure.panels for line in panel.lines}
        for colour in colours:  # each line is there, in its colour
            rgb = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
            assert (np.abs(pixels - rgb).max(axis=-1) < 0.02).sum() > 200, colour
        assert drawn["svg"].startswith(b"<?xml")
        assert drawn["pdf"].startswith(b"%PDF")
        assert drawn == render(figure, ("png", "svg", "pdf"))


@pytest.mark.parametrize("one_scale", [False, True])
def test_panels_that_are_compared_have_one_scale(one_scale: bool) -> None:
    """The left panel's line lies at 1 and the right one's at 100: lower by eye only where the scale is the same."""
    x = np.arange(3.0)
    lines = [Line("line", LOOKS["m-fos", "none"].colour, x, *[np.full(3, level)] * 3) for level in (1.0, 100.0)]
    panels = tuple(Panel("", "x", "y", (line,), log_y=True) for line in lines)
    drawn = render(Figure("name", "title", "", panels, one_scale), ("png",))
    pixels = matplotlib.image.imread(BytesIO(drawn["png"]))[..., :3]
    rgb = [int(LOOKS["m-fos", "none"].colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    rows = [np.nonzero((np.abs(half - rgb).max(-1) < 0.02).sum(1) > 200)[0] for half in np.split(pixels, 2, 1)]
    assert (rows[0].mean() > rows[1].mean() + 100) == one_scale


def test_a_method_has_one_colour_everywhere(runs: Path) -> None:
    lines = [line for figure in figures_of(build([runs]).judgements) for panel in figure.panels for line in panel.lines]
    for method in ("coala-pg", "m-fos"):
        assert {line.colour for line in lines if line.label == method} == {LOOKS[method, "none"].colour}


@pytest.mark.usefixtures("runs")
def test_a_figure_shows_the_measured_numbers(coalactl: Command) -> None:
    assert coalactl("report", *QUICK).code == 0
    rows = [line.split(",") for line in Path("report/figures/fig-3a.csv").read_text().splitlines()]
    last = [row for row in rows if row[:2] == ["random start", "agent"]][-1]
    # Seeds 1.00 to 1.07: median 1.035, quartiles 1.0175 and 1.0525.
    assert [float(value) for value in last[2:]] == pytest.approx([19, 1.035, 1.0175, 1.0525])
    within = Path("report/figures/fig-5b-ipd-shaping-quick-iterations-20.csv").read_text().splitlines()
    found = [float(line.split(",")[3]) for line in within if line.startswith("agent,coala-pg")]
    assert found == pytest.approx([0.1 * place for place in range(INNER_EPISODES)])


def files_in(folder: str) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in Path(folder).rglob("*") if path.is_file()}


def test_a_new_report_leaves_nothing_of_the_earlier_one_and_all_of_others(coalactl: Command, runs: Path) -> None:
    told = coalactl("report", runs, *QUICK, "--json").json
    assert set(told["files"]) == files_in("report")
    own = ("notes.txt", "tables/mine.csv", "figures/mine.svg", "figures/talk.pdf", "claims.tex")
    for name in own:
        Path("report", name).write_text("mine")
    told = coalactl("report", runs / "exact", "--format", "csv", "--json").json
    assert files_in("report") == {*told["files"], *own}
    assert all(Path("report", name).read_text() == "mine" for name in own)
    assert not Path("report/tables/final.csv").exists()


@pytest.mark.parametrize("name", ["tables/final.tex", "figures/fig-3a.png"])
def test_a_report_writes_over_no_file_but_its_own(coalactl: Command, runs: Path, name: str) -> None:
    assert coalactl("report", runs, *QUICK).code == 0
    before = {path: Path("report", path).read_bytes() for path in files_in("report")}
    Path("report", name).write_text("mine")
    result = coalactl("report", runs)
    assert (result.code, len(result.err.splitlines())) == (2, 1)
    assert f"report/{name} is not of an earlier report" in result.err
    assert {path: Path("report", path).read_bytes() for path in files_in("report")} == {**before, name: b"mine"}


@pytest.mark.parametrize("listed", ["../kept.csv", "tables/../../kept.csv", "notes.txt", "tables/sub/kept.csv"])
def test_nothing_is_removed_that_no_report_writes(coalactl: Command, runs: Path, listed: str) -> None:
    assert coalactl("report", runs / "exact", "--format", "csv").code == 0
    described = json.loads(Path("report/report.json").read_text())
    Path("report/report.json").write_text(json.dumps({**described, "files": [*described["files"], listed]}))
    kept = Path("report", listed)
    kept.parent.mkdir(exist_ok=True)
    kept.write_text("mine")
    assert coalactl("report", runs / "exact", "--format", "csv").code == 0
    assert kept.read_text() == "mine"


def write_evaluation(run: Path, base: float) -> None:
    cell = {"opponent_kind": "naive", "metric": "defection", "episodes": 4}
    rows = [
        {
            **cell,
            "agent": agent,
            "opponent": opponent,
            "inner_episode": place,
            "value": base + 0.1 * place + 0.02 * agent,
        }
        for agent in range(2)
        for opponent in ("naive 0", "naive 1")
        for place in range(INNER_EPISODES)
    ]
    rows.append({**rows[0], "inner_episode": -1, "value": 9.0})
    rows.append({**rows[0], "opponent_kind": "meta", "value": 9.0})
    (run / "eval").mkdir()
    pd.DataFrame(rows).to_parquet(run / "eval/naive.parquet")


def test_behaviour_within_a_meta_episode_is_that_of_evaluations_where_all_runs_have_one(runs: Path) -> None:
    packs = sorted(runs.glob("*/seed-*"))
    for run in packs[1:]:
        write_evaluation(run, 0.3)

    def within() -> tuple[str, list[float]]:
        figure = next(one for one in figures_of(build([runs]).judgements) if one.name.startswith("fig-5b"))
        return figure.caption, list(figure.panels[0].lines[0].estimate)

    assert within()[1] == pytest.approx([0.0, 0.1, 0.2])  # one has none: what all have is taken
    write_evaluation(packs[0], 0.6)
    caption, found = within()
    assert "evaluation naive" in caption
    assert found == pytest.approx([0.41, 0.51, 0.61])  # .3, .3 and .6, and .01 by the second agent
    (packs[0] / "eval/naive.parquet").write_bytes(b"PAR1")
    assert within()[1] == pytest.approx([0.0, 0.1, 0.2])
    assert any(problem.name.endswith("eval/naive.parquet") for problem in build([runs]).found.problems)


def test_the_folder_of_evaluations_stands_for_its_run(runs: Path) -> None:
    (first, *_) = sorted((runs / "coala-pg").glob("seed-*"))
    write_evaluation(first, 0.3)
    made = build([first / "eval"])
    assert [run.name for run in made.found.runs] == ["seed-0"]
    assert any(table.name == "evaluations" for table in made.tables)


def test_evaluations_have_a_table_over_seeds(runs: Path) -> None:
    packs = sorted((runs / "coala-pg").glob("seed-*"))
    write_evaluation(packs[0], 0.3)
    write_evaluation(packs[1], 0.5)
    (table,) = [table for table in build([runs]).tables if table.name == "evaluations"]
    found = {row[3:5]: row[5:] for row in table.rows}
    # .3 and .5, and .01 by the second agent; t(1) at 97.5% is 12.7062, the standard deviation .2 / sqrt(2).
    assert found["naive", "defection_first"] == pytest.approx((2, 0.41, 0.2 / 2**0.5, 0.41 - 1.27062, 0.41 + 1.27062))
    assert found["naive", "defection_last"][:2] == pytest.approx((2, 0.61))
    assert found["meta", "defection_first"][:2] == pytest.approx((2, 9.0))
    assert {row[:3] for row in table.rows} == {("ipd-shaping-quick, iterations 20", "coala-pg", "naive")}
    assert ("naive", "defection") not in found


def test_the_band_of_a_curve_is_the_interval_of_each_point() -> None:
    values = np.random.default_rng(0).normal(size=(4, 5))
    assert t_band(values) == pytest.approx(np.array([t_interval(row)[:3] for row in values]))


# --- check ----------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("runs")
def test_a_report_agrees_with_its_runs_wherever_both_have_moved(coalactl: Command) -> None:
    assert coalactl("report", "--format", "csv", "--format", "md", "--format", "tex").code == 0
    result = coalactl("report", "--check", "report")
    assert result.code == 0, result.out + result.err
    assert int(re.search(r"all (\d+) numbers", result.out)[1]) > 500
    Path("elsewhere").mkdir()
    shutil.move("runs", "elsewhere/theirs")
    shutil.move("report", "elsewhere/mine")
    assert coalactl("report", "--check", "elsewhere/mine").code == 2
    assert coalactl("report", "--check", "elsewhere/mine", "--runs", "elsewhere/theirs").code == 0
    sequence_pack(Path("elsewhere/theirs/new"), "coala-pg", {9: {"reward_vs_naive": 3.0}})
    result = coalactl("report", "--check", "elsewhere/mine", "--runs", "elsewhere/theirs")
    assert result.code == 0
    assert result.out.splitlines()[0] == "since then: new/seed-9"


def test_what_was_evaluated_since_is_told_and_is_no_difference(coalactl: Command, runs: Path) -> None:
    (first, *others) = sorted(runs.glob("*/seed-*"))
    write_evaluation(first, 0.3)
    assert coalactl("report", runs, "--format", "csv", "--format", "md", "--format", "tex").code == 0
    for run in others:  # Fig. 5B would now be taken from these.
        write_evaluation(run, 0.4)
    shutil.copy(first / "eval/naive.parquet", first / "eval/again.parquet")
    result = coalactl("report", "--check", "report")
    assert result.code == 0, result.out
    assert result.out.splitlines()[:-1] == [
        "since then: evaluation again of coala-pg/seed-0",
        "since then: evaluation naive of 5 runs, coala-pg/seed-1 among them",
    ]
    # Rows that came to an evaluation that the report has.
    rows = pd.read_parquet(first / "eval/naive.parquet")
    pd.concat([rows, rows.assign(opponent_kind="fixed")]).to_parquet(first / "eval/naive.parquet")
    result = coalactl("report", "--check", "report", "--json")
    assert result.json["differences"] == []
    assert any(line.endswith("more in tables/evaluations.csv") for line in result.json["added"])
    (first / "eval/naive.parquet").unlink()
    result = coalactl("report", "--check", "report")
    assert result.code == 1
    assert "run coala-pg/seed-0: evaluation naive is not there any more" in result.out.splitlines()


def test_a_file_of_the_report_that_is_gone_is_a_difference(coalactl: Command, runs: Path) -> None:
    assert coalactl("report", runs, *QUICK).code == 0
    Path("report/tables/final.csv").unlink()
    result = coalactl("report", "--check", "report")
    assert (result.code, result.out.splitlines()) == (1, ["tables/final.csv: it is gone, or empty"])


CHANGES = {
    "claims.json": (r'"estimate": 0\.\d+', '"estimate": 0.7'),
    "claims.md": (r"\*\*partly\*\*", "**reproduced**"),
    "tables/seeds.csv": (r",0\.8\d*,", ",0.81,"),
    "tables/final.md": (r"0\.900", "0.950"),
    "tables/final.tex": (r"0\.900", "0.950"),
    "figures/fig-3a.csv": (r"1\.035\d*", "1.036"),
    "index.html": (r"0\.900 ± 0\.100", "0.930 ± 0.100"),
}


def test_every_number_that_was_changed_is_found(coalactl: Command, runs: Path) -> None:
    assert coalactl("report", runs, "--format", "csv", "--format", "md", "--format", "tex").code == 0
    for file, (old, new) in CHANGES.items():
        changed, count = re.subn(old, new, Path("report", file).read_text(), count=1)
        assert count == 1, file
        Path("report", file).write_text(changed)
    result = coalactl("report", "--check", "report")
    assert result.code == 1
    found = result.out.splitlines()
    assert [line.split(",")[0] for line in found] == [*dict.fromkeys(line.split(",")[0] for line in found)]
    assert {line.split(",")[0] for line in found} == set(CHANGES)
    assert len(result.err.splitlines()) == 1


def test_a_metric_file_that_was_changed_is_found(coalactl: Command, runs: Path) -> None:
    assert coalactl("report", runs, *QUICK).code == 0
    run = RunDirectory(runs / "coala-pg/seed-1")
    rows = read_metrics(run)
    rows.loc[rows["iteration"] == 19, "reward_vs_naive"] += 0.01
    for part in run.metrics_dir.glob("*.parquet"):
        part.unlink()
    files = MetricFiles(run)
    files.append(rows, rows.iloc[:0])
    files.flush()
    result = coalactl("report", "--check", "report", "--json")
    assert result.code == 1
    assert any(line.startswith("claims.json") for line in json.loads(result.out)["differences"])


def test_a_run_that_is_gone_is_named(coalactl: Command, runs: Path) -> None:
    assert coalactl("report", runs, *QUICK).code == 0
    shutil.rmtree(runs / "m-fos/seed-2")
    result = coalactl("report", "--check", "report")
    assert result.code == 1
    assert "m-fos/seed-2" in result.out


@pytest.mark.parametrize(
    ("one", "other", "differences"),
    [
        ("a 0.8 b", "a 0.81 b", 1),
        ("a 0.500 b", "a 0.501 b", 0),  # one unit of the last digit that is shown: rounding
        ("a 0.500 b", "a 0.502 b", 1),
        ("0.12345678901234", "0.12345678901235", 0),  # summed in another order
        ("0.12345678901234", "0.12345678999999", 1),
        ("5 seeds", "6 seeds", 1),
        ("met 1", "not met 1", 1),
        ("−0.20", "0.20", 1),
        ("1\n2", "1", 1),
    ],
)
def test_numbers_are_compared_up_to_rounding(one: str, other: str, differences: int) -> None:
    found = compare("x.md", one, other)
    assert (len(found.differences), found.added) == (differences, [])


def test_where_all_digits_are_written_all_count() -> None:
    assert compare("x.csv", "a,0.8", "a,0.7").differences == ["x.csv, line 1: 0.8, from the runs 0.7"]
    assert compare("x.json", "0.30000000000000004", "0.3").differences == []


def test_a_line_that_is_new_moves_others_and_changes_none() -> None:
    """In the middle, at the end, beside a change, and among lines of the same words."""
    written = "table\na 1\nb 2\nc 3\nend"
    assert compare("x.md", written, "table\na 1\nnew 9\nb 2\nc 3\nd 4\nend") == ([], ["new 9", "d 4"])
    found = compare("x.md", written, "table\na 1\nnew 9\nb 5\nc 3\nend")
    assert found == (["x.md, line 3: 2, from the runs 5"], ["new 9"])
    assert compare("x.md", written, "table\na 1\nc 3\nend").differences == ["x.md, line 3: the runs give no such line"]

    def by_seed(line: str) -> object:
        return line.split(",")[:2]

    seeds = "seed,0,0.5\nseed,2,0.7"
    key = lambda line: tuple(by_seed(line))  # noqa: E731
    assert compare("x.csv", seeds, "seed,0,0.5\nseed,1,0.6\nseed,2,0.7", key) == ([], ["seed,1,0.6"])


@pytest.mark.parametrize(
    ("arguments", "words", "code"),
    [
        (("--check", "nowhere"), "no such report", 2),
        (("--check", "empty"), "it has no report.json", 2),
        (("--runs", "empty"), "goes with --check", 2),
        (("--check", "other"), "format 9", 2),
        (("--check", "torn"), "damaged", 4),
    ],
)
def test_a_check_of_nothing_is_one_line(coalactl: Command, arguments: tuple[str, ...], words: str, code: int) -> None:
    Path("empty").mkdir()
    for name, text in (("other", '{"format": 9}'), ("torn", '{"format": 1')):
        Path(name).mkdir()
        Path(name, "report.json").write_text(text)
    result = coalactl("report", *arguments)
    assert (result.code, len(result.err.splitlines())) == (code, 1)
    assert words in result.err
