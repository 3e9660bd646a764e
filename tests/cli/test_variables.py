"""Variables of the environment that ask for what is not there, or would change the numbers of a run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jax
import pytest
from command_line import Command, assert_one_line
from processes import SMALL

from coalactl import environment
from coalactl.environment import cache_directory
from coalactl.runs.provenance import number_settings, other_numbers


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("JAX_PLATFORMS", "cuda", ["JAX_PLATFORMS=cuda: no such device can be used here", "there is cpu, name that"]),
        ("JAX_PLATFORMS", "tpu,cpu", ["JAX_PLATFORMS=tpu,cpu: no such device", "there is cpu"]),
        ("JAX_ENABLE_X64", "junk", ["JAX refuses JAX_ENABLE_X64=junk", "unset it"]),
    ],
)
def test_what_jax_cannot_do_is_told_with_the_variable(variable: str, value: str, words: list[str]) -> None:
    given = {**os.environ, variable: value}
    command = [sys.executable, "-m", "coalactl", "doctor"]
    done = subprocess.run(command, env=given, capture_output=True, text=True, check=False)
    (line,) = done.stderr.splitlines()
    assert (done.returncode, done.stdout) == (2, "")
    for word in words:
        assert word in line


@pytest.mark.parametrize("command", [["train", "-q"], ["sweep", "--dry-run"]])
def test_commands_name_it_before_they_import_jax(command: list[str], tmp_path: Path) -> None:
    given = {**os.environ, "JAX_NUM_CPU_DEVICES": "junk"}
    words = [sys.executable, "-m", "coalactl", *command]
    done = subprocess.run(words, env=given, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 2
    assert "JAX_NUM_CPU_DEVICES=junk: use a whole number" in done.stderr


@pytest.mark.parametrize("count", ["0", "junk", "-2", "1.5", ""])
def test_a_count_of_devices_is_a_whole_number(coalactl: Command, monkeypatch: pytest.MonkeyPatch, count: str) -> None:
    monkeypatch.setenv("JAX_NUM_CPU_DEVICES", count)
    assert_one_line(coalactl("check"), f"JAX_NUM_CPU_DEVICES={count}: use a whole number from 1 on; there are ")


@pytest.fixture
def homeless(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user whom the system does not know."""
    for variable in ("HOME", "XDG_CACHE_HOME", "COALACTL_CACHE_DIR"):
        monkeypatch.delenv(variable, raising=False)

    def unknown(*_: Any) -> Any:
        raise KeyError("uid")

    monkeypatch.setattr("pwd.getpwuid", unknown)
    environment._tell_once.cache_clear()


@pytest.mark.parametrize("place", ["", "~no-such-user/x"])
def test_without_a_home_there_is_no_cache_and_it_is_told_once(
    homeless: None, coalactl: Command, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.setenv("COALACTL_CACHE_DIR", place)
    assert cache_directory() is None
    told = "no home directory: training without a compile cache; $COALACTL_CACHE_DIR may name a place for it\n"
    first, second = (coalactl("check", "analytical-extortion") for _ in range(2))
    assert (first.code, first.err) == (0, told)
    assert (second.code, second.err) == (0, "")
    assert [path.name for path in Path().iterdir()] == []
    monkeypatch.setattr("coalactl.checking.check", lambda experiment: 1 / 0)
    failed = coalactl("check")
    assert (failed.code, "ZeroDivisionError" in failed.err) == (1, True)


def test_a_cache_that_cannot_be_made_is_told_once(coalactl: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("file").touch()
    monkeypatch.setenv("COALACTL_CACHE_DIR", "file/x")
    environment._tell_once.cache_clear()
    assert "Not a directory: training without a compile cache" in coalactl("check", "analytical-extortion").err


def test_a_notebooks_backend_does_not_hinder_drawing() -> None:
    given = {**os.environ, "MPLBACKEND": "module://of_a_notebook.backend"}
    program = """
from coalactl.report.figures import load_matplotlib
from coalactl.watching.drawing import images
import os
load_matplotlib()
assert len(images([1], lambda axes, shown: None, (1, 1))) == 1
assert os.environ["MPLBACKEND"] == "module://of_a_notebook.backend"
"""
    done = subprocess.run([sys.executable, "-c", program], env=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.long
def test_a_run_goes_on_only_with_the_numbers_that_it_began_with(train: Command) -> None:
    assert train(*SMALL, "-q", "--iterations", "1", "--out", "run").code == 0
    file = Path("run/provenance.json")
    told = json.loads(file.read_text())
    assert told["numbers"] == told["attempts"][0]["numbers"] == number_settings()
    told["numbers"]["jax_enable_x64"] = True
    file.write_text(json.dumps(told))
    result = train("--resume", "run", "--iterations", "2", "-q")
    assert_one_line(result, "run: its numbers would be others", "JAX_ENABLE_X64 is false here and was true", code=3)
    told["numbers"]["jax_enable_x64"] = False
    told["attempts"][0]["flags"]["XLA_FLAGS"] = "--xla_other"
    file.write_text(json.dumps(told))
    result = train("--resume", "run", "--iterations", "2", "-q")
    assert result.code == 0
    assert result.err.startswith("XLA_FLAGS: --xla_other so far, ")
    assert train("--resume", "run", "--iterations", "3", "-q").err == ""


def test_settings_that_change_numbers_are_known_however_they_are_set() -> None:
    usual = number_settings()
    with jax.enable_x64(True):
        assert number_settings() == {**usual, "jax_enable_x64": True}
    assert other_numbers({"numbers": usual}, usual) == []
    assert other_numbers({}, usual) == []  # made before they were told
    other = {**usual, "jax_default_matmul_precision": "highest"}
    assert other_numbers({"numbers": other}, usual) == ["JAX_DEFAULT_MATMUL_PRECISION is not set here and was highest"]
