"""Arrays of another type than was saved: found in the manifest, and where Orbax would cast without a word."""

from __future__ import annotations

from pathlib import Path

import jax
import jax.numpy as jnp
import pytest
from damaged import rewrite

from coalactl.errors import ExitCode, UserError
from coalactl.runs.checkpoints import restore, save
from coalactl.runs.directory import RunDirectory


def test_another_dtype_is_found_in_the_manifest_and_in_the_arrays(tmp_path: Path) -> None:
    run = RunDirectory.create(tmp_path / "run", {}, {})
    state = {"weights": jnp.arange(6, dtype=jnp.float32), "key": jax.random.key(1)}
    half = {**state, "weights": state["weights"].astype(jnp.float16)}

    def declare(dtype: str) -> None:
        rewrite(run, 1, lambda content: content["arrays"]["weights"].update(dtype=dtype))

    save(run, 1, half)
    with pytest.raises(UserError, match=r"weights is float16\[6\] in it, float32\[6\] here") as refused:
        restore(run, state)
    assert refused.value.code == ExitCode.DAMAGED
    declare("float32")  # Orbax alone would cast without a word
    with pytest.raises(UserError, match="Orbax gives another weights than was saved") as refused:
        restore(run, state, on_damage=lambda line: None)
    assert refused.value.code == ExitCode.DAMAGED
