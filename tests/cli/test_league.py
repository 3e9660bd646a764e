"""``coalactl league``: rewards of known outcome, files, going on after a stop; mistakes end in one line."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pandas as pd
import pytest
from command_line import TINY, Command, assert_one_line

from coalactl.league.definition import LeagueConfig, define
from coalactl.league.groups import gather
from coalactl.league.request import LeagueRequest
from coalactl.presets import read_preset, shipped_leagues
from coalactl.report.drawing import render
from coalactl.report.figures import Figure, numbers_of
from coalactl.report.heat_map import grid_of
from coalactl.report.league import COLUMNS

# Deterministic strategies, so that rewards a step are known.
WORDS = ("always-defect", "tit-for-tat", "always-cooperate")
LEAGUE = ("league", *WORDS, "--out", "mine", "--episodes", "1")
LENGTH = 10  # of an inner episode of the preset that has the game


@pytest.fixture(autouse=True)
def _engines(kept_engines: None) -> None:
    """Engines are kept from test to test."""


def test_strategies_play_as_is_known(coalactl: Command) -> None:
    told = coalactl(*LEAGUE, "--json")
    assert told.code == 0, told.err
    found = told.json
    pairs = {(one["entrant"], one["other"]): one for one in found["pairs"]}
    assert len(pairs) == 6
    defects, mirrors = pairs["always-defect", "tit-for-tat"], pairs["tit-for-tat", "always-cooperate"]
    # It defects at a cooperator once in an inner episode: 2 and -1.
    assert defects["reward"]["mean"] == pytest.approx(2 / LENGTH)
    assert defects["others"]["mean"] == pytest.approx(-1 / LENGTH)
    assert defects["welfare"]["mean"] == pytest.approx(0.5 / LENGTH)
    assert (mirrors["reward"]["mean"], mirrors["difference"]["mean"]) == (pytest.approx(1), pytest.approx(0))
    # A strategy has no training seeds, so that there is no interval, and nobody exploits beyond one.
    assert (defects["reward"]["low"], defects["exploits"]) == (None, None)
    ranked = {one["entrant"]: one for one in found["ranking"]}
    assert ranked["always-defect"]["reward"]["mean"] == pytest.approx((2 / LENGTH + 2) / 2)
    assert ranked["always-cooperate"]["reward"]["mean"] == pytest.approx((-1 + 1) / 2)
    assert [one["entrant"] for one in found["ranking"]] == ["always-defect", "tit-for-tat", "always-cooperate"]
    assert ranked["tit-for-tat"]["self_play"] == pytest.approx(1)
    rows = pd.read_parquet("mine/meetings/00-01.parquet")
    assert tuple(rows.columns) == COLUMNS
    assert rows.set_index("measure").loc["defection", ["first", "second"]].tolist() == pytest.approx([1, 0.9])
    names = {f"tables/league-mine-{table}.{kind}" for table in ("pairs", "ranking") for kind in ("csv", "md", "tex")}
    assert names <= set(found["files"])
    assert all((Path("mine") / name).is_file() for name in names)
    shown = coalactl(*LEAGUE).out
    assert "always-defect" in shown
    assert "welfare" in shown


def test_a_league_goes_on_where_it_was(coalactl: Command) -> None:
    assert coalactl(*LEAGUE, "--quiet").code == 0
    files = sorted(Path("mine/meetings").glob("*.parquet"))
    assert len(files) == 9
    before = {file: (file.read_bytes(), file.stat().st_mtime_ns) for file in files}
    files[4].unlink()
    (files[4].parent / f".{files[4].name}.tmp").write_bytes(b"half")
    assert coalactl(*LEAGUE, "--quiet").code == 0
    after = {file: (file.read_bytes(), file.stat().st_mtime_ns) for file in files}
    assert {file for file in files if after[file][1] != before[file][1]} == {files[4]}
    # The same numbers again, whoever else is played meanwhile.
    assert after[files[4]][0] == before[files[4]][0]
    assert not list(Path("mine/meetings").glob(".*"))
    files[0].write_bytes(b"no rows")
    assert_one_line(coalactl(*LEAGUE, "--quiet"), "00-00.parquet is damaged", code=4)


def test_an_unfinished_league_takes_no_others(coalactl: Command) -> None:
    assert coalactl(*LEAGUE, "--quiet").code == 0
    kept = {file: file.read_bytes() for file in Path("mine").rglob("*") if file.is_file() and file.name != "lock"}
    for words, told in (
        (("league", *WORDS[:2], "--out", "mine", "--episodes", "1"), "not of always-defect, tit-for-tat"),
        ((*LEAGUE, "--seed", "3"), "another value of play"),
    ):
        assert_one_line(coalactl(*words), "mine holds a league", told, "--out", code=3)
    league = json.loads(Path("mine/league.json").read_text())
    league["entrants"][1]["cooperation"] = [[0.5] * 5]
    Path("mine/league.json").write_text(json.dumps(league))
    assert_one_line(coalactl(*LEAGUE), "begun with another tit-for-tat", code=3)
    assert all(file.read_bytes() == content for file, content in kept.items() if file.name != "league.json")


def test_a_file_says_who_plays(coalactl: Command) -> None:
    Path("few.toml").write_text(
        'preset = "ipd-shaping-quick"\n[play]\nepisodes = 1\nbatch_size = 2\ninner_episodes = 3\n'
        '[[entrants]]\nstrategy = "tit-for-tat"\nname = "tft"\n'
        '[[entrants]]\nstrategy = "random-tabular"\nseeds = [3, 4]\n'
        '[[entrants]]\nstrategy = "soft-majority+carried~0.25"\n'
    )
    found = coalactl("league", "few.toml", "--json")
    assert found.code == 0, found.err
    assert found.json["league_dir"] == "runs/league-few"
    assert [entrant["seeds"] for entrant in found.json["entrants"]] == [[0], [3, 4], [0]]
    pair = next(one for one in found.json["pairs"] if (one["entrant"], one["other"]) == ("tft", "random-tabular"))
    # Students interval over two seeds is wide; it is there.
    assert pair["reward"]["low"] < pair["reward"]["mean"] < pair["reward"]["high"]
    league = json.loads(Path("runs/league-few/league.json").read_text())
    assert (league["game"]["batch_size"], league["game"]["inner_episodes"]) == (2, 3)
    # Memory-one strategies are told as before; of others, what follows on each state: as many as three inner episodes
    # of ten steps let it count.
    mirrors, _, counts = league["entrants"]
    assert (mirrors["cooperation"], "following" in mirrors) == ([[1, 1, 0, 1, 0]], False)
    assert (len(counts["cooperation"][0]), len(counts["following"][0]), counts["carried"]) == (59, 59, [True])
    assert set(counts["cooperation"][0]) == {0.25, 0.75}


@pytest.mark.long
def test_with_a_length_of_its_own_a_league_takes_agents_of_games_of_other_lengths(coalactl: Command) -> None:
    """Agents of the zoo, whose games have ten steps, among such as know games of a hundred alone."""
    entrants = "".join(f"[[entrants]]\n{entrant}\n" for entrant in ('run = "zoo:ipd/shaper"', 'strategy = "grim"'))
    sizes = "episodes = 1\nbatch_size = 2\ninner_episodes = 1\n"
    Path("as.toml").write_text(f'preset = "ipd-in-context-mixed-quick"\n[play]\n{sizes}{entrants}')
    assert_one_line(
        coalactl("league", "as.toml"), "a league needs runs of one game: inner_episode_length is 100", code=2
    )
    Path("of.toml").write_text(Path("as.toml").read_text().replace(sizes, f"{sizes}inner_episode_length = 30\n"))
    found = coalactl("league", "of.toml", "--json")
    assert found.code == 0, found.err
    league = json.loads(Path("runs/league-of/league.json").read_text())
    assert (league["game"]["inner_episode_length"], league["game"]["inner_episodes"]) == (30, 1)
    # Grim and its like cooperate with each other in all of the steps.
    of_grim = next(one for one in found.json["pairs"] if one["entrant"] == one["other"] == "grim")
    assert of_grim["reward"]["mean"] == pytest.approx(1.0)
    assert json.loads(Path("runs/league-of/definition.json").read_text())["play"]["inner_episode_length"] == 30


@pytest.mark.parametrize("league", shipped_leagues(), ids=lambda league: league.name)
def test_shipped_leagues_are_whole(league) -> None:
    config = LeagueConfig.model_validate(read_preset(league))
    assert len(config.entrants) > 2
    assert league.description
    asked = dict.fromkeys(LeagueRequest._fields)
    request = LeagueRequest(**{**asked, "words": (league.name,), "json": False, "quiet": True})
    # They play one game, under names of their own; nothing is trained for that.
    gathered = gather(define(request), request.folder)
    assert len({group.name for group in gathered.groups}) == len(config.entrants)
    assert not request.folder.exists()
    runs = {group.name: [entry.experiment.run.seed for entry in group.entries] for group in gathered.groups}
    assert runs["coala-pg"] == [0, 1, 2, 3, 4]


BAD_FILES = {
    "": "entrants: is missing",
    '[[entrants]]\nlearner = "a2c"\nstrategy = "grim"': "learner and strategy given; an entrant has one of",
    '[[entrants]]\nname = "x"': "name: none given; an entrant has one of run, preset, learner, strategy",
    '[[entrants]]\nstrategy = "grim"\nset = {"naive.clip" = 0.1}': "set: it is for entrants with",
    '[[entrants]]\nstrategy = "grim"\nseeds = [1, 1]': "use each seed once",
    '[[entrants]]\nstrategy = "grim"\n[[entrants]]\nlearner = "a2x"': "'a2x' given; use",
    '[[entrants]]\nstrategy = "grim"\n[[entrants]]\nstrategy = "grimm"': "did you mean 'grim'",
    '[[entrants]]\nstrategy = "grim"\n[[entrants]]\nlearner = "a2c"\nset = {"meta.clip" = 1}': "keys of [naive] alone",
    '[[entrants]]\npreset = "coin-mixed-quick"\n[[entrants]]\nstrategy = "grim"': "plays two-action matrix games only",
    '[[entrants]]\npreset = "coin-mixed-quick"\n[[entrants]]\nlearner = "q-learning"': "keeps a table",
    '[[entrants]]\npreset = "coin-mixed-quick"\n[[entrants]]\npreset = "ipd-mixed-quick"': "a league needs runs of one",
    '[[entrants]]\npreset = "analytical-mixed"\n[[entrants]]\nlearner = "a2c"': "of kind 'analytical'",
    'preset = "matching-pennies-shaping-quick"\n[[entrants]]\nlearner = "a2c"\n'
    '[[entrants]]\nstrategy = "grim"': "pays the second by another table",
    '[play]\nepisodes = 0\n[[entrants]]\nlearner = "a2c"': "play.episodes",
    '[[entrants]]\nstrategy = "grim"\nname = "../x"': "a name is up to 64 letters",
    "[[entrants": "not valid TOML",
}


@pytest.mark.parametrize(("text", "words"), BAD_FILES.items())
def test_mistakes_in_a_file(coalactl: Command, text: str, words: str) -> None:
    Path("bad.toml").write_text(text)
    assert_one_line(coalactl("league", "bad.toml", "--quiet"), words)
    assert [path.name for path in Path().iterdir()] == ["bad.toml"]


@pytest.mark.parametrize(
    ("arguments", "words", "code"),
    [
        (["a2c"], ["a league of 'a2c' alone", "two entrants at least"], 2),
        (["a2c", "tit-for-tit"], ["tit-for-tit", "did you mean 'tit-for-tat'"], 2),
        (["a2c", "gradual~2"], ["entrant 'gradual~2': strategy: 'gradual~2': its noise is a number above 0"], 2),
        (["a2c", "missing"], ["missing: there is no such run, pack or sweep", "learners", "strategies"], 2),
        (["a2c", "no.toml"], ["no.toml", "stands alone"], 2),
        (["no.toml"], ["no.toml: no such file"], 2),
        (["a2c", "grim", "--out", "file"], ["file: it is a file"], 2),
        (["a2c", "grim", "--out", "full"], ["full is not empty"], 2),
        (["a2c", "grim", "--episodes", "0"], ["--episodes"], 2),
        (["a2c", "empty"], ["empty is not a run directory"], 2),
    ],
)
def test_mistakes_end_in_one_line(coalactl: Command, arguments: list, words: list, code: int) -> None:
    Path("file").touch()
    Path("empty").mkdir()
    Path("full").mkdir()
    Path("full/mine.txt").touch()
    assert_one_line(coalactl("league", *arguments), *words, code=code)
    assert sorted(str(path) for path in Path().rglob("*")) == ["empty", "file", "full", "full/mine.txt"]


@pytest.mark.long
def test_what_is_missing_is_trained_and_seeds_are_units(coalactl: Command) -> None:
    sizes = {words.partition("=")[0]: words.partition("=")[2] for words in TINY if "=" in words}
    trained = "\n".join(f'"{key}" = {value}' for key, value in sizes.items())
    Path("small.toml").write_text(
        "[play]\nepisodes = 2\n"
        f'[[entrants]]\npreset = "ipd-mixed-quick"\nname = "pool"\nseeds = [0, 1, 2]\n[entrants.set]\n{trained}\n'
        '"run.iterations" = 1\n"meta.minibatches" = 1\n[[entrants]]\nlearner = "a2c"\nseeds = [5, 6]\n'
    )
    found = coalactl("league", "small.toml", "--out", "small", "--json")
    assert found.code == 0, found.err
    rows = pd.read_parquet("small/meetings/00-01.parquet").query("measure == 'reward'")
    assert sorted(zip(rows["first_seed"], rows["second_seed"], strict=True)) == [
        (one, two) for one in (0, 1, 2) for two in (5, 6)
    ]
    assert (rows["episodes"] == 2).all()
    pool = next(entrant for entrant in found.json["ranking"] if entrant["entrant"] == "pool")
    assert pool["among_its_like"]["low"] < pool["among_its_like"]["high"]
    # The sweep that it trained plays in another league as it is, all seeds as one entrant.
    again = coalactl("league", "small/training/pool", "a2c", "--episodes", "2", "--json", "--quiet")
    assert again.code == 0, again.err
    assert again.json["entrants"][0]["name"] == "coala-pg"
    assert again.json["entrants"][0]["seeds"] == [0, 1, 2]


def test_a_report_has_the_league_and_can_be_checked(coalactl: Command) -> None:
    assert coalactl(*LEAGUE, "--quiet").code == 0
    made = coalactl("report", "mine", "--json", "--format", "csv", "--format", "tex", "--format", "svg")
    assert made.code == 0, made.err
    assert made.json["leagues"] == ["mine"]
    page = Path("report/index.html").read_text()
    assert all(f"figures/league-mine-rewards.{kind}" in made.json["files"] for kind in ("csv", "svg"))
    assert "Rewards of every pair, league mine" in page
    assert r"\label{tab:league-mine-pairs}" in Path("report/tables/league-mine-pairs.tex").read_text()
    own = Path("mine/tables/league-mine-pairs.csv").read_text()
    assert Path("report/tables/league-mine-pairs.csv").read_text() == own
    assert coalactl("report", "--check", "report").code == 0
    rows = pd.read_parquet("mine/meetings/00-01.parquet")
    rows.loc[rows["measure"] == "reward", "first"] += 0.5
    rows.to_parquet("mine/meetings/00-01.parquet", index=False)
    checked = coalactl("report", "--check", "report")
    assert (checked.code, "league-mine-pairs.csv" in checked.out) == (1, True)
    Path("mine/meetings/00-02.parquet").unlink()
    assert_one_line(coalactl("report", "mine"), "unfinished league: 8 of 9 meetings are played")


def test_a_heat_map_of_twelve_is_as_wide_as_a_page() -> None:
    names = [f"an-entrant-of-the-league-{number}" for number in range(12)]
    cells = [[(row - column, -1, 1) for column in range(12)] for row in range(12)]
    figure = Figure("map", "Rewards", "", (), grid=grid_of(names, cells, "reward a step"))
    drawn = render(figure, ["svg", "png"])
    assert drawn.images["png"].startswith(b"\x89PNG")
    width = float(re.search(r'width="([\d.]+)pt"', drawn.images["svg"].decode())[1])
    assert width / 72 <= 6.9 + 1e-6
    assert render(figure, ["svg"]).images["svg"] == drawn.images["svg"]
    assert len(numbers_of(figure).splitlines()) == 1 + 144


@pytest.mark.long
def test_best_responses_to_strategies(coalactl: Command) -> None:
    Path("few.toml").write_text(
        "[play]\nepisodes = 1\nbatch_size = 16\ninner_episodes = 10\n[exploitability]\nmeta_episodes = 60\n"
        '[[entrants]]\nstrategy = "always-cooperate"\n[[entrants]]\nstrategy = "always-defect"\n'
    )
    found = coalactl("league", "few.toml", "--json")
    assert found.code == 0, found.err
    by_entrant = {(one["entrant"], one["responder"]): one for one in found.json["exploitability"]}
    assert len(by_entrant) == 4
    # Defection earns 2 a step of who always cooperates, 1 more than its like; of who defects nothing is to be had.
    naive = by_entrant["always-cooperate", "naive"]
    assert naive["reward"]["mean"] > 1.8
    assert naive["more"]["mean"] == pytest.approx(naive["reward"]["mean"] - 1)
    assert by_entrant["always-defect", "naive"]["reward"]["mean"] <= 0
    assert (naive["reward"]["low"], naive["meta_episodes"]) == (None, 60)
    before = Path("runs/league-few/responses/00.parquet").stat().st_mtime_ns
    assert coalactl("league", "few.toml", "--json").json == found.json
    assert Path("runs/league-few/responses/00.parquet").stat().st_mtime_ns == before
