"""``coalactl watch``: frames show what was played, nothing else of a run changes, and mistakes end in one line."""

from __future__ import annotations

import hashlib
import re
import shutil
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from command_line import Command, Result, assert_one_line
from jax.flatten_util import ravel_pytree
from PIL import Image
from processes import SMALL

from coalactl.terminal import OurConsole
from coalactl.watching import cleanup, launch, matrix
from coalactl.watching.drawing import AMBER, BLUE, GREEN, ORANGE, PINK, SKY
from coalactl.watching.scenes import Scenes
from coalactl_core.envs.cleanup_lite import NOOP, RIGHT, ZAP, CleanUpEvents, CleanUpLite, CleanUpState
from coalactl_core.envs.matrix_game import MatrixGame
from coalactl_core.play import evaluation
from coalactl_core.play.rollout import Record
from coalactl_core.types import META, NAIVE

EPISODES, LENGTH = 3, 8
SIZES = [*SMALL, "--set", f"rollout.inner_episodes={EPISODES}", "--set", f"rollout.inner_episode_length={LENGTH}"]
GAMES = {"ipd": "", "cleanup": '[environment]\nname = "cleanup-lite"\nrows = 3\ncolumns = 3\n'}
NO_NAIVE = ("--set", "population.p_naive=0", "--set", "population.meta=2")


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("watched")


def trained(train: Command, shelf: Path, name: str, *arguments: str) -> Path:
    """A run of the game that the name begins with, in the working directory."""
    if not (shelf / name).exists():
        Path("game.toml").write_text(GAMES[name.partition("-")[0]])
        result = train("game.toml", *SIZES, *arguments, "--iterations", "1", "--quiet", "--out", shelf / name)
        assert result.code == 0, result.err
    return Path(shutil.copytree(shelf / name, name))


@pytest.fixture
def ipd(train: Command, shelf: Path) -> Path:
    return trained(train, shelf, "ipd")


@pytest.fixture
def clean(train: Command, shelf: Path) -> Path:
    return trained(train, shelf, "cleanup")


def contents(path: Path) -> dict[str, str]:
    files = sorted(entry for entry in path.rglob("*") if entry.is_file())
    return {str(file.relative_to(path)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def shown(result: Result) -> str:
    assert result.code == 0, result.err
    return result.out


def colours(picture: Image.Image) -> set[str]:
    """Those of more than a few pixels."""
    counted = picture.convert("RGB").getcolors(1 << 24) or []
    return {"#{:02X}{:02X}{:02X}".format(*colour) for count, colour in counted if count > 3}  # type: ignore[misc]


# --- what is shown --------------------------------------------------------------------------------------------------


@pytest.fixture
def scenes() -> Scenes:
    """Two steps of CleanUp-lite: A harvests and hits B, that cleaned; then both are held up in one cell."""
    state: Any = CleanUpState(
        rows=np.asarray([[0, 2], [1, 1]]),
        columns=np.asarray([[0, 2], [1, 1]]),
        dirt=np.asarray([0b101, 0b001], np.uint8),
        apples=np.asarray([0b001, 0b000], np.uint8),
        frozen=np.asarray([[0, 0], [0, 5]]),
    )
    events: Any = CleanUpEvents(
        harvested=np.asarray([[True, False], [False, False]]),
        cleaned=np.asarray([[False, True], [False, False]]),
        zapped=np.asarray([[True, False], [False, False]]),
    )
    record: Any = Record(
        state=state,
        actions=np.asarray([[ZAP, RIGHT], [ZAP, NOOP]], np.int8),
        rewards=np.asarray([[1.0, 0.0], [0.0, 0.0]]),
        events=events,
        log_prob=np.zeros(2),
        value=np.zeros(2),
    )
    environment = CleanUpLite(episode_length=2, rows=3, columns=3)
    return Scenes(jax.tree.map(lambda leaf: leaf[None], record), environment, ("agent 0", "naive learner 1"))


def test_a_frame_tells_places_actions_and_sums(scenes: Scenes) -> None:
    first, second = (block.plain.splitlines() for block in cleanup.blocks(scenes, 0))
    assert first[0] == "inner episode 0 of 0-0, step 1 of 2"
    assert first[2:5] == ["| oA   .    #    |", "| .    .    .    |", "| .    .    # B  |"]
    assert second[2:5] == ["| .    .    #    |", "| .    .Ab  .    |", "| .    .    .    |"]
    told = [" ".join(line.split()) for line in (*first[6:8], *second[6:8])]
    assert told == [
        "A agent 0 zap: hit earned 1 cleaned 0 hits 1",
        "B naive learner 1 right earned 0 cleaned 1 hits 0",
        "A agent 0 zap: missed earned 1 cleaned 0 hits 1",
        "B naive learner 1 is zapped earned 0 cleaned 1 hits 0",
    ]


def test_a_picture_has_the_colours_of_what_is_there(scenes: Scenes) -> None:
    first, second = map(colours, cleanup.frames(scenes, 0))
    assert {GREEN, PINK, SKY, AMBER} <= first
    assert {PINK, SKY} <= second
    assert GREEN not in second  # No apple is left.


def test_a_strip_has_a_row_for_each_inner_episode_and_its_rewards() -> None:
    actions = np.asarray([[[0, 1], [1, 1]], [[0, 0], [1, 0]]], np.int8)
    payoffs = MatrixGame().payoffs
    rewards = np.asarray([[[payoffs[a][b], payoffs[b][a]] for a, b in steps] for steps in actions])
    record: Any = Record(np.zeros((2, 2), np.int8), actions, rewards, None, np.zeros((2, 2)), np.zeros((2, 2)))
    strip = Scenes(record, MatrixGame(episode_length=2), ("agent 0", "its copy"))
    (block,) = matrix.blocks(strip, 1)
    rows = [" ".join(line.split()) for line in block.plain.splitlines()]
    assert rows[1:3] == ["0 o # # # -1 2", "1 o # o o 3 0"]
    assert len(matrix.blocks(strip, 0)[0].plain.splitlines()) == len(rows) - 1
    assert [{BLUE, ORANGE} <= colours(picture) for picture in matrix.frames(strip, 1)] == [True, True]


# --- runs -----------------------------------------------------------------------------------------------------------


def test_it_plays_the_last_inner_episode_of_the_newest_run(coalactl: Command, clean: Path) -> None:
    Path("runs").mkdir()
    clean = clean.rename("runs/cleanup")
    before = contents(clean)
    result = coalactl("watch")
    out = shown(result)
    assert "watching runs/cleanup, the newest below runs" in result.err
    assert "A is agent 0, B is naive learner 0; seed 0" in result.err
    titles = re.findall(r"inner episode .*", out)
    assert titles == [f"inner episode 2 of 0-2, step {step + 1} of {LENGTH}" for step in range(LENGTH)]
    assert "\x1b" not in out
    assert shown(coalactl("watch", clean, "--episode", EPISODES - 1)) == out
    assert shown(coalactl("watch", clean, "--seed", "2")) != out
    assert contents(clean) == before


def test_boards_follow_the_actions(coalactl: Command, clean: Path) -> None:
    """From frame to frame A goes where its action says, unless it is zapped, held up by the border or hit."""
    moves = {"right": (0, 1), "left": (0, -1), "up": (-1, 0), "down": (1, 0), "nothing": (0, 0)}
    blocks = shown(coalactl("watch", clean, "--episode", "0")).split("\n\n")[:LENGTH]
    places, words = [], []
    for block in blocks:
        lines = block.splitlines()
        (place,) = ((row, line.upper().index("A") // 5) for row, line in enumerate(lines[2:5]) if "A" in line.upper())
        places.append(place)
        words.append(lines[6][20:].split()[0])
    for here, there, word in zip(places, places[1:], words, strict=False):
        row, column = moves.get(word, (0, 0))
        wanted = (min(max(here[0] + row, 0), 2), min(max(here[1] + column, 0), 2))
        assert there in (wanted, here)
    assert len(set(places)) > 1


def test_an_animation_goes_below_the_run_and_replaces_its_own(coalactl: Command, clean: Path, ipd: Path) -> None:
    before = contents(clean)
    result = coalactl("watch", clean, "--format", "gif")
    path = Path(shown(result).strip())
    assert path == clean / "watch" / "step-1-agent-0-naive-0-episode-2-seed-0.gif"
    assert contents(clean).keys() - before.keys() == {str(path.relative_to(clean))}
    with Image.open(path) as image:
        assert (image.format, image.n_frames) == ("GIF", LENGTH)  # type: ignore[attr-defined]
    before = contents(clean)
    assert coalactl("watch", clean, "--format", "gif").code == 0
    assert contents(clean) == before
    out = Path("new/strip.gif")
    assert shown(coalactl("watch", ipd, "--format", "gif", "--episode", "1", "--out", out)).strip() == str(out)
    with Image.open(out) as image:
        assert image.n_frames == 2  # type: ignore[attr-defined]


@pytest.mark.long
def test_who_is_met(coalactl: Command, train: Command, shelf: Path, ipd: Path) -> None:
    assert "B is its copy" in coalactl("watch", ipd, "--against", "meta").err
    assert "B is naive learner 1" in coalactl("watch", ipd, "--seed", "1").err
    several = trained(train, shelf, "ipd-several", *NO_NAIVE)
    assert "B is agent 1" in coalactl("watch", several).err
    assert "B is naive learner 0" in coalactl("watch", several, "--against", "naive").err


def test_who_plays(coalactl: Command, train: Command, shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each agent meets the other one: the parameters that play and those that are met change places."""
    several = trained(train, shelf, "ipd-several", *NO_NAIVE)
    played: list[tuple[np.ndarray, np.ndarray]] = []
    play = evaluation.watch

    def noted(key: Any, agent: Any, opponents: Any, hyper: Any, *, rollout: Any) -> Any:
        played.append((ravel_pytree(agent)[0], ravel_pytree(opponents.learner.params)[0]))
        return play(key, agent, opponents, hyper, rollout=rollout)

    monkeypatch.setattr(evaluation, "watch", noted)
    assert "A is agent 0, B is agent 1" in coalactl("watch", several).err
    assert "A is agent 1, B is agent 0" in coalactl("watch", several, "--agent", "1").err
    (first, second), others = played
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(others, [second, first])


def test_naive_learners_learn_and_others_do_not(coalactl: Command, ipd: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    played: list[tuple[list[int], bool]] = []
    play = evaluation.watch

    def noted(key: Any, agent: Any, opponents: Any, hyper: Any, *, rollout: Any) -> Any:
        played.append((opponents.kind.tolist(), rollout.learns))
        return play(key, agent, opponents, hyper, rollout=rollout)

    monkeypatch.setattr(evaluation, "watch", noted)
    for kind in ("naive", "meta"):
        shown(coalactl("watch", ipd, "--against", kind))
    assert played == [([NAIVE], True), ([META], False)]


def test_a_terminal_shows_a_frame_in_the_place_of_the_one_before(
    coalactl: Command, clean: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr(launch.time, "sleep", waited.append)
    monkeypatch.setattr(OurConsole, "is_live", True)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    plain = shown(coalactl("watch", clean))
    assert plain.count("\x1b[1A") > LENGTH
    assert len(waited) == LENGTH
    assert not re.search(r"\x1b\[[0-9;]*3[0-9][;m]", plain)
    monkeypatch.delenv("NO_COLOR")
    assert re.search(r"\x1b\[[0-9;]*3[0-9][;m]", shown(coalactl("watch", clean)))


# --- mistakes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "told", "code"),
    [
        (["empty"], "empty is not a run directory: it has no config.toml", 2),
        (["ipd", "--episode", "3"], "--episode: 3 given; ipd has inner episodes 0 to 2", 2),
        (["ipd", "--episode", "-1"], "--episode: -1 given; ipd has inner episodes 0 to 2", 2),
        (["ipd", "--agent", "1"], "--agent: 1 given; ipd has agents 0 to 0", 2),
        (["ipd", "--agent", "-1"], "--agent: -1 given; ipd has agents 0 to 0", 2),
        (["ipd", "--step", "7"], "ipd has no checkpoint of step 7; it has 1", 2),
        (["ipd", "--out", "a.gif"], "--out: it goes with --format gif", 2),
        (["ipd", "--format", "png"], "'png' is not one of 'terminal', 'gif'", 2),
        (["ipd", "--format", "gif", "--out", "text.gif"], "text.gif is not a GIF and is left as it is", 3),
        (["ipd", "--format", "gif", "--out", "empty"], "empty is a folder; name a file for the GIF", 2),
        (["ipd", "--format", "gif", "--out", "text.gif/a.gif"], "text.gif: a file is in the way", 2),
        (["ipd", "--against", "tabular"], "'tabular' is not one of 'naive', 'meta'", 2),
        ([], "no run below runs to evaluate", 2),
    ],
)
def test_mistakes_end_in_one_line(coalactl: Command, ipd: Path, arguments: list[str], told: str, code: int) -> None:
    Path("empty").mkdir()
    Path("text.gif").write_text("a text")
    result = coalactl("watch", *arguments)
    assert (result.code, len(result.err.splitlines()), result.out) == (code, 1, ""), result.err
    assert told in result.err
    assert Path("text.gif").read_text() == "a text"
    assert not (ipd / "watch").exists()


def test_agents_are_not_met_in_a_seat_that_is_paid_otherwise(coalactl: Command, ipd: Path) -> None:
    config = ipd / "config.toml"
    config.write_text(config.read_text().replace("payoffs_second = []", "payoffs_second = [[1.0, 2.0], [3.0, 4.0]]"))
    for command, option in {("watch", "--against", "meta"): "--against", ("eval", "--quiet"): "--pool"}.items():
        assert_one_line(coalactl(*command, ipd), "'meta' opponents are agents, in the second seat", f"{option} naive")


def test_a_run_without_a_checkpoint_and_a_game_without_a_viewer_are_told(
    coalactl: Command, train: Command, ipd: Path
) -> None:
    shutil.rmtree(ipd / "checkpoints")
    shutil.rmtree(ipd / "manifests")
    result = coalactl("watch", ipd)
    assert (result.code, len(result.err.splitlines())) == (2, 1)
    assert "ipd has no checkpoint yet" in result.err
    name = "coalactl_core.envs.matrix_game:MatrixGame"
    Path("other.toml").write_text(f'[environment]\nname = "{name}"\n')
    assert train("other.toml", *SIZES, "--iterations", "1", "--quiet", "--out", "other").code == 0
    result = coalactl("watch", "other")
    assert (result.code, len(result.err.splitlines())) == (2, 1)
    assert f"no viewer for environment {name!r}; watch shows cleanup-lite, coin-game, matrix-game" in result.err
