"""The report's figures and its page."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
from command_line import Command
from report_runs import INNER_EPISODES, build, figures_of, small_runs, write_evaluation

from coalactl.report.drawing import render
from coalactl.report.figures import LOOKS, Figure, Line, Panel
from coalactl.report.statistics import t_band, t_interval
from coalactl.runs.directory import RunDirectory

QUICK = ("--format", "csv", "--format", "svg")


@pytest.fixture
def runs() -> Path:
    """Three seeds of two methods in the shaping setting, and an analytical run with eight."""
    return small_runs(Path("runs"))


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


def test_what_a_run_says_of_itself_is_no_markup(coalactl: Command, runs: Path) -> None:
    run = RunDirectory(runs / "coala-pg/seed-0")
    run.write_provenance({**run.read_provenance(), "command": ["<script>alert(1)</script>"]})
    assert coalactl("report", *QUICK).code == 0
    text = Path("report/index.html").read_text()
    assert "<script" not in text
    assert "&lt;script&gt;" in text


def test_figures_are_drawn_in_all_formats_and_are_not_empty(runs: Path) -> None:
    figures = {figure.name: figure for figure in figures_of(build([runs]))}
    assert {name.removesuffix(name[-5:]) for name in set(figures) - {"fig-3a"}} == {
        "fig-5a-ipd-shaping-quick",
        "fig-5b-ipd-shaping-quick",
    }
    for figure in figures.values():
        drawn = render(figure, ("png", "svg", "pdf")).images
        pixels = matplotlib.image.imread(BytesIO(drawn["png"]))[..., :3]
        pixels = pixels[: int(0.7 * len(pixels))]  # above the legend
        colours = {line.colour for panel in figure.panels for line in panel.lines}
        for colour in colours:  # each line is there, in its colour
            rgb = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
            assert (np.abs(pixels - rgb).max(axis=-1) < 0.02).sum() > 200, colour
        assert drawn["svg"].startswith(b"<?xml")
        assert drawn["pdf"].startswith(b"%PDF")
        assert drawn == render(figure, ("png", "svg", "pdf")).images


@pytest.mark.parametrize("one_scale", [False, True])
def test_panels_that_are_compared_have_one_scale(one_scale: bool) -> None:
    """The left panel's line lies at 1 and the right one's at 100: lower by eye only where the scale is the same."""
    x = np.arange(3.0)
    lines = [Line("line", LOOKS["m-fos", "none"].colour, x, *[np.full(3, level)] * 3) for level in (1.0, 100.0)]
    panels = tuple(Panel("", "x", "y", (line,), log_y=True) for line in lines)
    drawn = render(Figure("name", "title", "", panels, one_scale), ("png",)).images
    pixels = matplotlib.image.imread(BytesIO(drawn["png"]))[..., :3]
    rgb = [int(LOOKS["m-fos", "none"].colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    rows = [np.nonzero((np.abs(half - rgb).max(-1) < 0.02).sum(1) > 200)[0] for half in np.split(pixels, 2, 1)]
    assert (rows[0].mean() > rows[1].mean() + 100) == one_scale


def test_a_method_has_one_colour_everywhere(runs: Path) -> None:
    lines = [line for figure in figures_of(build([runs])) for panel in figure.panels for line in panel.lines]
    for method in ("coala-pg", "m-fos"):
        assert {line.colour for line in lines if line.label == method} == {LOOKS[method, "none"].colour}


@pytest.mark.usefixtures("runs")
def test_a_figure_shows_the_measured_numbers(coalactl: Command) -> None:
    assert coalactl("report", *QUICK).code == 0
    rows = [line.split(",") for line in Path("report/figures/fig-3a.csv").read_text().splitlines()]
    last = [row for row in rows if row[:2] == ["random start", "agent"]][-1]
    # Seeds 1.00 to 1.07: median 1.035, quartiles 1.0175 and 1.0525.
    assert [float(value) for value in last[2:]] == pytest.approx([19, 1.035, 1.0175, 1.0525])
    within = next(Path("report/figures").glob("fig-5b-*.csv")).read_text().splitlines()
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
    result = coalactl("report", runs, "--quiet")
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


def test_behaviour_within_a_meta_episode_is_that_of_evaluations_where_all_runs_have_one(runs: Path) -> None:
    packs = sorted(runs.glob("*/seed-*"))
    for run in packs[1:]:
        write_evaluation(run, 0.3)

    def within() -> tuple[str, list[float]]:
        figure = next(one for one in figures_of(build([runs])) if one.name.startswith("fig-5b"))
        return figure.caption, list(figure.panels[0].lines[0].estimate)

    assert within()[1] == pytest.approx([0.0, 0.1, 0.2])  # one has none: what all have is taken
    write_evaluation(packs[0], 0.6)
    caption, found = within()
    assert "evaluation naive" in caption
    assert found == pytest.approx([0.41, 0.51, 0.61])  # .3, .3 and .6, and .01 by the second agent
    (packs[0] / "eval/naive.parquet").write_bytes(b"PAR1")
    assert within()[1] == pytest.approx([0.0, 0.1, 0.2])
    assert any(problem.name.endswith("eval/naive.parquet") for problem in build([runs]).material.problems)


def test_the_folder_of_evaluations_stands_for_its_run(runs: Path) -> None:
    (first, *_) = sorted((runs / "coala-pg").glob("seed-*"))
    write_evaluation(first, 0.3)
    made = build([first / "eval"])
    assert [run.name for run in made.material.runs] == ["seed-0"]
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
