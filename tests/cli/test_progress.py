"""How far longer work is: nothing with ``--quiet``, lines now and then, one that changes in place on a terminal."""

from __future__ import annotations

import io
import time
from pathlib import Path
from typing import Any

import pytest
from command_line import TINY, Command
from rich.console import Console

from coalactl import working
from coalactl.papers.table import entries
from coalactl.reproduction import costs


@pytest.fixture
def chatty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines without waiting for seconds."""
    monkeypatch.setattr(working, "_FIRST", 0.001)
    monkeypatch.setattr(working, "_LAST", 0.001)


@pytest.fixture
def run(train: Command) -> Path:
    assert train(*TINY, "--iterations", "1", "--out", "run", "--quiet").code == 0
    return Path("run")


@pytest.mark.usefixtures("chatty")
def test_lines_tell_what_is_done_and_how_much_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    with working.working("reading") as tell:
        time.sleep(0.1)
        tell("playing\n", 1, 3)
        time.sleep(0.1)
    out, err = capsys.readouterr()
    assert (out, err.splitlines()[0]) == ("", "reading  elapsed 0:00")
    assert err.splitlines()[-1] == "playing\\n  1/3  elapsed 0:00"
    time.sleep(0.1)
    assert capsys.readouterr().err == ""  # Nothing comes after its end.


def test_what_takes_a_moment_is_not_told(capsys: pytest.CaptureFixture[str]) -> None:
    with working.working("reading"):
        pass
    assert capsys.readouterr() == ("", "")


def test_lines_become_rarer(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(working, "_FIRST", 0.02)
    with working.working("reading"):
        time.sleep(0.5)
    # After .02, .06, .14 and .30 seconds; a busy machine may miss some.
    assert 1 <= len(capsys.readouterr().err.splitlines()) <= 4


def test_a_terminal_has_a_spinner_and_a_bar() -> None:
    work = working._Work("reading")
    for given, words in (((), ["reading"]), (("playing", 1, 3), ["playing", "━", "1/3"])):
        if given:
            work.tell(*given)
        console = Console(file=io.StringIO(), force_terminal=True, width=80, color_system=None)
        console.print(work.shown(console))
        shown = console.file.getvalue()
        assert all(word in shown for word in (*words, "0:00")), shown


@pytest.mark.long
@pytest.mark.usefixtures("chatty")
def test_every_command_that_takes_longer_tells(coalactl: Command, run: Path) -> None:
    commands = {
        "meta-episodes": ("eval", run, "--episodes", "10"),
        "playing a meta-episode": ("watch", run),
        "drawing": ("watch", run, "--format", "gif"),
        "reading the runs": ("report", run, "--format", "csv", "--out", "report"),
        "comparing": ("report", "--check", "report"),
        "planning the trials of ipd-shaping-quick": ("sweep", "--dry-run"),
    }
    for words, command in commands.items():
        told = coalactl(*command)
        assert (told.code, words in told.err) == (0, True), told.err
        assert "elapsed" not in told.out
        silent = coalactl(*command, "--quiet")
        assert (silent.code, silent.err) == (0, ""), command


@pytest.mark.usefixtures("chatty")
def test_the_list_of_figures_tells_which_is_planned(coalactl: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    planned = costs.plan

    def plan_in_a_while(*arguments: Any) -> Any:
        time.sleep(0.1)  # what is planned in a moment is not told
        return planned(*arguments)

    monkeypatch.setattr(costs, "entries", lambda: entries()[:1])
    monkeypatch.setattr(costs, "plan", plan_in_a_while)
    assert "planning fig3a  0/1" in coalactl("reproduce", "ls").err
    assert coalactl("reproduce", "ls", "--quiet").err == ""


def test_quiet_commands_still_give_what_was_asked_for(coalactl: Command, run: Path) -> None:
    shown = coalactl("watch", run, "--quiet")
    assert (shown.code, shown.err, bool(shown.out.strip())) == (0, "", True)
    assert coalactl("report", run, "--format", "csv", "-q", "--json").json["out"] == "report"
    assert coalactl("report", run, "--format", "csv", "-q") == (0, "", "")
