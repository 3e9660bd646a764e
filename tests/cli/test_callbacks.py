"""A callback's failure that JAX hands to nobody ends the process, and no other does."""

from __future__ import annotations

import logging
import time

import pytest

from coalactl import callbacks
from coalactl.errors import ExitCode


def fail(logger: str) -> None:
    """As JAX logs it."""
    try:
        raise RuntimeError("boom")
    except RuntimeError:
        # Not this project's log: the words and the exception that JAX leaves there.
        logging.getLogger(logger).exception("jax.debug.callback failed")


@pytest.mark.parametrize("waits", [True, False])
@pytest.mark.parametrize("logger", ["jax._src.debugging", "jax._src.callback"])
def test_it_ends_the_process_unless_the_work_has_ended_by_then(
    monkeypatch: pytest.MonkeyPatch, logger: str, waits: bool
) -> None:
    said: list[object] = []
    monkeypatch.setattr(callbacks, "_GRACE", 0.05)
    monkeypatch.setattr(callbacks, "leave", lambda code, line: said.append((code, line)))
    with callbacks.ending_with_failures(said.append):
        fail(logger)
        fail(logger)
        if waits:
            time.sleep(0.5)
    time.sleep(0.2)
    fail(logger)
    time.sleep(0.2)
    reason = "a callback failed: RuntimeError: boom"
    assert said == ([reason, (ExitCode.FAILED, reason)] if waits else [])
