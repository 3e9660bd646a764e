"""The words of the command-line tests: sizes that train in a moment, and what a command gives."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

TINY = [
    *("--set", "rollout.meta_batch_size=4", "--set", "rollout.batch_size=2", "--set", "rollout.inner_episodes=2"),
    *("--set", "rollout.inner_episode_length=2", "--set", "network.width=4", "--set", "network.mlp_width=4"),
    *("--set", "population.naive=2", "--set", "meta.epochs=1"),
]


class Result(NamedTuple):
    """What a command gave."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Command = Callable[..., Result]


def assert_one_line(result: Result, *words: str, code: int = 2) -> None:
    """A mistake is told in one line, with these words and no traceback."""
    assert result.code == code, result.err
    lines = result.err.splitlines()
    assert len(lines) == 1, result.err
    assert lines[0].startswith("coalactl: ")
    assert len(lines[0]) < 500, lines[0]
    assert "unexpected error" not in lines[0]
    for word in words:
        assert word in lines[0], lines[0]
