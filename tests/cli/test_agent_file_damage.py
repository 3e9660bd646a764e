"""An agent file that is not what was written is refused in one line, with exit code 4, whoever takes it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import Command, assert_one_line
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from coalactl.errors import UserError
from coalactl.runs import agent_file
from coalactl.runs.agent_file import AGENTS, NAIVE


def changed(file: Path, **kept: Callable[[Any], Any]) -> None:
    """The file with other tensors or metadata, and the digest that it had."""
    with safe_open(file, framework="numpy") as opened:
        metadata = opened.metadata()
    tensors = load_file(file)
    for change in kept.values():
        change(metadata if "metadata" in kept else tensors)
    save_file(tensors, file, metadata)


def rewritten(file: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """A file with other tensors that is whole in itself."""
    contents = agent_file.read(file).contents
    tensors = dict(contents.tensors)
    change(tensors)
    agent_file.write(file, contents._replace(tensors=tensors))


def whole(file: Path, without: str = "-", **changes: Any) -> None:
    """A file of other contents with the digest of these."""
    contents = agent_file.read(file).contents
    tensors = {name: array for name, array in contents.tensors.items() if not name.startswith(without)}
    agent_file.write(file, contents._replace(tensors=tensors, **changes))


def test_every_flipped_bit_is_noticed(coalactl: Command, file: Path) -> None:
    whole = file.read_bytes()
    header = 8 + int.from_bytes(whole[:8], "little")
    draws = np.random.default_rng(0)
    places = [*range(8), *range(header - 8, header + 4), len(whole) - 1, *draws.integers(len(whole), size=300)]
    for place in places:
        torn = bytearray(whole)
        torn[place] ^= 1 << int(draws.integers(8))
        file.write_bytes(torn)
        with pytest.raises(UserError, match=r"my\.agent (is damaged|has format)") as caught:
            agent_file.read(file)
        assert (caught.value.code, len(str(caught.value).splitlines())) == (4, 1), place
    for command in (("agents", "show", file), ("eval", file, "--quiet"), ("watch", file, "--quiet")):
        assert_one_line(coalactl(*command), "my.agent is damaged", code=4)
    assert_one_line(coalactl("league", file, "tit-for-tat", "--out", "x", "--quiet"), "my.agent is damaged", code=4)
    assert not Path("x").exists()


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda file: file.write_bytes(file.read_bytes()[:-1]), "is damaged"),
        (lambda file: file.write_bytes(file.read_bytes()[:100]), "is damaged"),
        (lambda file: file.write_bytes(b""), "is damaged"),
        (lambda file: file.write_bytes(file.read_bytes() + b"\0"), "is damaged"),
        (lambda file: file.write_text("a text"), "is damaged"),
        (lambda file: save_file({"a": np.zeros(2)}, file), "no file of agents"),
        (lambda file: changed(file, tensors=lambda t: t.update(a=np.zeros(2, "f4"))), "'a' is none of agents"),
        (lambda file: changed(file, tensors=lambda t: t.update({"agents/a": np.zeros((2, 1), "f4")})), "one network"),
        (lambda file: changed(file, tensors=lambda t: t.pop(min(t))), "one network"),
        (lambda file: changed(file, tensors=lambda t: t.update({min(t): t[min(t)].astype("f8")})), "is F64"),
        (lambda file: changed(file, tensors=lambda t: t.update({min(t): t[min(t)][:, :1]})), "one network"),
        (lambda file: whole(file, drawn=[0.5, 0.5]), "neither stored nor drawn again, or both"),
        (lambda file: whole(file, without=NAIVE), "neither stored nor drawn again, or both"),
        (lambda file: whole(file, without=AGENTS), "one network"),
        (lambda file: changed(file, metadata=lambda m: m.update(format="coalactl-agents 2")), "'coalactl-agents 2'"),
        (lambda file: changed(file, metadata=lambda m: m.update(step="1")), "SHA-256"),
        (lambda file: changed(file, metadata=lambda m: m.update(more="text")), "SHA-256"),
    ],
)
def test_damage_is_told_in_a_line(coalactl: Command, file: Path, damage: Callable[[Path], Any], told: str) -> None:
    damage(file)
    assert_one_line(coalactl("agents", "show", file), "my.agent", told, code=4)
    assert_one_line(coalactl("eval", file, "--quiet"), told, code=4)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            lambda t: [t.update({f"{group}/a": np.zeros((2, 1), "f4")}) for group in (AGENTS, NAIVE)],
            "agents/a is [2, 1]",
        ),
        (lambda t: [t.pop(name) for name in (min(t), min(t).replace(AGENTS, NAIVE))], "missing in it"),
        (lambda t: t.update({name: array[:1] for name, array in t.items() if name[0] == "n"}), "naive/"),
    ],
)
def test_what_its_configuration_has_not_is_told(
    coalactl: Command, file: Path, change: Callable[[Any], Any], told: str
) -> None:
    rewritten(file, change)
    assert coalactl("agents", "show", file).code == 0
    assert_one_line(coalactl("eval", file, "--quiet"), "my.agent is incompatible", told, code=4)
