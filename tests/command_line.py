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
