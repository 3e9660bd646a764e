"""The facts of an installation, and a self-test: a tiny training, a gradient against finite differences, the pace."""

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
from coalactl.environment import compile_cache_directory, usable_cores
from coalactl.errors import in_words
from coalactl.pace.calibration import calibrate
from coalactl.words import size
from coalactl.working import Tell, unheard
from coalactl_core.configuration.experiment import SequenceExperiment
from coalactl_core.nets.registry import build_policy
from coalactl_core.training.engine import SequenceEngine, build_engine

_PACKAGES = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy", "pandas", "pyarrow", "pydantic", "typer")
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "XLA_FLAGS", "JAX_PLATFORMS", "CUDA_VISIBLE_DEVICES")
# Central differences in float64 err by the square of the step, about 1e-10, and by rounding, about 1e-16 / 1e-5.
_STEP = 1e-5
_TOLERANCE = 1e-6
# With less of the processors than this share the measured pace is not that of a machine to itself.
_BUSY = 0.6
_TINY = {
    "network": {"width": 4, "mlp_width": 4},
    "rollout": {"meta_batch_size": 2, "batch_size": 2, "inner_episodes": 2, "inner_episode_length": 2},
    "population": {"naive": 2},
    "meta": {"algorithm": "a2c"},
}


class Finding(NamedTuple):
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
    versions = {"coalactl": __version__, "python": platform.python_version(), "platform": platform.platform()}
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "missing"
    return {
        **versions,
        "devices": ", ".join(f"{device.platform}:{device.id} {device.device_kind}" for device in jax.devices()),
        "memory": f"{size(memory.available)} free of {size(memory.total)}",
        "cores": f"{usable_cores()} usable of {os.cpu_count()}",
        "threads": f"{usable_cores()} for the CPU backend{''.join(f', {each}' for each in threads)}",
        "compile cache": f"{cache} ({size(_bytes_in(cache))})" if cache else "none: there is no home directory",
    }


def self_test(tell: Tell = unheard) -> list[Finding]:
    """Trains a tiny run twice, checks a gradient, and measures the machine for estimates.

    A minute of processor time, nearly all of it compilation.
    """
    engine = build_engine(SequenceExperiment.model_validate(_TINY))
    checks: dict[str, tuple[str, Callable[[], tuple[bool, str]]]] = {
        "training": ("training a tiny run twice", lambda: _trains(engine)),
        "gradient": ("checking a gradient", lambda: _gradient_is_right(engine)),
        "calibration": ("measuring this machine for estimates of time", _calibrated),
    }
    checked = []
    for done, (name, (what, check)) in enumerate(checks.items()):
        tell(what, done, len(checks))
        checked.append(_checked(name, check))
    return checked


def _checked(name: str, check: Callable[[], tuple[bool, str]]) -> Finding:
    began = time.perf_counter()
    try:
        passed, detail = check()
    except Exception as error:  # noqa: BLE001  A check that raises has failed, whatever is wrong; the others follow.
        passed, detail = False, in_words(error)
    seconds = time.perf_counter() - began
    return Finding(name, passed, f"{detail} ({seconds:.1f} s)", seconds)


def _trains(engine: SequenceEngine) -> tuple[bool, str]:
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


def _gradient_is_right(engine: SequenceEngine) -> tuple[bool, str]:
    """Back-propagation through the recurrent policy, along a random direction, against central differences."""
    environment = engine.rollout_of(0).environment
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


def _calibrated() -> tuple[bool, str]:
    """What ``--dry-run`` and ``reproduce ls`` estimate by."""
    paces = calibrate()
    if not paces:
        return True, "there is no cache to leave it in: no estimates of time"
    words = [f"{pace.preset} {1000 * pace.iteration_seconds:.0f} ms an iteration" for pace in paces]
    if paces[0].share < _BUSY:
        words.append(f"with {paces[0].share:.0%} of the processors, so that estimates are of a machine as busy as now")
    return True, ", ".join(words)


def _bytes_in(folder: os.PathLike[str]) -> int:
    return sum(entry.stat().st_size for entry in os.scandir(folder) if entry.is_file()) if os.path.isdir(folder) else 0
