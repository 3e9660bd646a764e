"""The version stands in one place, and everything that tells it agrees."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from command_line import Command

import coalactl as package
from coalactl.doctor import facts
from coalactl.runs.provenance import collect

ROOT = Path(__file__).parents[2]


def test_what_is_told_is_the_version_of_the_package(coalactl: Command) -> None:
    assert coalactl("--version").out == f"coalactl {package.__version__}\n"
    assert collect(["coalactl"])["packages"]["coalactl"] == package.__version__
    assert facts()["coalactl"] == package.__version__


def test_the_wheel_takes_its_version_from_the_package() -> None:
    definition = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert "version" in definition["project"]["dynamic"]
    assert "version" not in definition["project"]
    place = ROOT / definition["tool"]["hatch"]["version"]["path"]
    assert re.findall(r'^__version__ = "(.+)"$', place.read_text(), re.MULTILINE) == [package.__version__]


def test_the_citation_and_the_changelog_have_the_version_and_its_date() -> None:
    citation = dict(re.findall(r"^(version|date-released): (\S+)$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE))
    changelog = re.findall(r"^## (\S+) \((\S+)\)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert citation["version"] == package.__version__
    assert changelog[0] == (citation["version"], citation["date-released"])
