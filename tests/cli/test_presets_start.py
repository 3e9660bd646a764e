"""Shipped presets start, and are whole."""

from __future__ import annotations

import re

import pytest
from command_line import TINY, Command
from pages import trained_on_pages

from coalactl.presets import read_preset, shipped_presets

ANALYTICAL = [preset for preset in shipped_presets() if preset.name.startswith("analytical-")]
SEQUENCE = [preset for preset in shipped_presets() if preset not in ANALYTICAL]
# Without those that differ from another in nothing but how many steps are looked ahead.
BEGUN = [preset for preset in ANALYTICAL if not re.search("lola-(mixed-)?(1|2|10|20)$", preset.name)]
# The one that a user begins with is tried with the quick tests.
QUICK = ("ipd-shaping-quick",)
# Those that a page of the docs trains start there (tests/docs).
STARTED = [preset for preset in SEQUENCE if preset.name in QUICK or preset.name not in trained_on_pages()]
TRIED = [pytest.param(each, marks=[pytest.mark.long] * (each.name not in QUICK)) for each in STARTED]


# What makes a preset small whose network is another than Hawk.
SMALL = {
    "hawk": (),
    "gru": ("network.embedding=4", "network.mlp_width=32"),
    "sequence-model": (
        *("network.embedding=4", "network.mlp_width=32", "rollout.inner_episodes=1", "ppi.phases=1", "ppi.epochs=1"),
        *("ppi.first_histories=8", "ppi.batch=4", "ppi.samples=2", "ppi.horizon=2"),
    ),
}


@pytest.mark.parametrize("preset", TRIED, ids=lambda preset: preset.name)
def test_every_shipped_preset_starts(train: Command, preset) -> None:
    small = [word for value in SMALL[read_preset(preset)["network"]["name"]] for word in ("--set", value)]
    result = train(preset.name, *TINY, *small, "--iterations", "1", "--out", "run", "--json")
    assert result.code == 0, result.err
    assert result.json["iterations"] == 1


@pytest.mark.parametrize("preset", ANALYTICAL, ids=lambda preset: preset.name)
def test_every_analytical_preset_is_whole(train: Command, preset) -> None:
    shown = train(preset.name, "--dry-run", "--json")
    made_here = {key for key, source in shown.json["sources"].items() if source == "default"}
    assert made_here <= {"compute.precision"}  # what is chosen for a device, no preset says


@pytest.mark.long
@pytest.mark.parametrize("preset", BEGUN, ids=lambda preset: preset.name)
def test_every_analytical_preset_starts(train: Command, preset) -> None:
    small = ("--seeds", "2", "--set", "naive.steps=2", "--set", "naive.learners=2")
    result = train(preset.name, *small, "--iterations", "1", "--out", "run", "--json")
    assert result.code == 0, result.err
    assert result.json["iterations"] == 1
