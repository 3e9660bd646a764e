"""A checkpoint comes back bit by bit, or it is named as damaged and an older whole one is used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from checkpointed import Inner, bits, make_state, new_run

from coalactl.errors import ExitCode, UserError
from coalactl.runs import checkpoints
from coalactl.runs.checkpoints import _system_error, discard_incomplete, prune, restore, save, steps
from coalactl.runs.directory import RunDirectory


def test_a_state_comes_back_bit_by_bit_also_after_a_move(saved: RunDirectory) -> None:
    for template in (make_state(0), jax.tree.map(lambda leaf: leaf, make_state(5))):
        step, state = restore(saved, template)
        assert step == 20
        assert bits(state) == bits(make_state(2))
        assert isinstance(state.moments[0], Inner)
    assert jnp.array_equal(jax.random.normal(state.key[1], (4,)), jax.random.normal(make_state(2).key[1], (4,)))
    assert isinstance(state.params["half"], jax.Array)


def test_shapes_are_template_enough(tmp_path: Path) -> None:
    saved = new_run(tmp_path / "run")
    state = {"key": jax.random.key(7), "weights": jnp.arange(3.0)}
    save(saved, 1, state)
    assert bits(restore(saved, jax.eval_shape(lambda: state))[1]) == bits(state)


def test_keys_of_another_kind_keep_their_kind(tmp_path: Path) -> None:
    saved = new_run(tmp_path / "run")
    save(saved, 1, {"key": jax.random.key(7, impl="rbg")})
    _, state = restore(saved, {"key": jax.random.key(0, impl="rbg")})
    assert bits(state) == bits({"key": jax.random.key(7, impl="rbg")})
    with pytest.raises(UserError, match="incompatible"):
        restore(saved, {"key": jax.random.key(0)})


def test_an_older_step_can_be_asked_for(saved: RunDirectory) -> None:
    assert steps(saved) == [10, 20]
    assert bits(restore(saved, make_state(0), step=10)[1]) == bits(make_state(1))
    with pytest.raises(UserError, match="no checkpoint of step 15"):
        restore(saved, make_state(0), step=15)


def test_without_checkpoints_there_is_nothing_to_restore(tmp_path: Path) -> None:
    saved = new_run(tmp_path / "run")
    assert steps(saved) == []
    with pytest.raises(UserError, match="no checkpoint yet") as missing:
        restore(saved, make_state(0))
    assert missing.value.code == ExitCode.USAGE


def test_no_file_names_the_place_of_the_run(two_checkpoints: RunDirectory) -> None:
    place = str(two_checkpoints.path.parent).encode()
    assert not [path for path in two_checkpoints.path.rglob("*") if path.is_file() and place in path.read_bytes()]


# --- saves that are cut short ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["_commit", "write_manifest"])
def test_a_save_that_dies_leaves_the_older_checkpoint(
    saved: RunDirectory, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    def die(*arguments: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(checkpoints, place, die)
        with pytest.raises(KeyboardInterrupt):
            save(saved, 30, make_state(3))
    (saved.checkpoints_dir / "40.orbax-checkpoint-tmp").mkdir()
    (saved.checkpoints_dir / "50").symlink_to(saved.path)
    assert steps(saved) == [10, 20]
    discard_incomplete(saved)
    assert sorted(path.name for path in saved.checkpoints_dir.iterdir()) == ["10", "20"]
    assert saved.config_file.exists()
    save(saved, 30, make_state(3))
    assert restore(saved, make_state(0))[0] == 30


def test_a_full_disk_is_one_line_and_leaves_the_older_checkpoints(saved: RunDirectory) -> None:
    import resource

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, limits[1]))
    try:
        with pytest.raises(UserError, match="File too large") as failed:
            save(saved, 30, {"noise": np.random.default_rng(0).normal(size=100_000)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert failed.value.code == ExitCode.WRITE_FAILED
    assert "\n" not in str(failed.value)
    assert sorted(path.name for path in saved.checkpoints_dir.iterdir()) == ["10", "20"]
    assert restore(saved, make_state(0))[0] == 20


def test_pruning_keeps_the_newest(saved: RunDirectory) -> None:
    save(saved, 30, make_state(3))
    prune(saved, 2)
    assert steps(saved) == [20, 30]
    assert sorted(path.name for path in saved.checkpoints_dir.iterdir()) == ["20", "30"]
    with pytest.raises(ValueError, match="at least one"):
        prune(saved, 0)


def test_orbax_is_silent(saved: RunDirectory, capfd: pytest.CaptureFixture[str]) -> None:
    save(saved, 30, make_state(3))
    restore(saved, make_state(0))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "notes", ["[os_error_code='28']", "[tensorstore_spec='{\"path\": \"x: y\"}'] [os_error_code='28']"]
)
def test_of_tensorstores_message_what_the_system_said_is_told(notes: str) -> None:
    message = f'RESOURCE_EXHAUSTED: Error writing local file: "a": No space left on device {notes}'
    assert _system_error(message) == "No space left on device"
