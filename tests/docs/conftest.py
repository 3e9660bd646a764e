"""An empty directory for each page, with what its commands need, and everything as it was afterwards."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pages import blocks
from small_pages import DOCS, NETWORK, shared_engine

from coalactl import doctor
from coalactl.bench import child
from coalactl.reproduction import launch as reproduction
from coalactl.reproduction.costs import describe as describe_figures
from coalactl_core.training import engine as training

BENCHMARK = {
    **dict.fromkeys(("steps_per_second", "iteration_seconds", "rollout_seconds", "naive_seconds"), 1.0),
    **dict.fromkeys(("learn_seconds", "compile_seconds", "max_rss_bytes", "sgemm_gflops", "steps_per_gflop"), 1.0),
    "quartiles": {},
    "cpu": "",
    "cores": 1,
    "devices": [],
    "packages": {},
    "source": None,
}


@pytest.fixture(scope="module")
def network_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the module of ``NETWORK`` is."""
    folder = tmp_path_factory.mktemp("network")
    example = next(block for block in blocks(DOCS / "environments.md") if block.file == "elman.py")
    (folder / f"{NETWORK.partition(':')[0]}.py").write_text(example.text)
    return folder


@pytest.fixture(autouse=True)
def _surroundings(tmp_path: Path, network_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty directory that modules are found in, and everything as it was afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(network_folder)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    monkeypatch.setenv("COALACTL_CACHE_DIR", str(tmp_path.parent / "cache"))
    monkeypatch.setattr(training, "build_engine", shared_engine)
    monkeypatch.setattr(
        doctor, "self_test", lambda _: []
    )  # Its work is tested with the command line, as is that of the bench.
    # What it is made of is tested with the command line; what a page gives it is checked before.
    monkeypatch.setattr(reproduction, "reproduce", lambda request: describe_figures(json=False) if request.lists else 0)
    monkeypatch.setattr(child, "measure_in_child", lambda size, **rest: {"size": size, **BENCHMARK})
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]
    logging.captureWarnings(False)
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if type(handler) is logging.FileHandler]:
        root.removeHandler(handler)
        handler.close()
