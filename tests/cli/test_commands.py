"""The other commands, what starting the tool loads, and how it looks."""

from __future__ import annotations

import json
import resource
import shlex
import subprocess
import sys
import tomllib
from importlib import metadata
from io import StringIO
from pathlib import Path

import pytest
from command_line import TINY, Command, assert_one_line
from rich.console import Console

from coalactl import doctor
from coalactl.evaluation.view import show_matrix
from coalactl.presets import shipped_presets
from coalactl.summary import Means
from coalactl.sweep.view import LineSweep, choose_sweep_view
from coalactl.terminal import OurConsole, duration
from coalactl.training.progress import Progress
from coalactl.training.tables import result_table
from coalactl.training.views import LineView, LiveView, choose_view, sparkline
from coalactl.words import quantity, size


def test_presets_are_listed_shown_and_copied(coalactl: Command, train: Command) -> None:
    listed = coalactl("presets", "ls")
    assert listed.out.splitlines()[0].startswith("analytical-extortion")
    names = [row["name"] for row in coalactl("presets", "ls", "--json").json]
    assert names == [preset.name for preset in shipped_presets()]
    shown = coalactl("presets", "show", "ipd-mixed").out
    assert tomllib.loads(shown)["population"]["meta"] == 4
    copied = coalactl("presets", "cp", "ipd-mixed", "mine.toml")
    assert copied.out == "mine.toml\n"
    assert Path("mine.toml").read_text() == shown
    assert "coalactl train mine.toml" in copied.err
    assert coalactl("presets", "cp", "ipd-mixed").out == "ipd-mixed.toml\n"
    assert train("mine.toml", *TINY, "--dry-run").code == 0


@pytest.mark.parametrize("group", ["presets", "runs"])
def test_a_group_without_a_command_lists(coalactl: Command, group: str) -> None:
    bare, listed = coalactl(group), coalactl(group, "ls")
    assert (bare.code, bare.out) == (0, listed.out)
    assert bare.out


def test_the_schema_describes_every_section(coalactl: Command) -> None:
    schema = coalactl("presets", "schema").json
    sequence, analytical = (schema["$defs"][f"{kind}Experiment"]["properties"] for kind in ("Sequence", "Analytical"))
    assert {"meta", "naive", "population", "rollout", "run", "network", "environment"} <= set(sequence)
    assert {"meta", "naive", "population", "lola", "run", "environment"} <= set(analytical)


def test_no_runs_is_no_error(coalactl: Command) -> None:
    result = coalactl("runs", "ls")
    assert (result.code, "coalactl train" in result.out) == (0, True)
    assert coalactl("runs", "ls", "--json").json == []


@pytest.mark.long
def test_doctor_finds_this_installation_well(coalactl: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "calibrate", list)  # test_pace.py
    result = coalactl("doctor", "--json")
    assert result.code == 0, result.out
    found = result.json
    assert [check["name"] for check in found["checks"]] == ["training", "gradient", "calibration"]
    assert {"jax", "devices", "memory", "cores", "threads", "compile cache"} <= set(found)


def test_version_and_help(coalactl: Command) -> None:
    assert coalactl("--version").out.startswith("coalactl 0.")
    assert "train" in coalactl().out
    for command in (
        ["train"],
        ["presets"],
        ["presets", "ls"],
        ["runs"],
        ["runs", "show"],
        ["doctor"],
        ["check"],
        ["bench"],
        ["report"],
        ["watch"],
    ):
        assert coalactl(*command, "--help").out.startswith("Usage: coalactl")


def test_every_commands_help_ends_with_examples_that_are_understood(coalactl: Command) -> None:
    """Options are looked at before ``--help`` answers, so that a misspelt one is exit code 2."""
    commands = [
        line.split()[0] for line in coalactl("--help").out.partition("Commands:")[2].splitlines() if line.strip()
    ]
    assert "train" in commands
    below = {"presets": "ls show cp", "runs": "ls show compare tag rm", "agents": "pack show"}
    for command in [[name] for name in commands] + [[name, each] for name in below for each in below[name].split()]:
        examples = coalactl(*command, "--help").out.partition("Examples:")[2].strip().splitlines()
        assert len(examples) == 2
        for example in examples:
            program, *words = shlex.split(example)
            assert program == "coalactl"
            assert words[: len(command)] == command
            coalactl(*words, "--help")


def test_a_list_of_runs_has_its_options_without_ls_too(coalactl: Command) -> None:
    assert coalactl("runs", "--limit", "2", "--all").out == coalactl("runs", "ls", "--limit", "2", "--all").out
    assert_one_line(coalactl("runs", "--all", "show", "x"), "before show", "put them behind it")


LIGHT = [
    ["--help"],
    ["train", "--help"],
    ["doctor", "--help"],
    ["check", "--help"],
    ["bench", "--help"],
    ["bench", "--size", "nothing"],
    ["report", "--help"],
    ["watch", "--help"],
    ["watch", "nope", "--out", "a.gif"],
    ["report", "--format", "nothing"],
    ["report"],
    ["agents", "show", "nope"],
    ["presets", "ls"],
    ["train", "--sed", "1"],
    ["train", "--method", "foo"],
    ["train", "--seeds", "0"],
    ["train", "nope"],
    ["train", "--set", "nothing"],
    ["train", "--resume", "nope"],
    ["runs", "ls"],
    *(["presets"], ["runs"]),
    ["runs", "tag", "nope"],
    ["runs", "rm", "nope"],
]


def test_help_and_mistakes_in_arguments_load_neither_jax_nor_pydantic() -> None:
    program = """
import json, sys
from coalactl.cli import main
for arguments in json.loads(sys.argv[1]):
    main(arguments)
    loaded = set(sys.argv[2:]) & set(sys.modules)
    assert not loaded, (arguments, loaded)
"""
    heavy = ["jax", "pandas", "orbax", "numpy", "flax", "matplotlib", "scipy"]
    # From 0.29 on Typer itself takes pydantic, where it is installed, to read arguments.
    own = [] if metadata.version("typer") >= "0.29" else ["pydantic"]
    command = [sys.executable, "-c", program, json.dumps(LIGHT), *heavy, *own]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_help_takes_little_processor_time() -> None:
    times = []
    for _ in range(3):
        before = sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])
        subprocess.run([sys.executable, "-m", "coalactl", "train", "--help"], capture_output=True, check=True)
        times.append(sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2]) - before)
    assert min(times) < 0.7, times


def test_output_into_a_closed_pipe_is_no_error() -> None:
    command = f"{sys.executable} -m coalactl presets schema | head -c 10"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_live_view_shows_pace_rewards_and_defection() -> None:
    console = Console(file=StringIO(), force_terminal=True, width=100, color_system=None)
    view = LiveView(console, "ipd-shaping-quick  coala-pg  seed 0  in runs/x")
    view.phase("training")
    history = {
        "reward_vs_naive": [0.1, 0.2, 0.3],
        "coplayer_reward_vs_naive": [0.3, 0.2, 0.1],
        "defection_first_vs_naive": [0.4, 0.4, 0.4],
        "defection_last_vs_naive": [0.9, 0.9, 0.9],
        "pollution_first_vs_meta": [1.0],
        "reward_vs_meta": [float("nan")] * 3,
    }
    view.progress(Progress(12, 120, "13.2 k steps/s", 65.0, 600.0, history))
    with console.capture() as captured:
        console.print(view._render())
    view.close()
    text = captured.get()
    for words in ("12/120", "13.2 k steps/s", "elapsed 1:05", "remaining 10:00", "reward against naive", "▁", "0.40"):
        assert words in text, text
    assert "pollution against meta" in text


def test_the_table_at_the_end_has_any_measure() -> None:
    values = {
        "reward_vs_fixed": 1.0,
        "coplayer_reward_vs_fixed": 0.5,
        "pollution_first_vs_fixed": 2.0,
        "coplayer_pollution_first_vs_fixed": None,
    }
    console = Console(file=StringIO(), width=120)
    with console.capture() as captured:
        console.print(result_table(Means({}, values)))
    text = captured.get()
    assert "fixed" in text
    assert "pollution, first inner episode" in text
    assert "2.00" in text


@pytest.mark.parametrize("width", [60, 79])
def test_a_narrow_terminal_keeps_headings_and_the_newest_end_of_curves(width: int) -> None:
    console = OurConsole(file=StringIO(), force_terminal=True, width=width, color_system=None)
    view = LiveView(console, "a title")
    view.progress(Progress(12, 120, "13 steps/s", 65.0, 600.0, {"reward_vs_naive": [*[0.0] * 63, 1.0]}))
    with console.capture() as captured:
        console.print(view._render())
    view.close()
    assert "▁█\n" in "\n".join([*(line.rstrip() for line in captured.get().splitlines()), ""])
    values = {"reward_vs_naive": -1.25, "coplayer_reward_vs_naive": 0.5, "defection_first_vs_naive": 0.25}
    with console.capture() as captured:
        console.table(result_table(Means(values, values)))
    text = captured.get()
    headings = [line for line in text.splitlines() if "trained" in line and ";" not in line]
    assert (text.count("co-player"), headings[0].count("untrained"), "…" in text) == (2, 2, False), text
    assert "-1.25" in text


def test_the_matrix_of_many_runs_fits(capsys: pytest.CaptureFixture[str]) -> None:
    labels = [f"runs/a-long-name-of-a-setting-with-many-words-{number}" for number in range(6)]
    show_matrix(OurConsole(width=80), labels, [[0.01 * row + column for column in range(6)] for row in range(6)])
    out = capsys.readouterr().out
    assert "…" not in out
    for words in ("0.05", "5.05", " 1 ", " 6 "):
        assert words in out
    folded = "".join(line.split("│")[2].strip() for line in out.splitlines() if line.startswith("│"))
    assert folded == "".join(labels)


def test_only_options_of_a_similar_name_are_suggested(coalactl: Command) -> None:
    assert "--itrations; did you mean --iterations? (see" in coalactl("train", "--itrations", "3").err
    assert "--lr; values of the configuration are set by --set KEY=VALUE (see" in coalactl("train", "--lr", "3").err
    assert coalactl("doctor", "--lr").err == "coalactl: No such option: --lr (see 'coalactl doctor --help')\n"


def test_words() -> None:
    assert [duration(7), duration(750), duration(11100)] == ["0:07", "12:30", "3:05:00"]
    assert [quantity(950), quantity(13_200), quantity(1.2e6)] == ["950", "13.2 k", "1.2 M"]
    assert [size(12), size(12_000), size(1.3e9)] == ["12 B", "12.0 kB", "1.3 GB"]
    assert sparkline([0, 1, float("nan"), 2, 3]) == "▁▃▆█"
    assert sparkline([]) == ""
    assert len(sparkline(range(1000), 10)) == 10


def test_what_changes_in_place_is_for_terminals_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert OurConsole(stderr=True).is_terminal  # It asks for colours, also in a file.
    assert isinstance(choose_view("a title", quiet=False), LineView)
    assert isinstance(choose_sweep_view("a title", quiet=False), LineSweep)


def test_a_width_of_0_is_not_taken_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "0")
    console = OurConsole(file=StringIO())
    console.print(result_table(Means({"reward_vs_naive": 0.25}, {"reward_vs_naive": 1.5})))
    assert "1.50" in console.file.getvalue()
