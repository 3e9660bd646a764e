"""Layers of a configuration and their sources, and what is written and read back."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import get_args

import pytest
import tomli_w
from command_line import Command
from resolving import resolved

from coalactl.commands.train import _method
from coalactl.configuration import differences, plain, resolve, validate
from coalactl.configuration_keys import known_keys
from coalactl.errors import UserError
from coalactl.overrides import parse_overrides
from coalactl.presets import find_preset, read_preset, shipped_presets
from coalactl.tables import flatten
from coalactl_core.configuration import environments as config_environments
from coalactl_core.configuration.analytical import AnalyticalMethod
from coalactl_core.configuration.kinds import KINDS
from coalactl_core.methods import METHODS


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
    for name in (*METHODS, *get_args(AnalyticalMethod), "package.module:Name", None):
        assert _method(name) == name


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
