"""The facts of an installation, and a self-test: a tiny training, and a gradient against finite differences."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import psutil

from coalactl import __version__
from coalactl.console import size
from coalactl.environment import compile_cache_directory, usable_cores
from coalactl.errors import in_words
from coalactl_core.config import SequenceExperiment
from coalactl_core.nets.policy import build_policy
from coalactl_core.training import Engine, build_engine

_PACKAGES = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy", "pandas", "pyarrow", "pydantic", "typer")
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "XLA_FLAGS", "JAX_PLATFORMS", "CUDA_VISIBLE_DEVICES")
# Central differences in float64 err by the square of the step, about 1e-10, and by rounding, about 1e-16 / 1e-5.
_STEP = 1e-5
_TOLERANCE = 1e-6
_TINY = {
    "network": {"width": 4, "mlp_width": 4},
    "rollout": {"meta_batch_size": 2, "batch_size": 2, "inner_episodes": 2, "inner_episode_length": 2},
    "population": {"naive": 2},
    "meta": {"algorithm": "a2c"},
}


class Check(NamedTuple):
    """One part of the self-test."""

    name: str
    passed: bool
    detail: str
    seconds: float


def facts() -> dict[str, str]:
    """What results and speed may depend on, by name."""
    memory = psutil.virtual_memory()
    threads = [f"{name}={os.environ[name]}" for name in _THREAD_VARIABLES if name in os.environ]
    cache = compile_cache_directory()
    found = {"coalactl": __version__, "python": platform.python_version(), "platform": platform.platform()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "missing"
    return {
        **found,
        "devices": ", ".join(f"{device.platform}:{device.id} {device.device_kind}" for device in jax.devices()),
        "memory": f"{size(memory.available)} free of {size(memory.total)}",
        "cores": f"{usable_cores()} usable of {os.cpu_count()}",
        "threads": f"{usable_cores()} for the CPU backend{''.join(f', {each}' for each in threads)}",
        "compile cache": f"{cache} ({size(_bytes_in(cache))})" if cache else "none: there is no home directory",
    }


def self_test() -> list[Check]:
    """Trains a tiny run twice and checks a gradient; half a minute of processor time, nearly all of it compilation."""
    engine = build_engine(SequenceExperiment.model_validate(_TINY))
    return [_checked("training", lambda: _trains(engine)), _checked("gradient", lambda: _gradient_is_right(engine))]


def _checked(name: str, check: Callable[[], tuple[bool, str]]) -> Check:
    began = time.perf_counter()
    try:
        passed, detail = check()
    except Exception as error:  # noqa: BLE001  Whatever is wrong with an installation, the doctor's work is to say it.
        passed, detail = False, in_words(error)
    seconds = time.perf_counter() - began
    return Check(name, passed, f"{detail} ({seconds:.1f} s)", seconds)


def _trains(engine: Engine) -> tuple[bool, str]:
    """Three iterations: losses are finite, parameters move, and the same seed gives the same bits."""
    fresh = engine.init([0])
    start = jax.tree.leaves(jax.tree.map(np.copy, engine.summary(fresh).parameters))
    results = []
    for _ in range(2):
        state, metrics = engine.advance(jax.tree.map(jnp.copy, fresh), 3)
        losses = np.asarray(metrics.scalars["policy_loss"])[0, :3]
        results.append((losses, jax.tree.leaves(engine.summary(state).parameters)))
    (losses, first), (_, second) = results
    if not np.isfinite(losses).all():
        return False, "a loss is not finite"
    if all(np.array_equal(before, after) for before, after in zip(start, first, strict=True)):
        return False, "the parameters did not move"
    if not all(np.array_equal(one, other) for one, other in zip(first, second, strict=True)):
        return False, "the same seed gave different parameters"
    return True, "3 iterations, finite and repeatable"


def _gradient_is_right(engine: Engine) -> tuple[bool, str]:
    """Back-propagation through the recurrent policy, along a random direction, against central differences."""
    environment = engine.pieces.game.environment
    policy = build_policy(
        engine.experiment.network,
        observation_size=environment.observation_size,
        num_actions=environment.num_actions,
        scan="sequential",
    )
    draw = np.random.default_rng(0)
    with jax.enable_x64(True):
        # Noise on all parameters: the read-outs start at zero, where most derivatives are zero too.
        params = jax.tree.map(
            lambda leaf: jnp.asarray(leaf + 0.3 * draw.normal(size=leaf.shape)), policy.init(jax.random.key(0))
        )
        count = sum(leaf.size for leaf in jax.tree.leaves(params))
        direction = jax.tree.map(lambda leaf: jnp.asarray(draw.normal(size=leaf.shape) / count**0.5), params)
        observations = jnp.asarray(draw.normal(size=(6, environment.observation_size)))
        carry = jax.tree.map(
            lambda leaf: leaf.astype(jnp.float64) if leaf.dtype == jnp.float32 else leaf, policy.initial_carry()
        )

        def loss(step: jax.Array) -> jax.Array:
            moved = jax.tree.map(lambda leaf, towards: leaf + step * towards, params, direction)
            output = policy.unroll(moved, observations, carry, None)[0]
            return jnp.sum(jnp.square(output.logits - 1)) + jnp.sum(jnp.square(output.value - 1))

        exact = float(jax.jit(jax.grad(loss))(jnp.float64(0)))
        value = jax.jit(loss)
        measured = float((value(jnp.float64(_STEP)) - value(jnp.float64(-_STEP))) / (2 * _STEP))
    error = abs(exact - measured) / abs(measured)
    return error < _TOLERANCE, f"relative error {error:.1e} against finite differences"


def _bytes_in(folder: os.PathLike[str]) -> int:
    return sum(entry.stat().st_size for entry in os.scandir(folder) if entry.is_file()) if os.path.isdir(folder) else 0
