"""``coalactl agents export``: an archive of programs that do what the agent does, and what is refused."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import jax
import numpy as np
import pytest
from command_line import Command, assert_one_line

from coalactl import load
from coalactl.runs import agent_file


def test_an_archive_holds_an_agent(coalactl: Command, file: Path) -> None:
    pytest.importorskip("flatbuffers")
    done = coalactl("agents", "export", file, "--agent", 1, "--json")
    assert done.code == 0, done.err
    assert (done.json["file"], done.json["agent"], done.json["step"]) == ("my-1.zip", 1, 2)
    with zipfile.ZipFile("my-1.zip") as archive:
        assert archive.namelist() == ["about.json", "start", "act", "next_episode"]
        about = json.loads(archive.read("about.json"))
        start, act = (jax.export.deserialize(bytearray(archive.read(name))).call for name in ("start", "act"))
    agent = load(file, 1)
    seen = np.asarray([0, 3, 4], np.int32)
    memory = start(seen)
    np.testing.assert_allclose(act(seen, memory)[0], agent.probabilities(seen, agent.start(3)), atol=1e-6)
    assert about["actions"] == ["cooperate", "defect"]
    assert (about["agent"], about["step"], about["source"]) == (1, 2, "my.agent")
    assert about["sha256"] == agent_file.read(file).sha256
    assert {name: [str(leaf.dtype), [*leaf.shape[1:]]] for name, leaf in memory.items()} == about["memory"]
    assert len(about["vocabulary"]) == 5
    before = Path("my-1.zip").read_bytes()
    assert_one_line(coalactl("agents", "export", file, "--agent", 1), "my-1.zip is there already", code=3)
    assert Path("my-1.zip").read_bytes() == before


def test_what_is_refused(coalactl: Command, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("flatbuffers")
    for words, told in (
        (("--format", "onnx"), "'onnx' is not"),
        (("--agent", "2"), "agent 2 given; my.agent has agents 0 to 1"),
        (("--out", "mine.agent"), "the name of the archive ends in .zip; use mine.zip"),
        (("--batch", "0"), "--batch"),
    ):
        assert_one_line(coalactl("agents", "export", file, *words), told)
    assert_one_line(coalactl("agents", "export", "none"), "there is no such run directory")
    monkeypatch.setattr("coalactl.agent_files.export.find_spec", lambda _: None)
    assert_one_line(coalactl("agents", "export", file), 'pip install "coalactl[export]"')
