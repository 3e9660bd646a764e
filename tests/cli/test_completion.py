"""What the shell offers at Tab: by each function, and through the program as each shell asks it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from coalactl import completion
from coalactl.environment import CACHE_VARIABLE
from coalactl.presets import shipped_presets


def names(offers: list[tuple[str, str]]) -> list[str]:
    return [name for name, _ in offers]


def ask(shell: str, line: str, folder: Path) -> str:
    """What the program answers a shell whose user presses Tab at the end of this line."""
    words = line.split(" ")
    asked = {
        "bash": {"COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)},
        "zsh": {"_TYPER_COMPLETE_ARGS": line},
        "fish": {"_TYPER_COMPLETE_ARGS": line, "_TYPER_COMPLETE_FISH_ACTION": "get-args"},
    }[shell]
    environment = {**os.environ, **asked, "_COALACTL_COMPLETE": f"complete_{shell}"}
    ran = subprocess.run(
        [sys.executable, "-m", "coalactl"], env=environment, cwd=folder, capture_output=True, text=True, check=False
    )
    assert ran.stderr == ""
    return ran.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_is_answered(shell: str, tmp_path: Path) -> None:
    assert "meta.learning_rate=" in ask(shell, "coalactl train --set meta.learn", tmp_path)


def test_an_offer_is_a_line(tmp_path: Path) -> None:
    """However long the words about it are."""
    lines = ask("fish", "coalactl presets show ", tmp_path).strip().splitlines()
    assert sorted(line.partition("\t")[0] for line in lines) == sorted(preset.name for preset in shipped_presets())


def test_names() -> None:
    assert "ipd-shaping-quick" in names(completion.presets(""))
    assert names(completion.presets("ipd-shaping-q")) == ["ipd-shaping-quick"]
    assert names(completion.shipped("ipd-shaping-q")) == ["ipd-shaping-quick"]
    assert "ipd-shaping" in names(completion.sweeps("ipd-"))
    assert names(completion.figures("fig12")) == ["fig12"]
    assert {"analytical", "all", "ls"} <= set(names(completion.figures("")))
    assert names(completion.pools("mi")) == ["mixed"]
    assert names(completion.pools("mem")) == ["memory"]
    assert dict(completion.entrants("tit-for-two")) == {"tit-for-two-tats": "defects after two defections in a row"}
    assert {"ipd", "coin", "a2c", "tit-for-tat", "gradual", "random-tabular"} <= set(names(completion.entrants("")))


def test_keys_are_of_both_kinds_and_of_every_game() -> None:
    found = names(completion.keys(""))
    assert {"meta.batch_critic=", "environment.payoffs=", "environment.rows=", "compute.devices="} <= set(found)
    assert len(set(found)) == len(found)


def test_runs_and_folders_on_the_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert completion.runs("") == []
    for path in (
        "runs/one/config.toml",
        "runs/two words/config.toml",
        "runs/pack/pack.json",
        "runs/sub/three/config.toml",
    ):
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).touch()
    (tmp_path / "runs/a-file").touch()
    (tmp_path / "runs/.hidden").mkdir()
    assert names(completion.runs("")) == ["runs/one", "runs/pack", "runs/sub/", "runs/two words"]
    assert names(completion.runs("runs/t")) == ["runs/two words"]
    assert names(completion.runs("runs/sub/")) == ["runs/sub/three"]
    assert names(completion.runs("ru")) == ["runs/"]


def test_agent_files_beside_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("runs/one").mkdir(parents=True)
    for path in ("runs/one/config.toml", "mine.agent", "mine.toml", "runs/two.agent"):
        Path(path).touch()
    assert [name for name in names(completion.players("")) if ":" not in name] == ["runs/one", "runs/two.agent"]
    assert names(completion.players("mi")) == ["mine.agent"]
    assert {"mine.agent", "mine.toml"} <= {*names(completion.entrants("mi"))}
    assert [name for name in names(completion.agent_files("")) if ":" not in name] == ["mine.agent", "runs/"]


def test_files_where_one_is_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.toml").touch()
    Path("mine.txt").touch()
    assert names(completion.presets("mi")) == ["mine.toml"]
    assert names(completion.pools("./mi")) == ["./mine.toml"]
    assert names(completion.sweeps("nowhere/")) == []


def test_it_is_quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By what it loads: neither JAX nor, but for keys at the first time, the configuration's models."""
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    code = "import sys, coalactl.cli; from coalactl import completion as c; "
    for_names = "c.presets(''), c.sweeps(''), c.figures(''), c.runs(''); "
    told = "print([name for name in ('jax', 'pydantic', 'pandas', 'rich') if name in sys.modules])"
    for what, expected in ((for_names, "[]"), ("c.keys(''); ", "['pydantic']"), ("c.keys(''); ", "[]")):
        ran = subprocess.run([sys.executable, "-c", code + what + told], capture_output=True, text=True, check=True)
        assert ran.stdout.strip() == expected


def test_keys_are_kept_until_the_models_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    known = completion.keys("")
    kept = tmp_path / "cache/keys.txt"
    head, *lines = kept.read_text().splitlines()
    assert [f"{line}=" for line in lines] == names(known)
    kept.write_text(f"{head}\nmine.own")
    assert names(completion.keys("")) == ["mine.own="]
    kept.write_text(f"{head} and a file more\nmine.own")
    assert completion.keys("") == known
    kept.write_text(f"{head}\nmine.own")
    monkeypatch.setenv(CACHE_VARIABLE, "/proc/nowhere")
    assert completion.keys("") == known
