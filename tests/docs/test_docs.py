"""Every command and example of README, documentation and notebooks runs, small, in one empty directory a page.

``coalactl train`` gets sizes that train in a moment, few iterations, and instead of Hawk the small network of
docs/environments.md, which compiles much sooner. ``SKIPPED`` lists what is not run at all,
``EXTRAS`` pages that are skipped where a package is missing.
"""

from __future__ import annotations

import json
import re
import shutil
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pages import ROOT, Block, ShellCommand, blocks, commands, inline_commands, notebooks, pages
from small_pages import DOCS, shrunk

from coalactl.cli import main
from coalactl.configuration import plain, resolve, validate
from coalactl.evaluation.pools import PoolConfig
from coalactl.league.definition import LeagueConfig
from coalactl.presets import Preset
from coalactl.sweep.definition import read_sweep
from coalactl.sweep.plan import plan
from coalactl_core.plugins import installed

# Installing, version control and the checks of the project have their own places; what they need is not here.
INSTALLING = ("pip", "uv", "git", "cd", "source", "export", "python3.11")
CHECKING = ("pytest", "ruff", "mypy", "lint-imports", ".ci/run", ".ci/versions")
SHOWING = ("tensorboard",)  # a server that does not end
SKIPPED = (*INSTALLING, *CHECKING, *SHOWING)
# What a page needs and not everybody has.
EXTRAS = {
    "docs/agents.md": "flatbuffers",
    "docs/axelrod.md": "axelrod",
    "docs/jaxmarl.md": "jaxmarl",
    "docs/tracking.md": "tensorboard",
}
PAGES = {page.relative_to(ROOT).as_posix(): page for page in (*pages(), *notebooks())}
# The one that everybody begins with, and the one that no other repeats; the others train several environments each.
QUICK_PAGES = ("README.md", "docs/notebooks/agents.ipynb")


# --- running a page -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in QUICK_PAGES else [pytest.mark.long]) for name in PAGES]
)
def test_a_page_runs_from_top_to_bottom(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MPLBACKEND", "agg")  # Figures of a notebook are drawn, and shown nowhere.
    if name in EXTRAS:
        pytest.importorskip(EXTRAS[name])
    found = blocks(PAGES[name])
    for block in found:  # Files first: a page may name a file before it shows what is in it.
        if block.file:
            (tmp_path / block.file).write_text(block.text)
            if block.file == "pyproject.toml":
                install(tomllib.loads(block.text)["project"], tmp_path)
    namespace: dict[str, Any] = {"__name__": "example"}
    for block in found:
        RUNNERS[block.language](block, namespace)
        capsys.readouterr()


@pytest.mark.parametrize("command", inline_commands(), ids=lambda command: " ".join(command.words))
def test_trainings_in_the_text_could_run(command: ShellCommand) -> None:
    """Their options fit; that presets start has tests of its own."""
    assert run_command(command._replace(words=(*command.words, "--dry-run"))) == 0


def run_shell(block: Block, namespace: dict[str, Any]) -> None:
    del namespace
    for command in commands(block):
        code = run_command(command)
        assert code == command.exit_code, f"{' '.join(command.words)}: exits with {code}"


def run_command(command: ShellCommand) -> int:
    program, *arguments = command.words
    if program in SKIPPED:
        return command.exit_code
    if program == "coalactl":
        return main(shrunk(arguments))
    tools: dict[str, Callable[..., Any]] = {
        "mv": shutil.move,
        "cp": shutil.copytree,
        "mkdir": lambda *paths: [Path(path).mkdir() for path in paths],
        "ls": lambda *paths: [list(Path(path).iterdir()) for path in paths],
        "cat": lambda *paths: [Path(path).read_text() for path in paths],
    }
    assert program in tools, f"{' '.join(command.words)}: teach tests/docs/test_docs.py to run or skip {program!r}"
    tools[program](*arguments)
    return 0


def run_python(block: Block, namespace: dict[str, Any]) -> None:
    code = compile(block.text, block.file or "<example>", "exec")
    if not block.file:
        exec(code, namespace)


def run_toml(block: Block, namespace: dict[str, Any]) -> None:
    """An experiment, whole or in part, a sweep, a pool or a league is valid; a ``pyproject.toml`` was used before."""
    del namespace
    if block.file == "pyproject.toml":
        return
    tables = tomllib.loads(block.text)
    if "axes" in tables or "variants" in tables:
        assert plan(read_sweep(Preset(block.file or "sweep", Path(block.file or ""), shipped=False), {}))
        return
    if "opponents" in tables:
        PoolConfig.model_validate(tables)
        return
    if "entrants" in tables:
        LeagueConfig.model_validate(tables)
        return
    experiment = resolve(tables, block.file or "the page", {}).experiment
    assert validate(plain(experiment)) == experiment


RUNNERS = {"sh": run_shell, "console": run_shell, "python": run_python, "toml": run_toml}


def install(project: dict[str, Any], folder: Path) -> None:
    """What pip leaves of a package besides its modules: metadata with entry points."""
    metadata = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    lines = []
    for group, names in project["entry-points"].items():
        lines += [f"[{group}]", *(f"{name} = {target}" for name, target in names.items())]
    (metadata / "entry_points.txt").write_text("\n".join(lines) + "\n")
    installed.cache_clear()


def test_run_directory_describes_what_a_run_writes(capsys: pytest.CaptureFixture[str]) -> None:
    text = (DOCS / "run-directory.md").read_text()
    assert main(shrunk(["train", "--quiet", "--out", "run"])) == 0
    capsys.readouterr()
    run = Path("run")
    for entry in run.iterdir():
        assert re.search(rf"^  {re.escape(entry.name)}(/\S*)? +\S", text, re.MULTILINE), entry.name
    for key in json.loads((run / "status.json").read_text()):
        assert f"`{key}`" in text, key
    metrics, episodes = pd.read_parquet(run / "metrics"), pd.read_parquet(run / "episodes")
    for column in [*metrics.columns, *episodes.columns]:
        assert f"`{re.sub(r'_naive$', '_KIND', column)}`" in text, column
