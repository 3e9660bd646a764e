"""What made a run is written down, without the places on this machine."""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
from datetime import datetime
from pathlib import Path

import pytest

import coalactl
from coalactl.runs.provenance import add_attempt, collect, describe_attempt


def test_versions_machine_command_and_flags_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")
    monkeypatch.setenv("JAX_ENABLE_X64", "1")
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    told = collect(["coalactl", "train", "--seed", "3"], devices=["cpu:0"])
    assert told["command"] == ["coalactl", "train", "--seed", "3"]
    assert told["python"] == platform.python_version()
    assert told["devices"] == ["cpu:0"]
    assert told["packages"].keys() >= {"jax", "numpy", "orbax-checkpoint", "pandas"}
    assert told["flags"]["XLA_FLAGS"] == "--xla_cpu_multi_thread_eigen=false"
    assert told["flags"]["JAX_ENABLE_X64"] == "1"
    assert told["threads"]["OMP_NUM_THREADS"] == "2"
    assert told["cores"]["usable"] >= 1
    assert datetime.fromisoformat(told["started"]).utcoffset() is not None
    assert json.loads(json.dumps(told)) == told


def test_each_attempt_is_kept() -> None:
    first = collect(["coalactl", "train"])
    both = add_attempt(first, describe_attempt(["coalactl", "train", "--resume", "runs/x"]))
    assert [attempt["command"][-1] for attempt in both["attempts"]] == ["train", "runs/x"]
    assert both["command"] == first["command"]
    assert len(first["attempts"]) == 1


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("/home/me/bin/coalactl", ".../coalactl"),
        ("--out=/home/me/runs/x", "--out=.../x"),
        ("~/runs/x", ".../x"),
        ("--xla_dump_to=/tmp/dump --xla_a=1", "--xla_dump_to=.../dump --xla_a=1"),
        ("runs/x", "runs/x"),
        ("meta.learning_rate=1e-3", "meta.learning_rate=1e-3"),
        ("../runs/x", "../runs/x"),
    ],
)
def test_absolute_paths_are_cut(given: str, told: str) -> None:
    assert collect([given])["command"] == [told]


def test_source_is_the_revision_of_the_checkout_that_tracks_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if shutil.which("git") is None:
        pytest.skip("git is not installed: what it would say cannot be compared; runs do without it")

    def git(*arguments: str) -> str:
        identity = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
        command = ["git", "-C", str(tmp_path), *identity, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    package = tmp_path / "package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (tmp_path / "other.txt").write_text("")
    git("init", "--quiet")
    git("add", "other.txt")
    git("commit", "--quiet", "-m", "Another project")
    monkeypatch.setattr(coalactl, "__file__", str(package / "__init__.py"))
    assert (collect([])["source"] or {}).get("revision") != git("rev-parse", "HEAD")
    git("add", "package")
    git("commit", "--quiet", "-m", "The package")
    assert collect([])["source"] == {"revision": git("rev-parse", "HEAD"), "modified": False}
    (package / "__init__.py").write_text("changed = True")
    assert collect([])["source"]["modified"]
