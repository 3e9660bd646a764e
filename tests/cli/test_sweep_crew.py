"""A crew's supervisor, with workers that end as they are told to: who is replaced, who is not, what ends it all."""

from __future__ import annotations

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import pytest

from coalactl.errors import ExitCode, UserError
from coalactl.sweep import crew as module
from coalactl.sweep.crew import Ended, supervise
from coalactl.training.signals import StopSignals

DEAD = Ended(0, None, "signal SIGKILL")
DONE = Ended(1, ExitCode.OK, "")


class Scripted:
    """Two workers of which some end at each look, as written; when told to end, those at work do."""

    def __init__(self, *ends: Ended | tuple[Ended, ...]) -> None:
        self.ends = iter([end if type(end) is tuple else (end,) for end in ends])
        self.at_work: set[int] = set()
        self.starts: list[int] = []
        self.told: list[ExitCode] = []
        self.closed = False

    def start(self, number: int) -> None:
        self.at_work.add(number)
        self.starts.append(number)

    def is_at_work(self) -> bool:
        return bool(self.at_work)

    def ended(self) -> list[Ended]:
        found: Iterable[Any] = next(self.ends, [Ended(number, ExitCode.PREEMPTED, "") for number in self.at_work])
        self.at_work -= {end.number for end in found}
        return list(found)

    def forward(self, code: ExitCode, /) -> None:
        self.told.append(code)

    def close(self) -> None:
        self.closed = True


@pytest.fixture(autouse=True)
def _no_waiting_and_no_view(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_POLL", 0.0)
    monkeypatch.setattr(module, "LOOK_EVERY", float("inf"))  # Looks at nothing but deaths.


def watch(crew: Scripted, finished: Iterable[int] = (), stopped: ExitCode | None = None) -> tuple[ExitCode, list[str]]:
    """The code, and what is said; ``finished``: trials at each death."""
    counts = iter(finished)
    messages: list[str] = []
    view: Any = SimpleNamespace(show=lambda _: None, message=messages.append)
    stop = StopSignals()
    stop.code = stopped
    observer: Any = SimpleNamespace(look=lambda: SimpleNamespace(finished=next(counts, 0)))
    try:
        return supervise(crew, 2, observer, view, stop), messages
    finally:
        assert crew.closed


def test_the_first_that_finds_nothing_left_ends_the_sweep() -> None:
    crew = Scripted((), DONE)
    assert watch(crew) == (ExitCode.OK, [])
    assert crew.at_work == {0}  # To be closed.


def test_the_dead_and_those_that_somebody_else_told_to_end_are_replaced() -> None:
    crew = Scripted(DEAD, Ended(1, ExitCode.PREEMPTED, ""), DONE)
    code, messages = watch(crew)
    assert (code, crew.starts) == (ExitCode.OK, [0, 1, 0, 1])
    assert messages == [
        "worker 0 died with signal SIGKILL; another one takes its place",
        "worker 1 died with exit code 75; another one takes its place",
    ]


def test_three_deaths_without_a_trial_finished_end_the_sweep() -> None:
    crew = Scripted(DEAD, DEAD, DEAD, DONE)
    with pytest.raises(UserError, match=r"^3 workers died, the last with signal SIGKILL$") as told:
        watch(crew)
    assert told.value.code is ExitCode.FAILED


def test_deaths_between_which_trials_were_finished_do_not() -> None:
    crew = Scripted(DEAD, DEAD, DEAD, DEAD, DONE)
    assert watch(crew, finished=[0, 0, 1, 1])[0] is ExitCode.OK
    assert crew.starts == [0, 1, 0, 0, 0, 0]


def test_what_a_worker_said_when_it_failed_is_told() -> None:
    with pytest.raises(UserError, match=r"^the disk is full$") as told:
        watch(Scripted(Ended(0, ExitCode.WRITE_FAILED, "the disk is full")))
    assert told.value.code is ExitCode.WRITE_FAILED


def test_after_a_signal_all_are_told_and_none_is_replaced() -> None:
    crew = Scripted(DEAD)
    assert watch(crew, stopped=ExitCode.INTERRUPTED) == (ExitCode.INTERRUPTED, [])
    assert crew.starts == [0, 1]
    assert crew.told[0] is ExitCode.INTERRUPTED


def test_a_worker_that_cannot_save_after_a_signal_is_not_passed_over() -> None:
    with pytest.raises(UserError, match=r"^the disk is full$"):
        watch(Scripted(Ended(0, ExitCode.WRITE_FAILED, "the disk is full")), stopped=ExitCode.PREEMPTED)
