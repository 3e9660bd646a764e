"""An experiment of a preset or of tables, with values as the command line sets them."""

from __future__ import annotations

from coalactl.configuration import resolve
from coalactl.overrides import parse_overrides
from coalactl.presets import find_preset, read_preset


def resolved(preset: dict | str, *assignments: str):
    if isinstance(preset, str):
        found = find_preset(preset)
        preset, label = read_preset(found), found.label
    else:
        label = "file.toml"
    return resolve(preset, label, {key: (value, "--set") for key, value in parse_overrides(assignments).items()})
