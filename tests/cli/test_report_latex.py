"""Tables for papers: names that fit a column, a legend for them, and LaTeX that fits the page, whatever is in it."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import matplotlib as mpl
import pandas as pd
import pytest
from command_line import Command
from matplotlib.ft2font import FT2Font
from report_runs import analytical_run, build, sequence_pack

from coalactl.errors import UserError
from coalactl.report.building import Report, texts
from coalactl.report.labels import LONGEST
from coalactl.report.latex import escaped

# Text in points: LaTeX's article at 10 points in one column, the narrowest, and papers of two columns.
ONE_COLUMN, TWO_COLUMNS = 345.0, 487.8
ODD = r"A&B_100% #1 ~{x} ^2 $y$ <z> \w | 'q' λ ∞"
SCHEDULE = {"0": 0.0001, "10": 0.0001, "25": 0.002, "interpolation": "linear"}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten seeds, negative numbers, long names of settings and methods, a game of one's own, evaluations."""
    folder = tmp_path_factory.mktemp("runs")
    dilemma = ("reward_vs_naive", "coplayer_reward_vs_naive", "defection_first_vs_naive", "defection_last_vs_naive")
    other = {"meta.discount": 0.9, "meta.learning_rate": 0.004, "meta.entropy": 0.5, "meta.gae_lambda": 0.93}
    for method, sign in (("coala-pg", 1), ("m-fos", -1)):
        values = {seed: dict.fromkeys(dilemma, sign * (0.7 + 0.013 * seed)) for seed in range(10)}
        sequence_pack(folder / "ipd" / method, method, values)
        changed = {"naive.learning_rate": SCHEDULE, "meta.learning_rate": SCHEDULE, "meta.entropy": 0.0123}
        for place, rate in enumerate((0.017, 0.018)):
            own = {**changed, "naive.learning_rate": rate, "meta.value_coefficient": 0.3 + place}
            sequence_pack(folder / f"long-{place}" / method, method, {0: values[0]}, **own)
            sequence_pack(folder / f"other-{place}" / method, method, {0: values[0]}, **{**own, **other})
        game = {f"{name}_vs_naive": -12.25 for name in ("reward", "averyveryverylongmeasurewithoutanybreaks_last")}
        sequence_pack(folder / "own" / method, method, {0: game, 1: game}, **{"environment.name": "games:Bargaining"})
    analytical_run(folder / "exact", [{"reward_vs_naive": -1.0, "zd_error": 0.02}] * 8, "analytical-extortion")
    row = {"agent": 0, "opponent_kind": "fixed", "opponent": "a", "inner_episode": 0, "metric": "reward", "value": 1.0}
    for path in folder.glob("ipd/*/seed-*"):
        (path / "eval").mkdir()
        pd.DataFrame([row]).to_parquet(path / "eval/against-many-fixed-strategies.parquet")
    return folder


@pytest.fixture(scope="module")
def made(runs: Path) -> Report:
    return build([runs], {ODD: runs / "ipd/coala-pg", "own game": runs / "own"})


@pytest.fixture(scope="module")
def latex(made: Report) -> dict[str, str]:
    return {table.name: texts(made, ["tex"])[f"tables/{table.name}.tex"] for table in made.tables}


FONT = FT2Font(str(Path(mpl.get_data_path(), "fonts/ttf/cmr10.ttf")))


def width(text: str) -> float:
    """Of what LaTeX prints, in points at \\footnotesize of 10 points; signs of mathematics are as wide as a plus."""
    plain = re.sub(r"\$[^$]*\$", "+", text.replace(r"\$", "S"))
    plain = re.sub(r"\\text\w+\{\}", "+", plain).replace("--", "-").replace("\\", "")
    FONT.set_size(8, 72)
    FONT.set_text(plain)
    return float(FONT.get_width_height()[0]) / 64


def floats(latex: str) -> Iterator[tuple[int, list[list[str]]]]:
    """Of each float how many columns hold words, and the cells of its rows."""
    for body in re.findall(r"\\begin\{tabularx\}\{\\textwidth\}(.*?)\\end\{tabularx\}", latex, re.DOTALL):
        shape, *lines = body.splitlines()
        rows = [line.strip().removesuffix(r" \\") for line in lines if line.endswith(r"\\")]
        yield shape.count("X"), [split(row) for row in rows if not row.startswith(r"\multicolumn")]


def split(row: str) -> list[str]:
    return re.split(r"(?<!\\) & ", row)


def pieces(cell: str) -> list[str]:
    """What stays on one line."""
    return [piece for piece in re.split(r"\\allowbreak\{\}|\\-|[ ]|(?<=[^-$]-)(?!-)", cell) if piece]


@pytest.mark.parametrize("textwidth", [ONE_COLUMN, TWO_COLUMNS])
def test_every_table_fits_the_width_of_a_page(latex: dict[str, str], textwidth: float) -> None:
    assert {"final", "seeds", "evaluations", "analytical", "hyperparameters", "differences", "open-choices"} < set(
        latex
    )
    for name, text in latex.items():
        assert r"\begin{table*}" in text
        for words, rows in floats(text):
            columns = list(zip(*rows, strict=True))
            numbers = sum(max(map(width, column)) for column in columns[words:])
            gaps = 2 * 4 * (len(columns) - 1)
            room = (textwidth - numbers - gaps) / words
            longest = max((piece for column in columns[:words] for cell in column for piece in pieces(cell)), key=width)
            assert width(longest) <= room, (name, longest, room)


@pytest.mark.skipif(
    not shutil.which("pdflatex")
    or subprocess.run(["kpsewhich", "booktabs.sty", "tabularx.sty"], capture_output=True, check=False).returncode != 0,
    reason="needs a LaTeX with booktabs and tabularx",
)
@pytest.mark.parametrize("columns", ["onecolumn", "twocolumn"])
def test_latex_takes_them_and_has_nothing_to_complain_of(latex: dict[str, str], columns: str, tmp_path: Path) -> None:
    lines = [rf"\documentclass[10pt,{columns}]{{article}}", r"\usepackage{booktabs,tabularx}", r"\begin{document}"]
    body = "\n\\clearpage\n".join(latex.values())
    (tmp_path / "paper.tex").write_text("\n".join([*lines, body, r"\end{document}"]), encoding="utf-8")
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:]
    assert not re.findall(r"Overfull .*|.*Float too large.*", done.stdout)


def test_what_is_special_to_latex_is_escaped_wherever_names_stand(latex: dict[str, str]) -> None:
    printed = r"A\&B\_100\% \#1 \textasciitilde{}\{x\} \textasciicircum{}2 \$y\$ $<$z$>$ \textbackslash{}w $|$"
    printed += r" 'q' $\lambda$ $\infty$"
    assert escaped(ODD) == printed
    assert f"\\emph{{{printed}}}: coala-pg." in latex["final"]
    assert f" & {printed} & 10 & " in latex["final"]
    assert escaped("meta.learning_rate 0.0001") == r"meta.\allowbreak{}learning\_\allowbreak{}rate 0.0001"


def test_names_are_short_and_a_legend_tells_what_they_stand_for(made: Report) -> None:
    (final,) = [table for table in made.tables if table.name == "final"]
    (settings,) = [table for table in made.tables if table.name == "settings"]
    told = dict(settings.rows)
    for setting, measure, method, *_ in final.shown:
        assert measure
        assert all(len(name) <= LONGEST or name == ODD for name in (setting, method))
    long = [setting for setting in made.settings if setting.short != setting.name]
    assert [setting.short for setting in long] == [
        "analytical-extortion (a)",
        "ipd-shaping-quick (a)",
        "ipd-shaping-quick (b)",
    ]
    for setting in long:
        assert told[setting.short] == setting.full == setting.name
    variants = [group for setting in long for group in setting.groups.values() if group.short != group.label]
    assert len({group.short for group in variants}) == len({group.label for group in variants}) > 2
    assert told["own game"].startswith("ipd-shaping-quick, name games:Bargaining")
    # Files of numbers have a user's names, and otherwise the full ones, which no other run changes.
    assert {row[0] for row in final.rows} == {setting.name for setting in made.settings if not setting.is_analytical}
    assert "own game" in {row[0] for row in final.rows}


def test_a_label_names_a_setting_or_a_method(coalactl: Command, runs: Path) -> None:
    labels = ("--label", f"ours={runs / 'ipd/coala-pg'}", "--label", f"mine={runs / 'own'}")
    assert coalactl("report", runs, "--format", "md", "--format", "tex", *labels).code == 0
    text = Path("report/tables/final.md").read_text()
    assert "| reward vs naive | ours | 10 |" in text
    assert "| mine | reward vs naive | coala-pg | 2 |" in text
    assert "- ours: coala-pg" in text
    assert Path("report/figures/fig-curves-naive-mine.csv").is_file()
    assert coalactl("report", "--check", "report").code == 0


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ("no path", "it takes NAME=PATH"),
        ("=ipd", "it takes NAME=PATH"),
        ("x=nowhere", "there is no run of this report"),
        ("x=.", "its runs are of 5 settings"),
        ("x=ipd/m-fos/seed-1", "neither all of ipd-shaping-quick, iterations 20 nor all of one method"),
        ("§=own", "no file name of its own"),
        ("m-fos=ipd/coala-pg", "another method has that name"),
    ],
)
def test_a_label_of_nothing_is_one_line(
    coalactl: Command, runs: Path, label: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = Path.cwd() / "report"
    monkeypatch.chdir(runs)
    result = coalactl("report", ".", "--out", out, "--label", label, "--quiet")  # how far it is comes after two seconds
    assert (result.code, len(result.err.splitlines())) == (2, 1)
    assert words in result.err
    assert not out.exists()


def test_two_names_of_one_setting_are_refused(runs: Path) -> None:
    with pytest.raises(UserError, match="no file name of its own"):
        build([runs], {"same": runs / "own", "Same!": runs / "exact"})
