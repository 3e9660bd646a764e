"""Presets, layers and their sources; and every mistake told in one line."""

from __future__ import annotations

import math
import re
import tomllib
from pathlib import Path
from typing import get_args

import pytest
import tomli_w
from command_line import Command

from coalactl.commands.train import Method
from coalactl.configuration import differences, known_keys, plain, resolve, validate
from coalactl.errors import UserError
from coalactl.overrides import parse_overrides
from coalactl.presets import find_preset, read_preset, shipped_presets
from coalactl.tables import flatten
from coalactl_core import config, config_environments
from coalactl_core.config_analytical import AnalyticalMethod
from coalactl_core.experiments import KINDS

# PAPER Tables 2, 4 and 8, and what the setting changes.
PAPER_VALUES = {
    "run.iterations": 3000,
    "rollout.meta_batch_size": 128,
    "rollout.batch_size": 16,
    "rollout.inner_episodes": 20,
    "rollout.inner_episode_length": 10,
    "population.naive": 10,
    "population.dynamic_naive": False,
    "meta.algorithm": "ppo",
    "meta.minibatches": 2,
    "meta.epochs": 4,
    "meta.clip": 0.2,
    "meta.discount": 1.0,
    "meta.value_coefficient": 0.5,
    "meta.entropy": 0.0,
    "meta.normalize_advantages": False,
    "meta.reward_scale": 0.05,
    "meta.td_lambda": 1.0,
    "meta.gae_lambda": 1.0,
    "meta.optimizer": "adam",
    "meta.adam_epsilon": 1e-5,
    "meta.learning_rate": 3e-4,
    "meta.max_grad_norm": 1.0,
    "naive.algorithm": "a2c",
    "naive.normalize_advantages": True,
    "naive.reward_scale": 0.05,
    "naive.discount": 0.99,
    "naive.td_lambda": 1.0,
    "naive.gae_lambda": 1.0,
    "naive.value_coefficient": 0.5,
    "naive.entropy": 0.0,
    "naive.optimizer": "adam",
    "naive.adam_epsilon": 1e-5,
    "naive.learning_rate": 0.005,
    "naive.max_grad_norm": 1.0,
}
SETTINGS = {
    "ipd-shaping": {"population.meta": 1, "population.p_naive": 1.0},
    "ipd-mixed": {"population.meta": 4, "population.p_naive": 0.75},
    "ipd-meta-only": {"population.meta": 4, "population.p_naive": 0.0},
}


def resolved(preset: dict | str, *assignments: str):
    if isinstance(preset, str):
        found = find_preset(preset)
        preset, label = read_preset(found), found.label
    else:
        label = "file.toml"
    return resolve(preset, label, {key: (value, "--set") for key, value in parse_overrides(assignments).items()})


@pytest.mark.parametrize("name", SETTINGS)
def test_paper_presets_hold_the_tables(name: str) -> None:
    values = resolved(name).values
    assert {key: values[key] for key in PAPER_VALUES} == PAPER_VALUES
    assert {key: values[key] for key in SETTINGS[name]} == SETTINGS[name]


# PAPER Tables 5, 7 and 8.
CLEANUP = {
    "cleanup-shaping": {
        "population": {"meta": 1, "naive": 10, "p_naive": 1.0, "dynamic_naive": False},
        "rollout": {"meta_batch_size": 512, "batch_size": 32, "inner_episodes": 100, "inner_episode_length": 64},
        "meta": {"algorithm": "ppo", "epochs": 4, "minibatches": 2, "clip": 0.2, "optimizer": "adam"},
        "naive": {"discount": 0.99, "reward_scale": 0.1, "optimizer": "adam", "learning_rate": 0.005},
        "run": {"iterations": 3000},
    },
    "cleanup-mixed": {
        "population": {"meta": 3, "naive": 3, "p_naive": 0.75, "dynamic_naive": True},
        "rollout": {"meta_batch_size": 512, "batch_size": 64, "inner_episodes": 5, "inner_episode_length": 64},
        "meta": {"algorithm": "a2c", "optimizer": "sgd"},
        "naive": {"discount": 1.0, "reward_scale": 0.1, "optimizer": "sgd", "learning_rate": 1.0},
        "run": {"iterations": 30_000},
    },
}
# Table 7: reward rescaling and learning rate of each method.
BY_METHOD = {
    "cleanup-shaping": {
        "coala-pg": (0.1, 1e-3),
        "m-fos": (1.0, 3e-3),
        "batch-unaware": (1.0, 1e-3),
        "lola-dice": (1.0, 0.1),
    },
    "cleanup-mixed": {
        "coala-pg": (0.1, 0.1),
        "m-fos": (0.1, 0.03),
        "batch-unaware": (0.1, 0.03),
        "lola-dice": (0.1, 0.03),
    },
}


@pytest.mark.parametrize("method", get_args(config.Method))
@pytest.mark.parametrize("name", CLEANUP)
def test_cleanup_presets_hold_the_tables(name: str, method: str) -> None:
    values = resolved(name, f"meta.method={method}").values
    common = {"gae_lambda": 1.0, "td_lambda": 1.0, "entropy": 0.0, "value_coefficient": 0.5}
    common |= {"normalize_advantages": True, "max_grad_norm": 1.0}
    expected = {f"{who}.{key}": value for who in ("meta", "naive") for key, value in common.items()}
    expected |= {"meta.discount": 1.0, "environment.name": "cleanup-lite"} | flatten(CLEANUP[name])
    if method == "lola-dice":
        # Table 7; look-ahead steps are no PPO.
        expected |= {"meta.algorithm": "a2c", "meta.optimizer": "sgd"}
        expected["meta.max_grad_norm"] = {"cleanup-shaping": math.inf, "cleanup-mixed": 1.0}[name]
    assert {key: values[key] for key in expected} == expected
    assert (values["meta.reward_scale"], values["meta.learning_rate"]) == BY_METHOD[name][method]


@pytest.mark.parametrize("preset", shipped_presets(), ids=lambda preset: preset.name)
def test_every_value_of_a_preset_has_its_source_beside_it(preset) -> None:
    lines = preset.path.read_text().splitlines()
    assert lines[0].startswith("# ")
    assert preset.description
    values = [line for line in lines if " = " in line.partition("#")[0] and not line.startswith("kind = ")]
    assert len(values) >= 30
    paper = r"Tables? \d|section \d|App\. [A-E]|Fig\. \d|Eq\. \d"
    source = rf"# ({paper}|our (choice|addition)|OPEN|Optax's default|unused by)"
    for line in values:
        assert re.search(source, line), line


def test_the_quick_presets() -> None:
    shaping, mixed = resolved("ipd-shaping-quick").experiment, resolved("ipd-mixed-quick").experiment
    assert (shaping.rollout.meta_batch_size, shaping.meta.batch_critic, shaping.run.iterations) == (16, "play", 120)
    assert shaping.run.checkpoint_every == 20
    assert (mixed.population.meta, mixed.population.p_naive, mixed.population.stratified) == (4, 0.75, True)
    assert (mixed.rollout.meta_batch_size, mixed.rollout.inner_episodes, mixed.run.iterations) == (8, 20, 300)
    assert (mixed.naive.learning_rate, mixed.meta.batch_critic) == (0.01, "play")
    assert plain(mixed)["meta"]["meta_opponent_weight"] == {"0": 1.0, "30": 4.0}


@pytest.mark.parametrize("preset", ["ipd-shaping-quick", "ipd-mixed-quick"])
@pytest.mark.parametrize("method", ["m-fos", "batch-unaware", "lola-dice"])
def test_other_methods_are_as_printed(preset: str, method: str) -> None:
    found = resolved(preset, f"meta.method={method}").experiment
    assert (found.meta.batch_critic, found.meta.gae_lambda) == ("none", 1.0)


@pytest.mark.parametrize(
    ("tables", "remedy"),
    [({}, "use 'a2c'"), ({"algorithm": "a2c"}, "use 0 with lola-dice")],
    ids=["algorithm", "gradient balance"],
)
def test_looking_ahead_goes_without_what_is_of_other_methods(tables: dict, remedy: str) -> None:
    preset = {"meta": {"method": "lola-dice", **tables}, "diagnostics": {"gradient_balance_every": 8}}
    with pytest.raises(UserError, match=remedy):
        resolved(preset)


def test_methods_on_the_command_line_are_those_of_the_engine() -> None:
    assert set(Method) == {*get_args(config.Method), *get_args(AnalyticalMethod)}


def test_later_layers_win_and_are_named() -> None:
    preset = {"meta": {"method": "m-fos", "clip": 0.1, "epochs": 2}, "for": {"m-fos": {"meta": {"clip": 0.3}}}}
    found = resolved(preset, "meta.epochs=3")
    assert (found.values["meta.clip"], found.sources["meta.clip"]) == (0.3, "file.toml for m-fos")
    assert (found.values["meta.epochs"], found.sources["meta.epochs"]) == (3, "--set")
    assert found.sources["meta.method"] == "file.toml"
    assert found.sources["meta.entropy"] == "default"
    assert set(found.sources) == set(found.values)
    assert resolved(preset, "meta.clip=0.4").values["meta.clip"] == 0.4
    assert resolved(preset, "meta.method=coala-pg").values["meta.clip"] == 0.1


def test_any_section_may_differ_by_method() -> None:
    preset = {"for": {"m-fos": {"naive": {"learning_rate": 0.5}, "rollout": {"batch_size": 3}}}}
    values = resolved(preset, "meta.method=m-fos").values
    assert (values["naive.learning_rate"], values["rollout.batch_size"]) == (0.5, 3)
    assert resolved(preset).values["rollout.batch_size"] == 16


def test_groups_of_a_mixed_pool_get_their_methods_tables() -> None:
    groups = [{"method": "coala-pg"}, {"method": "m-fos", "count": 2, "settings": {"entropy": 0.1}}]
    preset = {
        "population": {"meta": groups},
        "for": {"m-fos": {"meta": {"learning_rate": 0.5, "entropy": 0.2, "clip": 0.3}}},
    }
    agents = resolved(preset, "meta.clip=0.4").experiment.agent_configs()
    assert [agent.method for agent in agents] == ["coala-pg", "m-fos", "m-fos"]
    assert [agent.learning_rate for agent in agents] == [3e-4, 0.5, 0.5]
    assert [agent.entropy for agent in agents] == [0.0, 0.1, 0.1]  # what a group says itself is closer
    assert [agent.clip for agent in agents] == [0.4, 0.4, 0.4]  # the command line is above the preset


def test_a_written_pool_needs_its_preset_no_more() -> None:
    """What a method's tables say is in the settings of its groups: the tables themselves are not written."""
    groups = [{"method": "coala-pg"}, {"method": "m-fos", "settings": {"entropy": 0.1}}]
    preset = {"population": {"meta": groups}, "for": {"m-fos": {"meta": {"learning_rate": {"0": 0.5, "9": 0.1}}}}}
    experiment = resolved(preset, "meta.clip=0.4").experiment
    written = tomllib.loads(tomli_w.dumps(plain(experiment)))
    assert "for" not in written
    assert validate(written).agent_configs() == experiment.agent_configs()
    assert written["population"]["meta"][1]["settings"] == {"learning_rate": {"0": 0.5, "9": 0.1}, "entropy": 0.1}


@pytest.mark.parametrize("scale", ["", "-quick"])
def test_the_pool_of_both_methods_is_the_mixed_pool_but_for_its_agents(scale: str) -> None:
    """The quick pools learn with values of their own: the mixed pool's were chosen for COALA-PG alone."""
    pool = resolved(f"ipd-coala-vs-mfos{scale}")
    assert [(config.method, config.credit) for config in pool.experiment.agent_configs()] == [
        ("coala-pg", "td-errors"),
        ("m-fos", "td-errors"),
    ]
    mixed = resolved(f"ipd-mixed{scale}").values
    differing = {key for key in mixed if mixed[key] != pool.values[key]}
    if scale:
        differing = {key for key in differing if not key.startswith("meta.") and key != "run.iterations"}
    assert differing == {"population.meta"}


def test_a_schedule_replaces_a_schedule() -> None:
    values = resolved("ipd-mixed-quick", "meta.meta_opponent_weight={ 0 = 2.0, 7 = 3.0 }").values
    assert values["meta.meta_opponent_weight"] == {"0": 2.0, "7": 3.0}


def test_a_written_configuration_reads_back_the_same() -> None:
    for preset in shipped_presets():
        experiment = resolved(preset.name).experiment
        again = validate(tomllib.loads(tomli_w.dumps(plain(experiment))))
        assert again == experiment
        assert differences(experiment, again) == []


@pytest.mark.parametrize("kind", KINDS)
def test_every_known_key_is_in_the_tree(kind: str) -> None:
    assert set(known_keys(kind)) == set(flatten(plain(KINDS[kind]())))


def test_another_game_on_the_command_line_leaves_the_presets_game() -> None:
    """The presets of the prisoner's dilemma hold its payoffs, which are no key of another game."""
    given = parse_overrides(["environment.name=cleanup-lite", "environment.rows=3"])
    again = {**given, "environment.name": "matrix-game", "environment.rows": 5}
    preset = read_preset(find_preset("ipd-shaping"))
    assert "payoffs" in preset["environment"]
    game = resolve(preset, "preset", {key: (value, "--set") for key, value in given.items()}).experiment.environment
    assert game == config_environments.CleanUpLiteConfig(rows=3)
    with pytest.raises(UserError, match="no such key"):
        resolve(preset, "preset", {key: (value, "--set") for key, value in again.items()})
    kept = resolve(preset, "preset", {"environment.name": ("matrix-game", "--set")})
    assert kept.sources["environment.payoffs"] == "preset"


@pytest.mark.parametrize("environment", config_environments.ENVIRONMENTS)
def test_every_known_key_of_an_environment_is_in_the_tree(environment: str) -> None:
    tree = plain(validate({"environment": {"name": environment}}))
    assert set(known_keys("sequence", environment)) == set(flatten(tree))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("1e-3", 1e-3),
        (".5", 0.5),
        ("5.", 5.0),
        ("true", True),
        ("m-fos", "m-fos"),
        ("'m-fos'", "m-fos"),
        ("[1, 2]", [1, 2]),
        ("{ 0 = 1.0, 5 = 2.0 }", {"0": 1.0, "5": 2.0}),
        ("my.module:Name", "my.module:Name"),
    ],
)
def test_overrides_are_typed_as_toml(text: str, value: object) -> None:
    parsed = parse_overrides([f"a.b={text}"])["a.b"]
    assert parsed == value
    assert type(parsed) is type(value)


# What is set, and what the one line must say besides the key.
BAD_VALUES = [
    ("meta.learningrate=1", "did you mean 'meta.learning_rate'"),
    ("meta.lr=1", "did you mean 'meta.learning_rate'?"),
    ("lr=1", "did you mean 'meta.learning_rate' or 'naive.learning_rate'"),
    ("meta.gamma=1", "did you mean 'meta.discount'?"),
    ("rollout.metabatchsize=1", "did you mean 'rollout.meta_batch_size'?"),
    ("meta.xyzzy=1", "use one of "),
    ("learning_rate=1", "'meta.learning_rate' or 'naive.learning_rate'"),
    ("rollout.batchsize=1", "'rollout.batch_size'"),
    ("environment.payofs=1", "'environment.payoffs'"),
    ("kindd=sequence", "'kind'"),
    ("zzz=1", "population"),
    ("meta=5", "meta.method"),
    ("run=5", "run.iterations"),
    ("meta.foo.bar=3", "no such key"),
    ("meta.meta_opponent_weight.0=1", "is no key"),
    ("meta.learning_rate=abc", "'abc' given; use a number or a schedule"),
    ("meta.learning_rate=true", "true given"),
    ("meta.learning_rate=-1", "-1 is out of range"),
    ("meta.learning_rate=nan", "nan"),
    ("meta.learning_rate=[1]", "use a number or a schedule"),
    ("meta.learning_rate={ 5 = 1.0 }", "starts at iteration 0"),
    ("meta.learning_rate={ 0 = 1.0, x = 2.0 }", "iterations"),
    ("meta.learning_rate={ 0 = 1.0, interpolation = 'cubic' }", "'constant' or 'linear'"),
    ("meta.method=foo", "'coala-pg', 'm-fos', 'batch-unaware' or 'lola-dice'"),
    ("meta.epochs=2.5", "2.5 given; use a whole number"),
    ("meta.epochs=0", "at least 1"),
    ("meta.epochs=ten", "whole number"),
    ("meta.discount=1.5", "at most 1"),
    ("meta.clip=0", "above 0"),
    ("meta.optimizer=sgdd", "'adam', 'adamw' or 'sgd'"),
    ("meta.value_targets=x", "'batch-unaware' or 'average-future'"),
    ("meta.minibatches=3", "does not divide"),
    ("run.seed=-1", "at least 0"),
    ("run.seed=9999999999", "less than 2147483648"),
    ("run.keep=1", "at least 2"),
    ("run.iterations=0", "at least 1"),
    ("run.checkpoint_every=no", "whole number"),
    ("population.meta=0", "from 1 to 1000"),
    ("population.meta=many", "a whole number from 1 to 1000 or a list"),
    ("population.meta=[]", "whole number"),
    ("population.meta=[{ method = 'foo' }]", "population.meta.0.method"),
    ("population.meta=[{ count = 2 }]", "population.meta.0.method: is missing"),
    ("population.meta=[{ method = 'm-fos', x = 1 }]", "population.meta.0.x"),
    ("population.meta=[{ method = 'm-fos', settings = { clipp = 1 } }]", "'clip'"),
    ("population.meta=[{ method = 'm-fos', settings = { clip = 'x' } }]", "population.meta.0.settings.clip"),
    ("population.meta=[{ method = 'm-fos', settings = 3 }]", "settings"),
    ("population.p_naive=0.5", "population.meta of at least 2"),
    ("population.p_naive=2", "at most 1"),
    ("population.stratified=yes", "true or false"),
    ("population.fixed=[{ strategy = 'tit-for-tat' }]", "population.fixed.0.weight: is missing"),
    ("population.fixed=[{ strategy = 'tit-for-tat', weight = 2 }]", "at most 1"),
    ("population.fixed=x", "a list"),
    ("network.heads=3", "does not divide"),
    ("network.name=5", "text"),
    ("environment.payoffs=1", "a list"),
    ("environment.payoffs=[[1, 2], [3]]", "environment.payoffs.1.1"),
    ("environment.payoffs=[['a', 2], [3, 4]]", "environment.payoffs.0.0"),
    ("environment.name=5", "text"),
    ("kind=analytical", "'sequence'"),
    ("compute.scan=fast", "'auto', 'sequential', 'associative' or 'kernel'"),
    ("compute.meta_batch_chunk=0", "whole number from 1 to 1000000 or 'auto'"),
    ("meta.clip", "no '='"),
    ("meta.clip=", "no value"),
    ("=3", "no key"),
    ("a b=3", "no key"),
    ("meta.clip=[1", "not a TOML value"),
]

INTERNAL_WORDS = ("Traceback", "pydantic", "ScheduleConfig", "matrix-game", "constrained", "union", "float]", "tagged")


def assert_one_line(code: int, err: str, *words: str) -> None:
    lines = err.splitlines()
    assert code == 2, err
    assert len(lines) == 1, err
    assert lines[0].startswith("coalactl: "), err
    for word in words:
        assert word in lines[0], err
    assert not any(word in lines[0] for word in INTERNAL_WORDS), err


@pytest.mark.parametrize(("assignment", "words"), BAD_VALUES, ids=[assignment for assignment, _ in BAD_VALUES])
def test_a_bad_value_is_told_in_one_line(coalactl: Command, assignment: str, words: str) -> None:
    result = coalactl("train", "ipd-shaping-quick", "--set", assignment, "--out", "run")
    key = assignment.partition("=")[0]
    assert_one_line(result.code, result.err, key.partition(".")[0], words)
    assert not Path("run").exists()


BAD_FILES = [
    ("meta = 3", "meta"),
    ("[meta]\nclip = \nepochs = 1", "line 2"),
    ("[meta]\nclipp = 1", "'meta.clip'"),
    ("[mata]\nclip = 1", "'meta'"),
    ("[for.m-foss.meta]\nclip = 1", "m-foss"),
    ("[for.m-fos.meta]\nclipp = 1", "'meta.clip'"),
    ("for = 3", "for"),
    ("[for]\nm-fos = 3", "for"),
    ("[for.m-fos]\nmeta = 3", "meta"),
    (
        "population = { meta = [{ method = 'm-fos' }, { method = 'coala-pg' }] }\n[for.m-fos.naive]\nentropy = 1",
        "mixes",
    ),
]


@pytest.mark.parametrize(("text", "word"), BAD_FILES, ids=[text for text, _ in BAD_FILES])
def test_a_bad_file_is_told_in_one_line_with_its_name(coalactl: Command, text: str, word: str) -> None:
    Path("mine.toml").write_text(text)
    result = coalactl("train", "mine.toml", "--out", "run")
    assert_one_line(result.code, result.err, "mine.toml", word)


def bad_arguments() -> list[tuple[list[str], str]]:
    return [
        (["train", "nope"], "preset 'nope'"),
        (["train", "ipd-shapin"], "did you mean 'ipd-shaping'"),
        (["train", "./nope.toml"], "no such file"),
        (["train", "folder/"], "no such file"),
        (["train", "."], "does not exist"),
        (["train", "binary.toml"], "UTF-8"),
        (["train", "--sed", "1"], "--seed"),
        (["train", "--method", "foo"], "--method"),
        (["train", "--seed", "x"], "--seed"),
        (["train", "--seed", "-1"], "--seed"),
        (["train", "--seeds", "0"], "--seeds"),
        (["train", "--iterations", "0"], "--iterations"),
        (["train", "--iterations"], "--iterations"),
        (["train", "a", "b"], "b"),
        (["train", "--resume", "nope"], "no such directory"),
        (["train", "--resume", "binary.toml"], "not a directory"),
        (["train", "--resume", "."], "config.toml"),
        (["train", "--resume", ".", "--out", "x"], "--out"),
        (["train", "--resume", ".", "--dry-run"], "--dry-run"),
        (["train", "--resume", ".", "--init-from", "x"], "--init-from"),
        (["train", "--init-from", "nope"], "--init-from nope"),
        (["train", "--out", "binary.toml"], "--out binary.toml"),
        (["trane"], "train"),
        (["runs", "nope"], "nope"),
        (["runs", "show", "nope"], "nope"),
        (["runs", "show", "."], "config.toml"),
        (["runs", "ls", "nope"], "nope"),
        (["runs", "ls", "binary.toml"], "not a directory"),
        (["presets", "show", "nope"], "nope"),
        (["presets", "cp", "ipd-mixed", "binary.toml"], "exists already"),
        (["presets", "cp", "ipd-mixed", "no/where.toml"], "cannot be written"),
    ]


@pytest.mark.parametrize(("arguments", "word"), bad_arguments(), ids=[" ".join(given) for given, _ in bad_arguments()])
def test_bad_arguments_are_told_in_one_line(coalactl: Command, arguments: list[str], word: str) -> None:
    Path("binary.toml").write_bytes(b"\xff\xfe\x00")
    result = coalactl(*arguments)
    assert_one_line(result.code, result.err, word)


def test_a_method_and_groups_with_methods_exclude_each_other(coalactl: Command) -> None:
    result = coalactl("train", "--method", "m-fos", "--set", "population.meta=[{ method = 'coala-pg' }]")
    assert_one_line(result.code, result.err, "--method", "population.meta")


def test_an_unreadable_schedule_in_a_run_names_its_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"config\.toml: meta\.clip"):
        validate({"meta": {"clip": {"1": 2.0}}}, file="config.toml")


def test_files_may_begin_with_a_byte_order_mark(train: Command, coalactl: Command) -> None:
    mark = b"\xef\xbb\xbf"
    Path("mine.toml").write_bytes(mark + b"# What it is for\n[run]\nseed = 7\n")
    selection = b'[selection]\nmetric = "reward_vs_naive"\nseeds = [0]\n'
    Path("sweep.toml").write_bytes(mark + b'preset = "mine.toml"\n[axes]\n"meta.clip" = [0.1, 0.2]\n' + selection)
    shown = train("mine.toml", "--dry-run", "--json")
    assert shown.json["config"]["run"]["seed"] == 7, shown.err
    assert find_preset("mine.toml").description == "What it is for"
    planned = coalactl("sweep", "sweep.toml", "--dry-run")
    assert planned.code == 0, planned.err
