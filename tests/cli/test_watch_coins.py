"""``coalactl watch`` of the coin game: where players and coins are, what was done and taken."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from command_line import TINY, Command
from PIL import Image

from coalactl.watching import coins
from coalactl.watching.drawing import AMBER, SKY
from coalactl.watching.scenes import Scenes
from coalactl_core.envs.coin_game import ABSENT, DOWN, LEFT, RIGHT, STAY, CoinEvents, CoinGame, CoinState
from coalactl_core.play.rollout import Record


@pytest.fixture
def scenes() -> Scenes:
    """Two steps: A takes its coin and B the other's; then both stand on a cell with the only coin that is left."""
    state: Any = CoinState(players=np.asarray([[0, 8], [1, 1]]), coins=np.asarray([[1, 6], [ABSENT, 1]]))
    events: Any = CoinEvents(
        own=np.asarray([[True, False], [False, True]]), other=np.asarray([[False, True], [True, False]])
    )
    record: Any = Record(
        state=state,
        actions=np.asarray([[RIGHT, LEFT], [STAY, DOWN]], np.int8),
        rewards=np.asarray([[-1.0, 1.0], [1.0, -1.0]]),
        events=events,
        log_prob=np.zeros(2),
        value=np.zeros(2),
    )
    return Scenes(jax.tree.map(lambda leaf: leaf[None], record), CoinGame(stay=True), ("agent 0", "naive learner 1"))


def test_a_frame_tells_places_actions_and_sums(scenes: Scenes) -> None:
    first, second = (block.plain.splitlines() for block in coins.blocks(scenes, 0))
    assert first[0] == "inner episode 0 of 0-0, step 1 of 2"
    assert first[2:5] == ["| . A   a     .     |", "| .     .     .     |", "|  b    .     .  B  |"]
    assert second[2:5] == ["| .      bAB  .     |", "| .     .     .     |", "| .     .     .     |"]
    told = [" ".join(line.split()) for line in (*first[6:8], *second[6:8])]
    assert told == [
        "A agent 0 right earned -1 own coins 1 other's 0",
        "B naive learner 1 left earned 1 own coins 0 other's 1",
        "A agent 0 stay earned 0 own coins 1 other's 1",
        "B naive learner 1 down earned 0 own coins 1 other's 1",
    ]


def test_a_picture_has_both_colours(scenes: Scenes) -> None:
    for picture in coins.frames(scenes, 0):
        counted = picture.convert("RGB").getcolors(1 << 24) or []
        assert {tuple(bytes.fromhex(colour[1:])) for colour in (SKY, AMBER)} <= {colour for _, colour in counted}


@pytest.mark.long
def test_a_run_is_watched(train: Command, coalactl: Command) -> None:
    Path("coins.toml").write_text('[environment]\nname = "coin-game"\ncoins = 1\n')
    sizes = (*TINY, "--set", "rollout.inner_episode_length=3", "--set", "network.heads=2")
    result = train("coins.toml", *sizes, "--iterations", "1", "--out", "run", "--json")
    assert result.code == 0, result.err
    shown = coalactl("watch", "run")
    assert shown.code == 0, shown.err
    assert [line for line in shown.out.splitlines() if line.startswith("inner")] == [
        f"inner episode 1 of 0-1, step {step} of 3" for step in (1, 2, 3)
    ]
    # The legend has each letter; of one coin the board has one.
    boards = [line for line in shown.out.splitlines() if line.startswith("|")]
    assert len(boards) == 9
    assert sum(line.count("a") + line.count("b") for line in boards) == 3
    written = coalactl("watch", "run", "--format", "gif", "--out", "coins.gif")
    assert written.code == 0, written.err
    with Image.open("coins.gif") as image:
        assert image.n_frames == 3  # type: ignore[attr-defined]
