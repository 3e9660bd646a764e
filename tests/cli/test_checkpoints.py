"""A checkpoint comes back bit by bit, or it is named as damaged and an older whole one is used."""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from coalactl.errors import ExitCode, UserError
from coalactl.runs import checkpoints
from coalactl.runs.checkpoints import _system_error, discard_incomplete, drop_later, prune, restore, save, steps
from coalactl.runs.directory import RunDirectory


class Inner(NamedTuple):
    """Some part of a state."""

    weights: Any
    flags: Any


class State(NamedTuple):
    """A state with everything that a training state may hold."""

    key: Any
    step: Any
    params: Any
    moments: Any
    nothing: Any
    number: float


def make_state(seed: int) -> State:
    draws = np.random.default_rng(seed)
    odd = np.array([np.nan, np.inf, -0.0, 1e-45, 3e38], np.float32)
    return State(
        key=jax.random.split(jax.random.key(seed), 3),
        step=jnp.full(3, seed, jnp.int32),
        params={
            "policy/~/head.1": {"kernel": jnp.asarray(draws.normal(size=(3, 5, 7)), jnp.float32)},
            "half": jnp.asarray(draws.normal(size=4), jnp.bfloat16),
        },
        moments=(Inner(weights=jnp.asarray(odd), flags=jnp.array([True, False])), draws.normal(size=6)),
        nothing=jnp.zeros((3, 0, 2)),
        number=0.1 + seed,
    )


def new_run(path: Path) -> RunDirectory:
    return RunDirectory.create(path, {"run": {"iterations": 9}}, {})


def bits(tree: Any) -> list[tuple[str, str, tuple[int, ...], bytes]]:
    found = []
    for path, leaf in jax.tree_util.tree_flatten_with_path(tree)[0]:
        kind = str(leaf.dtype) if hasattr(leaf, "dtype") else type(leaf).__name__
        data = np.asarray(jax.random.key_data(leaf) if kind.startswith("key<") else leaf)
        found.append((jax.tree_util.keystr(path), kind, data.shape, data.tobytes()))
    return found


@pytest.fixture(scope="module")
def two_checkpoints(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    run = new_run(tmp_path_factory.mktemp("saved") / "run")
    save(run, 10, make_state(1))
    save(run, 20, make_state(2))
    return run


@pytest.fixture
def run(two_checkpoints: RunDirectory, tmp_path: Path) -> RunDirectory:
    shutil.copytree(two_checkpoints.path, tmp_path / "copy")
    return RunDirectory.open(tmp_path / "copy")


def files_of(run: RunDirectory, step: int) -> list[Path]:
    return sorted(path for path in (run.checkpoints_dir / str(step)).rglob("*") if path.is_file())


def test_a_state_comes_back_bit_by_bit_also_after_a_move(run: RunDirectory) -> None:
    for template in (make_state(0), jax.tree.map(lambda leaf: leaf, make_state(5))):
        step, state = restore(run, template)
        assert step == 20
        assert bits(state) == bits(make_state(2))
        assert isinstance(state.moments[0], Inner)
    assert jnp.array_equal(jax.random.normal(state.key[1], (4,)), jax.random.normal(make_state(2).key[1], (4,)))
    assert isinstance(state.params["half"], jax.Array)


def test_shapes_are_template_enough(tmp_path: Path) -> None:
    run = new_run(tmp_path / "run")
    state = {"key": jax.random.key(7), "weights": jnp.arange(3.0)}
    save(run, 1, state)
    assert bits(restore(run, jax.eval_shape(lambda: state))[1]) == bits(state)


def test_keys_of_another_kind_keep_their_kind(tmp_path: Path) -> None:
    run = new_run(tmp_path / "run")
    save(run, 1, {"key": jax.random.key(7, impl="rbg")})
    _, state = restore(run, {"key": jax.random.key(0, impl="rbg")})
    assert bits(state) == bits({"key": jax.random.key(7, impl="rbg")})
    with pytest.raises(UserError, match="incompatible"):
        restore(run, {"key": jax.random.key(0)})


def test_an_older_step_can_be_asked_for(run: RunDirectory) -> None:
    assert steps(run) == [10, 20]
    assert bits(restore(run, make_state(0), step=10)[1]) == bits(make_state(1))
    with pytest.raises(UserError, match="no checkpoint of step 15"):
        restore(run, make_state(0), step=15)


def test_without_checkpoints_there_is_nothing_to_restore(tmp_path: Path) -> None:
    run = new_run(tmp_path / "run")
    assert steps(run) == []
    with pytest.raises(UserError, match="no checkpoint yet") as missing:
        restore(run, make_state(0))
    assert missing.value.code == ExitCode.USAGE


def test_no_file_names_the_place_of_the_run(two_checkpoints: RunDirectory) -> None:
    place = str(two_checkpoints.path.parent).encode()
    assert not [path for path in two_checkpoints.path.rglob("*") if path.is_file() and place in path.read_bytes()]


# --- damage ---------------------------------------------------------------------------------------------------------


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


def expect_fallback(run: RunDirectory, name: str) -> None:
    """The newest checkpoint is named as damaged, with the file; the one before is used."""
    told: list[str] = []
    step, state = restore(run, make_state(0), on_damage=told.append)
    assert (step, len(told)) == (10, 1)
    assert "checkpoint 20" in told[0]
    assert "damaged" in told[0]
    assert name in told[0]
    assert "\n" not in told[0]
    assert bits(state) == bits(make_state(1))


@pytest.mark.parametrize("damage", [flip, truncate, append, Path.unlink, link])
def test_damage_to_any_file_is_found_and_the_older_checkpoint_used(
    run: RunDirectory, damage: Callable[[Path], None]
) -> None:
    files = [*files_of(run, 20), run.manifests_dir / "20.json"]
    assert len(files) > 3
    for path in files:
        if path.parent == run.manifests_dir and damage in (Path.unlink, append):
            continue  # without its manifest a step is incomplete; trailing bytes are in a test of their own
        kept = path.read_bytes()
        damage(path)
        expect_fallback(run, path.name)
        path.unlink(missing_ok=True)
        path.write_bytes(kept)
    assert restore(run, make_state(0))[0] == 20


def test_every_byte_of_a_manifest_counts(run: RunDirectory) -> None:
    path = run.manifests_dir / "20.json"
    content = path.read_bytes()
    for position in range(0, len(content), 97):
        changed = bytearray(content)
        changed[position] ^= 1
        path.write_bytes(changed)
        if json_or_none(changed) == json_or_none(content):
            continue  # white space
        with pytest.raises(UserError) as refused:
            restore(run, make_state(0), step=20)
        assert refused.value.code == ExitCode.DAMAGED


def json_or_none(content: bytes | bytearray) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return None


def test_swapped_and_foreign_files_are_found(run: RunDirectory) -> None:
    first, second = files_of(run, 20)[-2:]
    content = first.read_bytes(), second.read_bytes()
    first.write_bytes(content[1])
    second.write_bytes(content[0])
    expect_fallback(run, first.name)
    first.write_bytes(content[0])
    second.write_bytes(content[1])
    (run.checkpoints_dir / "20" / ".DS_Store").touch()
    assert restore(run, make_state(0))[0] == 20
    (run.checkpoints_dir / "20" / "guest").touch()
    expect_fallback(run, "guest")


def test_a_checkpoint_under_another_step_is_found(run: RunDirectory) -> None:
    shutil.rmtree(run.checkpoints_dir / "20")
    shutil.copytree(run.checkpoints_dir / "10", run.checkpoints_dir / "20")
    shutil.copy(run.manifests_dir / "10.json", run.manifests_dir / "20.json")
    expect_fallback(run, "20.json")


def test_a_linked_or_missing_folder_is_found(run: RunDirectory, tmp_path: Path) -> None:
    folder = run.checkpoints_dir / "20"
    folder.rename(tmp_path / "elsewhere")
    expect_fallback(run, "checkpoints/20 is missing")
    folder.symlink_to(tmp_path / "elsewhere")
    expect_fallback(run, "checkpoints/20 is a symbolic link")


def test_damage_goes_to_the_log_by_default(run: RunDirectory, caplog: pytest.LogCaptureFixture) -> None:
    flip(files_of(run, 20)[0])
    with caplog.at_level(logging.WARNING):
        assert restore(run, make_state(0))[0] == 10
    assert "checkpoint 20" in caplog.text


def test_with_nothing_whole_left_the_code_says_so_and_nothing_is_deleted(run: RunDirectory) -> None:
    for step in (10, 20):
        truncate(files_of(run, step)[0])
    with pytest.raises(UserError, match="no whole checkpoint is left") as refused:
        restore(run, make_state(0), on_damage=lambda line: None)
    assert refused.value.code == ExitCode.DAMAGED
    assert steps(run) == [10, 20]


def test_a_damaged_later_step_goes_when_it_is_dropped_and_not_before(run: RunDirectory) -> None:
    flip(files_of(run, 20)[0])
    restore(run, make_state(0), on_damage=lambda line: None)
    assert steps(run) == [10, 20]
    drop_later(run, 10)
    assert steps(run) == [10]
    assert [path.name for path in run.checkpoints_dir.iterdir()] == ["10"]


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
def test_a_template_of_another_structure_is_refused(run: RunDirectory, change: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message) as refused:
        restore(run, make_state(0)._replace(**change))
    assert refused.value.code == ExitCode.DAMAGED


def test_another_format_is_refused_by_its_number(run: RunDirectory) -> None:
    path = run.manifests_dir / "20.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 99}))
    with pytest.raises(UserError, match="format 99") as refused:
        restore(run, make_state(0))
    assert refused.value.code == ExitCode.DAMAGED


# --- saves that are cut short ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["_commit", "write_manifest"])
def test_a_save_that_dies_leaves_the_older_checkpoint(
    run: RunDirectory, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    def die(*arguments: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(checkpoints, place, die)
        with pytest.raises(KeyboardInterrupt):
            save(run, 30, make_state(3))
    (run.checkpoints_dir / "40.orbax-checkpoint-tmp").mkdir()
    (run.checkpoints_dir / "50").symlink_to(run.path)
    assert steps(run) == [10, 20]
    discard_incomplete(run)
    assert sorted(path.name for path in run.checkpoints_dir.iterdir()) == ["10", "20"]
    assert run.config_file.exists()
    save(run, 30, make_state(3))
    assert restore(run, make_state(0))[0] == 30


def test_a_full_disk_is_one_line_and_leaves_the_older_checkpoints(run: RunDirectory) -> None:
    import resource

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, limits[1]))
    try:
        with pytest.raises(UserError, match="File too large") as failed:
            save(run, 30, {"noise": np.random.default_rng(0).normal(size=100_000)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert failed.value.code == ExitCode.WRITE_FAILED
    assert "\n" not in str(failed.value)
    assert sorted(path.name for path in run.checkpoints_dir.iterdir()) == ["10", "20"]
    assert restore(run, make_state(0))[0] == 20


def test_pruning_keeps_the_newest(run: RunDirectory) -> None:
    save(run, 30, make_state(3))
    prune(run, 2)
    assert steps(run) == [20, 30]
    assert sorted(path.name for path in run.checkpoints_dir.iterdir()) == ["20", "30"]
    with pytest.raises(ValueError, match="at least one"):
        prune(run, 0)


def test_orbax_is_silent(run: RunDirectory, capfd: pytest.CaptureFixture[str]) -> None:
    save(run, 30, make_state(3))
    restore(run, make_state(0))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "notes", ["[os_error_code='28']", "[tensorstore_spec='{\"path\": \"x: y\"}'] [os_error_code='28']"]
)
def test_of_tensorstores_message_what_the_system_said_is_told(notes: str) -> None:
    message = f'RESOURCE_EXHAUSTED: Error writing local file: "a": No space left on device {notes}'
    assert _system_error(message) == "No space left on device"
