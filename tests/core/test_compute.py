"""What "auto" comes to on devices that tests do not have; loops in turns of several steps are the same loops."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from coalactl.configuration import resolve
from coalactl.presets import find_preset, read_preset
from coalactl_core.configuration.experiment import SequenceExperiment
from coalactl_core.envs.matrix_game import MatrixGame
from coalactl_core.layout import compute
from coalactl_core.loops.steps import scan_steps
from coalactl_core.nets.registry import build_policy


def experiment(**compute: object) -> SequenceExperiment:
    preset = find_preset("ipd-shaping")
    overrides = {f"compute.{key}": (value, "") for key, value in compute.items()}
    found = resolve(read_preset(preset), preset.label, overrides).experiment
    assert isinstance(found, SequenceExperiment)
    return found


def on(monkeypatch: pytest.MonkeyPatch, backend: str, devices: int = 1) -> None:
    monkeypatch.setattr(jax, "default_backend", lambda: backend)
    monkeypatch.setattr(jax, "device_count", lambda: devices)


@pytest.mark.parametrize(
    ("backend", "devices", "given", "scan"),
    [
        ("cpu", 1, {}, "sequential"),
        ("gpu", 1, {}, "kernel"),
        ("gpu", 4, {}, "associative"),  # all four are used, and nobody spreads a kernel of ours over them
        ("gpu", 4, {"devices": 1}, "kernel"),
        ("gpu", 4, {"devices": "all"}, "associative"),
        ("gpu", 1, {"scan": "associative"}, "associative"),
        ("tpu", 1, {}, "associative"),
    ],
)
def test_the_recurrence_is_computed_as_suits_the_device(monkeypatch, backend, devices, given, scan) -> None:
    on(monkeypatch, backend, devices)
    assert compute.with_chosen_compute(experiment(**given)).compute.scan == scan


def test_everything_is_done_at_once_on_an_accelerator(monkeypatch) -> None:
    on(monkeypatch, "gpu", 4)
    chosen = compute.with_chosen_compute(experiment()).compute
    assert (chosen.meta_batch_chunk, chosen.naive_chunk, chosen.trajectory_chunk) == (128, 128, 16)
    assert (chosen.agent_chunk, chosen.devices) == (1, 4)


@pytest.mark.parametrize(("backend", "tables", "copies"), [("cpu", True, 1), ("gpu", True, 16), ("gpu", False, 1)])
def test_tables_are_copied_on_an_accelerator(monkeypatch, backend, tables, copies) -> None:
    on(monkeypatch, backend)
    game = MatrixGame(episode_length=10)
    vocabulary = game.vocabulary if tables else None
    policy = build_policy(
        experiment().network, observation_size=5, num_actions=2, scan="sequential", vocabulary=vocabulary
    )
    assert compute.table_copies(policy) == copies


@pytest.mark.parametrize("reverse", [False, True])
def test_several_steps_in_one_turn_of_a_loop_are_the_same_steps(monkeypatch, reverse) -> None:
    def step(total: jax.Array, now: jax.Array) -> tuple[jax.Array, jax.Array]:
        total = 0.5 * total + now
        return total, total

    def looped() -> tuple[jax.Array, jax.Array]:
        return scan_steps(step, jnp.float32(1), jnp.arange(12.0), at_once=5, reverse=reverse)

    def turns() -> int:
        (loop,) = [each for each in jax.make_jaxpr(partial(looped))().eqns if each.primitive.name == "scan"]
        return loop.params["length"] // loop.params["unroll"]

    plain = jax.lax.scan(step, jnp.float32(1), jnp.arange(12.0), reverse=reverse)
    assert turns() == 12
    on(monkeypatch, "gpu")
    assert turns() == 3  # 5 do not divide 12, so 4 are one turn
    jax.tree.map(np.testing.assert_array_equal, looped(), plain)
