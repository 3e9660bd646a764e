"""The zoo: its agents are called by name wherever a run is, and are what its table says."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tomli_w
from command_line import Command, assert_one_line
from handed_on import SIZES

from coalactl import completion, load, trained, zoo
from coalactl.agent_files import zoo_list
from coalactl.agents import meta_agents
from coalactl.configuration import plain, resolve
from coalactl.errors import UserError
from coalactl.evaluation.contestants import Contestant, contestants_of, enter
from coalactl.evaluation.lineups import meta_episodes, opponents_of
from coalactl.evaluation.playing import play
from coalactl.evaluation.pools import find_pool
from coalactl.league.definition import define
from coalactl.league.groups import gather
from coalactl.league.request import LeagueRequest
from coalactl.presets import find_preset, read_preset
from coalactl.runs import agent_file
from coalactl.runs.directory import RunDirectory
from coalactl.terminal import OurConsole
from coalactl_core.configuration.kinds import Experiment

NAME = "zoo:ipd/mine"
TABLE = {
    "agents": [
        {"name": "ipd/mine", "preset": "ipd-shaping-quick", "summary": "mine", "set": {"meta.method": "m-fos"}},
        {"name": "coin/not-there", "preset": "coin-shaping-quick", "summary": "not built"},
    ]
}
SHIPPED = zoo.names()
# Of the means in a file.
ROUNDED = 1e-5
SE, OTHER_SEED = 4, 1


@pytest.fixture
def small(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A zoo of one agent, a file in the working directory."""
    (tmp_path / "zoo/ipd").mkdir(parents=True)
    shutil.copy(file, "zoo/ipd/mine.agent")
    Path("zoo/zoo.toml").write_text(tomli_w.dumps(TABLE))
    monkeypatch.setattr(zoo, "FOLDER", tmp_path / "zoo")
    return file


# --- by name --------------------------------------------------------------------------------------------------------


def test_it_plays_as_the_file_does_and_nothing_is_written_beside_it(
    coalactl: Command, small: Path, kept_engines: None
) -> None:
    for path in (NAME, small):
        done = coalactl("eval", path, "--pool", "meta", "--episodes", 4, "--json")
        assert done.code == 0, done.err
        watched = coalactl("watch", path, "--against", "meta", "--format", "gif", "--quiet")
        assert watched.code == 0, watched.err
    rows = [pd.read_parquet(f"{folder}-eval/meta.parquet") for folder in ("ipd-mine", "my")]
    pd.testing.assert_frame_equal(*rows, check_exact=True)
    about = json.loads(Path("ipd-mine-eval/meta.json").read_text())
    assert about["agent_files"] == {NAME: agent_file.read(small).sha256}
    assert len([*Path("ipd-mine-watch").iterdir()]) == 1
    assert sorted(path.name for path in Path("zoo").rglob("*")) == ["ipd", "mine.agent", "zoo.toml"]
    assert (
        coalactl("agents", "show", NAME).out.splitlines()[:-2]
        == coalactl("agents", "show", small).out.splitlines()[:-2]
    )
    np.testing.assert_array_equal(load(NAME, 1).params, load(small, 1).params)


def test_it_is_in_leagues(small: Path) -> None:
    request = LeagueRequest((NAME, "tit-for-tat"), Path("out"), None, None, None, None, None, False, True)
    first, _ = gather(define(request), request.folder).groups
    assert (first.name, first.kind, first.entries[0].run.path) == ("coala-pg", "run", Path(NAME))


@pytest.mark.long
def test_training_begins_at_it(train: Command, small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("coalactl.training.launch.run_attempt", lambda *_: None)  # The start alone is looked at.
    Path("on.toml").write_text(tomli_w.dumps(SIZES))
    done = train("on.toml", "--init-from", NAME, "--set", f"population.naive_from={NAME}", "--out", "on", "--quiet")
    assert done.code == 0, done.err
    provenance = RunDirectory("on").read_provenance()
    assert (provenance["init_from"], provenance["agent_files"]) == (NAME, {NAME: agent_file.read(small).sha256})


def test_an_unknown_name_is_told_with_the_nearest_one(coalactl: Command, small: Path) -> None:
    Path("on.toml").write_text(tomli_w.dumps(SIZES))
    wrong, told = "zoo:ipd/mime", ("zoo:ipd/mime: the zoo has no such agent", f"did you mean '{NAME}'", "agents ls")
    for command in (
        ("eval", wrong, "-q"),
        ("watch", wrong, "-q"),
        ("league", wrong, "a2c", "-q"),
        ("train", "on.toml", "--init-from", wrong, "-q"),
        ("train", "on.toml", "--set", f"population.naive_from={wrong}", "-q"),
        ("agents", "show", wrong),
        ("agents", "export", wrong),
    ):
        assert_one_line(coalactl(*command), *told)
    with pytest.raises(UserError, match="zoo:loqa: the zoo has no such agent"):
        load("zoo:loqa")
    assert_one_line(coalactl("league", "zoo:loqa", "a2c", "-q"), "the zoo has no such agent")
    assert_one_line(coalactl("eval", "zoo:coin/not-there", "-q"), "the zoo has no such agent")
    assert_one_line(coalactl("agents", "pack", "run", "--out", "zoo:ipd/other.agent"), "no such run")
    assert not Path("runs").exists()


def test_its_names_are_not_written_to(coalactl: Command, small: Path, run: Path) -> None:
    packed = coalactl("agents", "pack", run, "--out", "zoo:ipd/mine.agent")
    assert_one_line(packed, "zoo: is for agents that come with the package")


def test_the_shell_offers_them(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for offers in (completion.players, completion.agent_files, completion.entrants):
        assert (NAME, "mine") in offers("")
        assert offers("zoo:i") == [(NAME, "mine")]
    for words, number, word in (("zoo :", 3, ":"), ("zoo : i", 4, "i"), ("zoo :", 4, "")):
        monkeypatch.setenv("COMP_WORDS", f"coalactl eval {words}")
        monkeypatch.setenv("COMP_CWORD", str(number))
        assert completion.players(word) == [("ipd/mine", "mine")], "bash takes a colon for a word"


@pytest.mark.parametrize("width", [40, 200])
def test_the_list_has_what_they_came_to(
    coalactl: Command, small: Path, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    (row,) = coalactl("agents", "ls", "--json").json
    assert (row["name"], row["game"], row["method"], row["agents"]) == (NAME, "matrix-game", "coala-pg", 2)
    assert (row["iterations"], row["bytes"]) == (2, small.stat().st_size)
    assert row["rewards"] == {"naive": [0.4, 0.4], "meta": [0.4, 0.4]}
    shown = io.StringIO()
    console = OurConsole(highlight=False, file=shown, force_terminal=True, color_system=None, width=width)
    monkeypatch.setattr(zoo_list, "OurConsole", lambda **_: console)
    assert coalactl("agents", "ls").code == 0
    lines = shown.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    assert shown.getvalue().count("0.40 / 0.40") == 2
    assert NAME in shown.getvalue()


# --- what comes with the package ------------------------------------------------------------------------------------


def test_the_table_and_the_files_are_of_the_same_agents() -> None:
    files = {path.relative_to(zoo.FOLDER).with_suffix("").as_posix() for path in zoo.FOLDER.rglob(f"*{zoo.SUFFIX}")}
    table = [entry.name for entry in zoo.table()]
    assert len(set(table)) == len(table)
    assert files == {*table}, "python benchmarks/build_zoo.py builds what is missing"


@pytest.mark.parametrize("entry", zoo.table(), ids=lambda entry: entry.name)
def test_the_table_is_of_presets_that_there_are(entry: zoo.Entry) -> None:
    assert entry.game in ("ipd", "coin")
    assert entry.seed == 0
    assert experiment_of(entry)


def experiment_of(entry: zoo.Entry) -> dict[str, Any]:
    """The configuration that its command trains, without what is chosen for a machine."""
    overrides = {**entry.set, "run.seed": entry.seed}
    given = {key: (value, "--set") for key, value in overrides.items()}
    return without_machine(resolve(read_preset(find_preset(entry.preset)), entry.preset, given).experiment)


def without_machine(experiment: Experiment) -> dict[str, Any]:
    return {table: values for table, values in plain(experiment).items() if table != "compute"}


@pytest.mark.parametrize("name", SHIPPED)
def test_a_file_is_whole_and_is_what_the_table_says(name: str) -> None:
    file = agent_file.read(Path(f"zoo:{name}"))
    config = file.read_config()
    entry = next(entry for entry in zoo.table() if entry.name == name)
    # Keys that have come since it was trained have their defaults.
    assert without_machine(trained.experiment_of(file)) == experiment_of(entry)
    provenance = file.contents.provenance
    assert "/" not in " ".join(provenance["command"]).replace(name, "")
    assert "host" not in provenance
    assert file.contents.step == config["run"]["iterations"]
    agent = load(f"zoo:{name}", meta_agents(config) - 1)
    game = agent.game
    seen = 0 if game.vocabulary is not None else np.zeros(game.environment.observation_size)
    assert agent.player(seed=0).act(seen) in range(game.num_actions)


# Each takes a minute: one of each way to remember and to meet others.
@pytest.mark.long
@pytest.mark.parametrize("name", ["ipd/shaper", "ipd/loqa", "coin/loqa"])
def test_the_card_tells_what_an_evaluation_gives(name: str, kept_engines: None) -> None:
    """By another seed, within four standard errors, over meta-episodes, of what two evaluations differ by."""
    evaluations = agent_file.read(Path(f"zoo:{name}")).contents.measures["evaluations"]
    assert "naive" in evaluations
    (contestant,) = contestants_of(enter([Path(f"zoo:{name}")], None), None)
    for pool, told in evaluations.items():
        rows = pd.DataFrame(told["rows"], columns=told["columns"]).set_index(
            ["agent", "opponent_kind", "opponent", "metric"]
        )
        agent = len(contestant.agents) - 1  # One of each training, for time.
        for opponent, rewards in played(contestant, agent, pool, told["episodes"]).items():
            for metric, values in zip(("reward", "coplayer_reward"), rewards.T, strict=True):
                error = values.std() * (2 / len(values)) ** 0.5
                there = rows.loc[(agent, *opponent, metric), "mean"]
                assert abs(values.mean() - there) <= SE * error + ROUNDED, (pool, opponent, metric)


def played(contestant: Contestant, agent: int, name: str, episodes: int) -> dict[tuple[str, str], np.ndarray]:
    """By kind and name of the opponent, as files have them: a reward a step for each meta-episode and player."""
    opponents = opponents_of(0, agent, [contestant], find_pool(name, 1), contestant.p_naive)
    counts = meta_episodes([opponent.weight for opponent in opponents], episodes)
    parts: dict[tuple[str, str], list[np.ndarray]] = {}
    for each in play(0, agent, [contestant], [*zip(opponents, counts, strict=True)], OTHER_SEED, lambda _: None):
        called = "" if each.opponent.name.isdecimal() else each.opponent.name
        rewards = each.encounters.outcomes["reward"].mean(1)
        parts.setdefault((each.opponent.kind, called), []).append(rewards)
    return {opponent: np.concatenate(own) for opponent, own in parts.items()}
