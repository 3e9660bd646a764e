"""What a report begins with, captions of few seeds, figures of a paper's width, and values where one points."""

from __future__ import annotations

import re
from html import unescape
from io import BytesIO
from pathlib import Path

import matplotlib.image
import numpy as np
import pandas as pd
import pytest
from command_line import Command
from report_runs import analytical_run, build, sequence_pack

from coalactl.report import hover
from coalactl.report.building import Report
from coalactl.report.drawing import render
from coalactl.report.figures import BLUE, ORANGE, Figure, Line, Panel
from coalactl.report.verdicts import in_lines

FORMATS = ("--format", "csv", "--format", "svg")


def shaping(reward: float) -> dict[str, float]:
    return {"reward_vs_naive": reward, "coplayer_reward_vs_naive": -0.1}


def write_runs(folder: Path, seeds: int, **settings: object) -> Path:
    for method, base in (("coala-pg", 0.8), ("m-fos", 0.3)):
        values = {seed: shaping(base + 0.1 * seed) for seed in range(seeds)}
        sequence_pack(folder / method, method, values, **settings)
    return folder


# --- what comes first -----------------------------------------------------------------------------------------------


def test_the_page_leads_with_figures_and_what_was_tested(coalactl: Command) -> None:
    write_runs(Path("runs"), 3)
    assert coalactl("report", *FORMATS).code == 0
    page = Path("report/index.html").read_text()
    order = re.findall(r'<section id="(\w[\w-]*)"', page)
    assert order == ["figures", "claims", "tables", "differences", "provenance", "untested"]
    claims, untested = (
        re.search(rf'id="{name}">(.*?)</section>', page, re.DOTALL)[1] for name in ("claims", order[-1])
    )
    assert "COALA-PG extorts" in claims
    assert "no finished runs of analytical-extortion" not in claims
    folded = re.fullmatch(r"<h2>[^<]*</h2><details><summary>(.*?)</summary>(.*)</details>", untested, re.DOTALL)
    assert folded[1].startswith("35 published claims")
    assert "coalactl reproduce fig3a" in folded[2]
    assert "COALA-PG extorts naive learners: considerably" not in folded[2]


def test_the_terminal_tells_figures_then_what_was_tested_and_the_rest_in_a_line(coalactl: Command) -> None:
    write_runs(Path("runs"), 3)
    *lines, tested, untested, out = coalactl("report", *FORMATS).out.splitlines()
    assert [line.partition("  ")[0] for line in lines] == [
        f"report/{path.as_posix().removeprefix('report/')}" for path in sorted(Path("report/figures").glob("*.svg"))
    ]
    assert tested.startswith("5A   partly (2 of 3 checks reproduced, 1 not tested) ipd-shaping-quick")
    assert untested.startswith("not tested: 35 claims (Fig. 3A, 3B,")
    assert untested.endswith("H.3, all of in-context); claims.md tells what for")
    assert out == "report"
    told = Path("report/claims.md").read_text()
    assert "**partly**, 2 of 3 checks reproduced, 1 not tested |" in told
    assert (
        told.index("## 5A: partly, 2 of 3 checks reproduced, 1 not tested")
        < told.index("## Not tested")
        < told.index("| 3A |")
    )


def test_a_game_of_ones_own_has_no_claims_above_its_tables(coalactl: Command) -> None:
    sequence_pack(Path("runs"), "coala-pg", {0: shaping(0.5)}, named="bargain", **{"environment.name": "b:Bargaining"})
    result = coalactl("report", *FORMATS)
    assert [line.split()[0] for line in result.out.splitlines()] == [
        *("report/figures/fig-curves-naive-bargain.svg", "not", "report")
    ]
    page = Path("report/index.html").read_text()
    assert re.findall(r'<section id="(\w+)"', page) == ["figures", "tables", "provenance", "untested"]
    assert "beside the paper" not in page
    assert Path("report/claims.md").read_text().startswith("# Published claims\n\nThese runs test none of them.\n\n##")
    assert coalactl("report", "--check", "report").code == 0


def test_only_what_is_partly_reproduced_is_told_with_its_checks(tmp_path: Path) -> None:
    made = build([write_runs(tmp_path / "a", 3)])
    (first, *_) = [one for one in made.judgements if one.exhibit.label == "5A"]
    assert [outcome.verdict for outcome in first.outcomes].count("reproduced") == 2
    whole = first._replace(verdict="reproduced")
    leaning = [one._replace(verdict="partly") if one.verdict == "not tested" else one for one in first.outcomes]
    assert [
        line.partition(" ipd")[0].rstrip() for line in in_lines([first, whole, first._replace(outcomes=leaning)])
    ] == [
        "5A   partly (2 of 3 checks reproduced, 1 not tested)",
        "5A   reproduced",
        "5A   partly (2 of 3 checks reproduced)",
    ]


# --- captions -------------------------------------------------------------------------------------------------------


def told(made: Report) -> str:
    return "\n".join([*(figure.caption for figure in made.figures), *(table.note for table in made.tables)])


def test_captions_of_one_seed_speak_of_no_others(tmp_path: Path) -> None:
    write_runs(tmp_path / "one", 1)
    analytical_run(tmp_path / "exact", [shaping(1.0)], "analytical-extortion")
    one = build([tmp_path])
    assert {figure.name[:6] for figure in one.figures} == {"fig-3a", "fig-5a", "fig-5b"}
    assert not re.search("over (training )?seeds|thin lines|bands|interval|standard deviation|quartiles", told(one))
    (final,) = [table for table in one.tables if table.name == "final"]
    assert final.shown_columns == ("setting", "measure", "method", "value")
    assert final.shown[0][-2:] == ("coala-pg", "0.800")
    several = told(build([write_runs(tmp_path / "three", 3)]))
    assert several.count("Mean over seeds with its 95% t-interval; thin lines are seeds.") == 2
    assert (
        "Mean ± standard deviation over training seeds, with the 95% t-interval, of means over the last 10%" in several
    )


def test_a_line_of_one_seed_beside_others_is_named(tmp_path: Path) -> None:
    sequence_pack(tmp_path / "coala", "coala-pg", {0: shaping(0.5), 1: shaping(0.6)})
    sequence_pack(tmp_path / "m-fos", "m-fos", {0: shaping(0.3)})
    made = build([tmp_path])
    assert made.figures[0].caption.endswith("thin lines are seeds; of m-fos there is one seed.")
    (final,) = [table for table in made.tables if table.name == "final"]
    assert [row[3:] for row in final.shown[:2]] == [
        ("2", "0.550 ± 0.071", "[−0.085, 1.185]"),
        ("1", "0.300", "–"),
    ]


# --- files and widths -----------------------------------------------------------------------------------------------


def test_names_of_figures_are_short_and_stay_whatever_is_beside_them(tmp_path: Path) -> None:
    changed = {"naive.learning_rate": 0.01, "meta.learning_rate": 0.004}
    for name, own in (("a", {}), ("b", changed), ("c", {"naive.learning_rate": 0.02})):
        write_runs(tmp_path / "runs" / name, 1, **own)
    for place, rate in enumerate((0.01, 0.02)):
        own = {"naive.learning_rate": rate, "environment.name": "b:Bargaining"}
        sequence_pack(tmp_path / f"runs/own-{place}", "coala-pg", {0: shaping(0.5)}, named="bargain", **own)
    together = [figure.name for figure in build([tmp_path / "runs"]).figures]
    alone = [figure.name for path in (tmp_path / "runs").iterdir() for figure in build([path]).figures]
    assert len(set(together)) == len(together) == 8
    # Variants of one's own file have no preset to differ from: the first has the plain name.
    assert set(together) - set(alone) <= {name for name in together if name.startswith("fig-curves-naive-bargain-")}
    assert "fig-curves-naive-bargain" in together
    assert max(map(len, together)) <= 32


FIGURE = Figure(
    "name",
    "title",
    "caption",
    tuple(
        Panel(
            f"a panel of {place} words",
            "training iteration",
            "‖future part‖ / ‖current part‖",
            tuple(
                Line(label, colour, np.arange(9.0), *[np.linspace(0, place + 1, 9) + shift] * 3)
                for shift, (label, colour) in enumerate(
                    {"coala-pg (learning_rate 0.003, reward_scale 0.05, entropy 0.1)": BLUE, "m-fos": ORANGE}.items()
                )
            ),
        )
        for place in range(5)
    ),
)


@pytest.mark.parametrize("panels", [1, 2, 5])
@pytest.mark.parametrize("width", [None, 2.5, 3.3, 5.5])
def test_nothing_is_cut_off_at_any_width(width: float | None, panels: int) -> None:
    drawn = render(FIGURE._replace(panels=FIGURE.panels[:panels]), ("png",), width)
    pixels = matplotlib.image.imread(BytesIO(drawn.images["png"]))[..., :3]
    height, across = (size / 300 for size in pixels.shape[:2])
    assert across == pytest.approx(width or (3.35 if panels == 1 else 6.9), abs=0.01)
    assert height <= 9
    assert min(edge.min() for edge in (pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1])) > 0.99
    for first, second in zip(drawn.frames, drawn.frames[1:], strict=False):
        assert first.left + first.width < second.left or first.top + first.height < second.top


@pytest.mark.parametrize(("given", "points"), [("iclr", 396), ("column", 237.6), ("3.25", 234), ("4in", 288)])
def test_figures_are_as_wide_as_one_asks(coalactl: Command, given: str, points: float) -> None:
    write_runs(Path("runs"), 1)
    assert coalactl("report", "--width", given, *FORMATS).code == 0
    for path in Path("report/figures").glob("*.svg"):
        assert float(re.search(r'viewBox="0 0 ([\d.]+)', path.read_text())[1]) == pytest.approx(points)
    assert f"max-width: {points / 72 * 1.5:g}in" in Path("report/index.html").read_text()


@pytest.mark.parametrize("given", ["1", "nan", "wide", "-3", "inf", ""])
def test_a_width_that_is_none_is_told_in_one_line(coalactl: Command, given: str) -> None:
    result = coalactl("report", "--width", given)
    assert (result.code, len(result.err.splitlines())) == (2, 1)
    assert "2.5 to 20 inches, as in --width 3.25, or iclr, neurips, column, page" in result.err


# --- where one points -----------------------------------------------------------------------------------------------


def test_the_page_tells_the_values_that_are_drawn(coalactl: Command) -> None:
    write_runs(Path("runs"), 3)
    assert coalactl("report", *FORMATS).code == 0
    page = Path("report/index.html").read_text()
    (path,) = Path("report/figures").glob("fig-5a-*.csv")
    drawn = pd.read_csv(path)
    for panel in ("agent", "its naive learners"):
        last = drawn[drawn["panel"] == panel].groupby("line", sort=False).last()
        lines = [
            f"{label}: {row['estimate']:.3f} [{row['low']:.3f}, {row['high']:.3f}]".replace("-0", "−0")
            for label, row in last.iterrows()
        ]
        assert unescape("\n".join(["<title>training iteration 19", *lines])) in unescape(page)
    Path("report/index.html").write_text(
        page.replace("training iteration 19\ncoala-pg: 0.9", "training iteration 19\ncoala-pg: 0.8")
    )
    result = coalactl("report", "--check", "report")
    assert result.code == 1
    assert "index.html, figures" in result.out


def test_strips_lie_beside_each_other_over_their_panel() -> None:
    long = np.arange(1, 5001.0)
    lines = (Line("a", BLUE, long, long, long, long), Line("b", BLUE, long[:10], *[np.full(10, 0.005)] * 3))
    figure = Figure("n", "t", "", (Panel("", "x", "y", lines), Panel("", "x", "y", lines, log_x=True)))
    drawing = render(figure, ("svg",))
    boxes = re.findall(r"M(\d+) (\d+)h(\d+)v(\d+)H", hover.overlay(figure, drawing))
    assert len(boxes) == 120
    for frame, own in zip(drawing.frames, (boxes[:60], boxes[60:]), strict=True):
        lefts, tops, widths, heights = np.array(own, int).T
        assert {*tops, *heights} == {round(1000 * frame.top), round(1000 * frame.height)}
        assert lefts[0] == round(1000 * frame.left)
        assert lefts[-1] + widths[-1] == pytest.approx(1000 * (frame.left + frame.width), abs=1)
        assert (np.diff(lefts) >= widths[:-1] - 1).all()
    texts = list(hover.texts(figure))
    assert texts[0] == "x 1\na: 1.000 [1.000, 1.000]\nb: 5.00e-03 [5.00e-03, 5.00e-03]"
    assert texts[59] == "x 5000\na: 5000.000 [5000.000, 5000.000]"
