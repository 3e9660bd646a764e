"""On a terminal: every way out leaves it as it was, with one line that says what stands; the cursor is never hidden."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from command_line import Command
from processes import SMALL, command

from coalactl.runs.checkpoints import steps
from coalactl.runs.directory import RunDirectory

TEN = ["train", *SMALL, "--iterations", "10", "--set", "run.checkpoint_every=2", "--out", "run"]
CTRL_C = b"\x03"
HIDDEN, ERASED = "\x1b[?25l", "\x1b[2K"


# Python cannot fork beside JAX's threads, so that the child itself takes the terminal for its own.
TAKES_THE_TERMINAL = """
import fcntl, os, signal, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
os.execvp(sys.argv[1], sys.argv[1:])
"""


class Terminal:
    """A process with a terminal of its own, and what it has written there."""

    def __init__(self, *arguments: str, dying_at: str = "", nth: int = 1) -> None:
        words = command(*arguments, dying_at=dying_at, nth=nth)
        self.seen = ""
        self.keys, screen = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-c", TAKES_THE_TERMINAL, *words],
            env={**os.environ, "TERM": "xterm", "COLUMNS": "100", "LINES": "30"},
            stdin=screen,
            stdout=screen,
            stderr=screen,
            start_new_session=True,
        )
        self.pid = self.process.pid
        os.close(screen)

    def press(self, key: bytes) -> None:
        os.write(self.keys, key)

    def wait_for(self, word: str) -> None:
        """Reads until it has written the word."""
        while word not in self.seen:
            assert self._read(), self.seen

    def hang_up(self) -> None:
        os.close(self.keys)

    def end(self) -> int:
        """The exit code, once it has ended and everything was read."""
        while self._read():
            pass
        self.hang_up()
        return self.code()

    def code(self) -> int:
        return self.process.wait()

    def _read(self) -> bool:
        try:
            given = os.read(self.keys, 65536)
        except OSError:  # Linux tells so that the other side has been closed.
            return False
        self.seen += given.decode(errors="replace")
        return bool(given)


def assert_left_as_it_was(terminal: Terminal, line: str) -> None:
    """The cursor was there all the time, and below what was there before stands nothing but the line."""
    assert HIDDEN not in terminal.seen
    assert terminal.seen.rpartition(ERASED)[2].strip() == line


def test_while_compiling() -> None:
    terminal = Terminal(*TEN, dying_at="long compilation")
    terminal.wait_for("lingering")
    terminal.wait_for("compiling")
    terminal.press(CTRL_C)
    assert terminal.end() == 130
    assert_left_as_it_was(terminal, "coalactl: interrupted; nothing to save")


@pytest.mark.parametrize("command", [("eval", "--episodes", "10"), ("watch",)], ids=["eval", "watch"])
@pytest.mark.long
def test_while_what_is_played_compiles(train: Command, command: tuple[str, ...]) -> None:
    """A program is compiled in one call, during which Python answers no signal."""
    assert train(*TEN[1:], "--iterations", "1", "--quiet").code == 0
    place = {"eval": "long evaluation", "watch": "long watching"}[command[0]]
    terminal = Terminal(*command, "run", dying_at=place)
    terminal.wait_for("lingering")
    terminal.wait_for("0:0")  # the time beside what is being done
    time.sleep(1)  # The call has begun.
    terminal.press(CTRL_C)
    began = time.monotonic()
    assert terminal.end() == 130
    assert time.monotonic() - began < 5
    assert_left_as_it_was(terminal, "coalactl: interrupted; nothing to save")


@pytest.mark.long
def test_of_a_league_what_was_played_is_kept() -> None:
    words = ("league", "tit-for-tat", "always-defect", "--out", "mine")
    terminal = Terminal(*words, dying_at="long meeting", nth=2)
    terminal.wait_for("lingering")
    terminal.press(CTRL_C)
    assert terminal.end() == 130
    told = f"coalactl: interrupted; meetings that were played are kept; go on with: coalactl {' '.join(words)}"
    assert_left_as_it_was(terminal, told)
    assert len(list(Path("mine/meetings").glob("*.parquet"))) == 1


@pytest.mark.long
def test_after_one_ctrl_c_and_after_a_second() -> None:
    terminal = Terminal(*TEN, dying_at="long save", nth=2)
    terminal.wait_for("lingering")
    terminal.press(CTRL_C)
    terminal.wait_for("once more leaves at once")
    time.sleep(0.3)
    terminal.press(CTRL_C)
    assert terminal.end() == 130
    assert_left_as_it_was(terminal, "coalactl: interrupted; saved at iteration 2")
    terminal = Terminal("train", "--resume", "run", dying_at="long save")
    terminal.wait_for("lingering")
    terminal.press(CTRL_C)
    assert terminal.end() == 130
    line = "interrupted; saved at iteration 4; go on with: coalactl train --resume run"
    assert_left_as_it_was(terminal, line)


def test_during_an_animation() -> None:
    terminal = Terminal("watch", dying_at="animation")
    terminal.wait_for("at frame 2")
    terminal.press(CTRL_C)
    assert terminal.end() == 130
    assert HIDDEN not in terminal.seen
    assert terminal.seen.replace("\x1b[?25h", "").splitlines()[-1] == "coalactl: interrupted; nothing to save"


def test_an_output_that_takes_no_more_keeps_no_process_from_ending() -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writing, bytes(65536))
    os.set_blocking(writing, True)
    program = "from coalactl.leaving import leave; leave(130, 'a line')"
    process = subprocess.Popen([sys.executable, "-c", program], stderr=writing)
    assert process.wait(timeout=30) == 130
    os.close(reading)
    os.close(writing)


@pytest.mark.long
def test_a_terminal_that_goes_away_has_the_training_saved() -> None:
    terminal = Terminal(*TEN, dying_at="long save", nth=2)
    terminal.wait_for("lingering")
    terminal.hang_up()
    assert terminal.code() == 75
    run = RunDirectory("run")
    assert (run.read_status().state, steps(run)) == ("preempted", [2, 4])
