"""A damaged checkpoint is named, with the file, and an older whole one is used; another structure is refused."""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import pytest
from checkpointed import bits, files_of, make_state

from coalactl.errors import ExitCode, UserError
from coalactl.runs.checkpoints import drop_later, restore, steps
from coalactl.runs.directory import RunDirectory


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def append(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"\0")


def link(path: Path) -> None:
    elsewhere = next(folder for folder in path.parents if (folder / "config.toml").exists()) / "elsewhere"
    path.rename(elsewhere)
    path.symlink_to(elsewhere)


def expect_fallback(saved: RunDirectory, name: str) -> None:
    """The newest checkpoint is named as damaged, with the file; the one before is used."""
    told: list[str] = []
    step, state = restore(saved, make_state(0), on_damage=told.append)
    assert (step, len(told)) == (10, 1)
    assert "checkpoint 20" in told[0]
    assert "damaged" in told[0]
    assert name in told[0]
    assert "\n" not in told[0]
    assert bits(state) == bits(make_state(1))


@pytest.mark.parametrize("damage", [flip, truncate, append, Path.unlink, link])
def test_damage_to_any_file_is_found_and_the_older_checkpoint_used(
    saved: RunDirectory, damage: Callable[[Path], None]
) -> None:
    files = [*files_of(saved, 20), saved.manifests_dir / "20.json"]
    assert len(files) > 3
    for path in files:
        if path.parent == saved.manifests_dir and damage in (Path.unlink, append):
            continue  # without its manifest a step is incomplete; trailing bytes are in a test of their own
        kept = path.read_bytes()
        damage(path)
        expect_fallback(saved, path.name)
        path.unlink(missing_ok=True)
        path.write_bytes(kept)
    assert restore(saved, make_state(0))[0] == 20


def test_every_byte_of_a_manifest_counts(saved: RunDirectory) -> None:
    path = saved.manifests_dir / "20.json"
    content = path.read_bytes()
    for position in range(0, len(content), 97):
        changed = bytearray(content)
        changed[position] ^= 1
        path.write_bytes(changed)
        if json_or_none(changed) == json_or_none(content):
            continue  # white space
        with pytest.raises(UserError) as refused:
            restore(saved, make_state(0), step=20)
        assert refused.value.code == ExitCode.DAMAGED


def json_or_none(content: bytes | bytearray) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return None


def test_swapped_and_foreign_files_are_found(saved: RunDirectory) -> None:
    first, second = files_of(saved, 20)[-2:]
    content = first.read_bytes(), second.read_bytes()
    first.write_bytes(content[1])
    second.write_bytes(content[0])
    expect_fallback(saved, first.name)
    first.write_bytes(content[0])
    second.write_bytes(content[1])
    (saved.checkpoints_dir / "20" / ".DS_Store").touch()
    assert restore(saved, make_state(0))[0] == 20
    (saved.checkpoints_dir / "20" / "guest").touch()
    expect_fallback(saved, "guest")


def test_a_checkpoint_under_another_step_is_found(saved: RunDirectory) -> None:
    shutil.rmtree(saved.checkpoints_dir / "20")
    shutil.copytree(saved.checkpoints_dir / "10", saved.checkpoints_dir / "20")
    shutil.copy(saved.manifests_dir / "10.json", saved.manifests_dir / "20.json")
    expect_fallback(saved, "20.json")


def test_a_linked_or_missing_folder_is_found(saved: RunDirectory, tmp_path: Path) -> None:
    folder = saved.checkpoints_dir / "20"
    folder.rename(tmp_path / "elsewhere")
    expect_fallback(saved, "checkpoints/20 is missing")
    folder.symlink_to(tmp_path / "elsewhere")
    expect_fallback(saved, "checkpoints/20 is a symbolic link")


def test_damage_goes_to_the_log_by_default(saved: RunDirectory, caplog: pytest.LogCaptureFixture) -> None:
    flip(files_of(saved, 20)[0])
    with caplog.at_level(logging.WARNING):
        assert restore(saved, make_state(0))[0] == 10
    assert "checkpoint 20" in caplog.text


def test_with_nothing_whole_left_the_code_says_so_and_nothing_is_deleted(saved: RunDirectory) -> None:
    for step in (10, 20):
        truncate(files_of(saved, step)[0])
    with pytest.raises(UserError, match="no whole checkpoint is left") as refused:
        restore(saved, make_state(0), on_damage=lambda line: None)
    assert refused.value.code == ExitCode.DAMAGED
    assert steps(saved) == [10, 20]


def test_a_damaged_later_step_goes_when_it_is_dropped_and_not_before(saved: RunDirectory) -> None:
    flip(files_of(saved, 20)[0])
    restore(saved, make_state(0), on_damage=lambda line: None)
    assert steps(saved) == [10, 20]
    drop_later(saved, 10)
    assert steps(saved) == [10]
    assert [path.name for path in saved.checkpoints_dir.iterdir()] == ["10"]


# --- another structure ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"number": jnp.float32(1)}, r"number is float64\[\] in it, float32\[\] here"),
        ({"step": jnp.zeros(3, jnp.int16)}, r"step is int32\[3\] in it, int16\[3\] here"),
        ({"step": jnp.zeros(4, jnp.int32)}, r"step is int32\[3\] in it, int32\[4\] here"),
        ({"nothing": {}}, "nothing is unknown here"),
        ({"nothing": {"new": jnp.zeros(2)}}, "nothing is unknown here .and 1 more"),
    ],
)
def test_a_template_of_another_structure_is_refused(saved: RunDirectory, change: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message) as refused:
        restore(saved, make_state(0)._replace(**change))
    assert refused.value.code == ExitCode.DAMAGED


def test_another_format_is_refused_by_its_number(saved: RunDirectory) -> None:
    path = saved.manifests_dir / "20.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 99}))
    with pytest.raises(UserError, match="format 99") as refused:
        restore(saved, make_state(0))
    assert refused.value.code == ExitCode.DAMAGED
