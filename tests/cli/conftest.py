"""The command line in this process, with programs that are compiled once for all tests of equal static choices."""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from checkpointed import copied, saved_twice
from command_line import TINY, Command, Result
from handed_on import made_in

from coalactl.cli import main
from coalactl.runs.directory import RunDirectory


@pytest.fixture(scope="session")
def cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compiled programs of this session, shared with the subprocesses of its tests and with the other workers."""
    base = tmp_path_factory.getbasetemp()
    return (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "compiled"


@pytest.fixture(autouse=True)
def _surroundings(tmp_path: Path, cache_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty working directory, a cache of the tests' own, logging and hooks as they were before."""
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COALACTL_CACHE_DIR", str(cache_folder))
    monkeypatch.setenv("NO_COLOR", "1")
    yield
    logging.captureWarnings(False)
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if type(handler) is logging.FileHandler]:
        root.removeHandler(handler)
        handler.close()


@pytest.fixture
def coalactl(capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs a command line; ``coalactl("presets", "ls")``."""

    def run(*arguments: str | Path) -> Result:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        return Result(code, *capsys.readouterr())

    return run


_engines: dict[str, Any] = {}


@pytest.fixture(scope="module")
def two_checkpoints(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    """A run with checkpoints at 10 and 20, for the tests of a module."""
    return saved_twice(tmp_path_factory.mktemp("saved") / "run")


@pytest.fixture
def saved(two_checkpoints: RunDirectory, tmp_path: Path) -> RunDirectory:
    """Its copy, for a test to do with as it likes."""
    return copied(two_checkpoints, tmp_path)


@pytest.fixture(scope="session")
def handed_on(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run and a file of its agents."""
    return made_in(tmp_path_factory.mktemp("handed-on"))


@pytest.fixture
def run(handed_on: Path) -> Path:
    """A run of two agents, in the working directory, for a test to do with as it likes."""
    return Path(shutil.copytree(handed_on / "run", "run"))


@pytest.fixture
def file(handed_on: Path) -> Path:
    """An agent file of that run's."""
    return Path(shutil.copy(handed_on / "run.agent", "my.agent"))


@pytest.fixture
def train(coalactl: Command, kept_engines: None) -> Command:
    """``coalactl train`` with engines that are kept."""
    return lambda *arguments: coalactl("train", *arguments)


@pytest.fixture
def whole(train: Command) -> dict[str, object]:
    """An uninterrupted run of five iterations."""
    result = train(*TINY, "--iterations", "5", "--out", "whole", "--json")
    assert result.code == 0, result.err
    return result.json


@pytest.fixture
def sweep(coalactl: Command, kept_engines: None) -> Command:
    """``coalactl sweep`` with engines that are kept."""
    return lambda *arguments: coalactl("sweep", *arguments)


@pytest.fixture
def kept_engines(monkeypatch: pytest.MonkeyPatch) -> None:
    """Engines are kept from test to test, since tracing and compiling is nearly all the time."""
    from coalactl import engines
    from coalactl_core.layout.compute import with_chosen_compute

    build = engines.sequence_engine_for

    def kept(experiment: Any) -> Any:
        choices = json.dumps(experiment.static_choices)
        first = _engines.setdefault(choices, build(experiment))
        engine = dataclasses.replace(first, experiment=with_chosen_compute(experiment))
        for program in ("_compiled_init", "_compiled_advance"):
            object.__setattr__(engine, program, getattr(first, program))
        return engine

    monkeypatch.setattr(engines, "sequence_engine_for", kept)
