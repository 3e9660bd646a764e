"""What the closed solve of the analytical games saves, and how long their runs take: CPU seconds on one core.

    python benchmarks/analytical.py [--repeats 9] [--runs] [--json]

Gradients: shaping through 20 naive steps of a metabatch of 16, and LOLA-DiCE with 20 look-aheads between two agents, of
64 seeds side by side in float64, γ .999. "plain" is the paper's system of four equations (Eq. 15-16) as it is written,
with ``jnp.linalg.solve`` and JAX's own derivatives of it; "ours" is ``coalactl_core.analytical``. Both must agree, or
the script ends with 1. With ``--runs`` whole trainings as well, with what they take to compile.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any, NamedTuple

os.environ.setdefault("JAX_NUM_CPU_DEVICES", "1")
if hasattr(os, "sched_setaffinity"):
    # One core, which gives XLA a pool of one thread. With two, batched LAPACK calls of jaxlib 0.10.2 may each hold a
    # thread while they wait for parts of themselves in the same pool: the plain version hung in 3 of 6 processes.
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})

import jax
import jax.numpy as jnp
import numpy as np

from coalactl_core.analytical.engine import build_analytical_engine
from coalactl_core.analytical.games import RepeatedGame
from coalactl_core.analytical.objectives import NaiveStep, Opposition, look_ahead, mean_shaping
from coalactl_core.configuration.analytical import AnalyticalExperiment

SEEDS, LEARNERS, STEPS, RATE = 64, 16, 20, 5.0
RUNS: dict[str, dict[str, Any]] = {
    "3A, random start": {},
    "3A, from defection": {"meta": {"initial": "always-defect"}},
    "3C": {"population": {"meta": 2, "p_naive": 0.25}, "run": {"seeds": 32}},
    "9 or 10": {
        "population": {"meta": 2, "p_naive": 0.05},
        "meta": {"initial": "always-defect", "learning_rate": 0.05},
        "naive": {"learning_rate": 2.0},
        "run": {"seeds": 8, "iterations": 1200},
    },
    "4A, 20 look-aheads": {
        "environment": {"discount": 0.95},
        "population": {"meta": 2},
        "meta": {"method": "lola-dice", "learning_rate": 0.005, "initial_scale": 0.1},
        "lola": {"look_aheads": 20},
        "run": {"iterations": 2000},
    },
}


class Timing(NamedTuple):
    """CPU milliseconds of one gradient of all seeds, and CPU seconds to compile it."""

    milliseconds: float
    compile_seconds: float


def plain_returns(first: jax.Array, second: jax.Array, game: RepeatedGame) -> jax.Array:
    """Eq. 15-16 as they stand, (1 - γ) J of both players."""
    own, other = jax.nn.sigmoid(first), jax.nn.sigmoid(second)[jnp.array([0, 1, 3, 2, 4])]
    outcomes = jax.vmap(lambda p, q: jnp.outer(jnp.stack([p, 1 - p]), jnp.stack([q, 1 - q])).reshape(4))(own, other)
    occupied = jnp.linalg.solve(jnp.eye(4) - game.discount * outcomes[1:].T, outcomes[0])
    return (1 - game.discount) * jnp.stack([game.payoffs.reshape(4), game.payoffs.T.reshape(4)]) @ occupied


def plain_trajectory(start: jax.Array, policy: jax.Array, game: RepeatedGame) -> jax.Array:
    """A naive learner's logits before each step and after the last, by JAX's derivative of the solve."""
    ascent = jax.grad(lambda learner: plain_returns(learner, policy, game)[0])

    def step(learner: jax.Array, _: None) -> tuple[jax.Array, jax.Array]:
        learner = learner + RATE * ascent(learner)
        return learner, learner

    return jnp.concatenate([start[None], jax.lax.scan(step, start, length=STEPS)[1]])


def plain_shaping(policy: jax.Array, met: Opposition, game: RepeatedGame) -> jax.Array:
    """The mean of Eq. 17 over m and the metabatch."""
    paths = jax.vmap(plain_trajectory, (0, None, None))(met.learners, policy, game)
    return jnp.mean(jax.vmap(lambda learner: plain_returns(policy, learner, game)[0])(paths.reshape(-1, 5)))


def plain_look_ahead(policy: jax.Array, met: Opposition, game: RepeatedGame) -> jax.Array:
    """Eq. 4 against one other agent."""
    return plain_returns(policy, plain_trajectory(met.others[0], policy, game)[-1], game)[0]


def ours(objective: Callable[..., jax.Array], policy: jax.Array, met: Opposition, game: RepeatedGame) -> jax.Array:
    """An objective of the engine at this script's sizes."""
    return objective(policy, met, game, NaiveStep(jnp.asarray(RATE), STEPS))


def situation(agents: int) -> tuple[jax.Array, Opposition]:
    """Logits of agents, and whom each meets."""
    rng = np.random.default_rng(0)
    shapes = [(agents, 5), (agents, LEARNERS, 5), (agents, 1, 5), (agents, 0, 5)]
    policy, *met = (jnp.asarray(rng.normal(size=shape)) for shape in shapes)
    return policy, Opposition(*met)


def measure(objective: Callable[..., jax.Array], agents: int, repeats: int) -> tuple[Timing, np.ndarray]:
    """The median over repeats, each of ten gradients of all agents, and the gradients."""
    game = RepeatedGame(jnp.asarray([[1.0, -1.0], [2.0, 0.0]]), jnp.asarray(0.999))
    arguments = *situation(agents), game
    began = time.process_time()
    compiled = jax.jit(jax.vmap(jax.grad(objective), (0, 0, None))).lower(*arguments).compile()
    compile_seconds = time.process_time() - began
    found = jax.block_until_ready(compiled(*arguments))
    seconds = []
    for _ in range(repeats):
        began = time.process_time()
        for _ in range(10):
            jax.block_until_ready(compiled(*arguments))
        seconds.append((time.process_time() - began) / 10)
    return Timing(milliseconds=1e3 * median(seconds), compile_seconds=compile_seconds), np.asarray(found)


def compare(name: str, plain: Any, objective: Any, agents: int, repeats: int) -> dict[str, Any]:
    """Both implementations of one gradient beside each other."""
    slow, expected = measure(plain, agents, repeats)
    quick, found = measure(partial(ours, objective), agents, repeats)
    if not np.allclose(found, expected, atol=1e-8):
        sys.exit(f"{name}: the gradients differ by {np.abs(found - expected).max():.1e}")
    ratio = slow.milliseconds / quick.milliseconds
    return {"gradient": name, "plain": slow._asdict(), "ours": quick._asdict(), "ratio": ratio}


def whole_run(name: str, tree: dict[str, Any]) -> dict[str, Any]:
    """A training from its start, metrics every ten iterations: CPU seconds to compile it and to run it."""
    tree = {"kind": "analytical", "compute": {"devices": 1}, **tree}
    experiment = AnalyticalExperiment.model_validate(tree)
    engine = build_analytical_engine(experiment)
    began = time.process_time()
    state = engine.init([0])
    engine.compile(state)
    compiled = time.process_time()
    done, iterations = 0, int(experiment.run.iterations)
    while done < iterations:
        count = min(engine.sizes.call_capacity, iterations - done)
        state, _ = engine.advance(state, count)
        done += count
    return {"run": name, "compile_seconds": compiled - began, "seconds": time.process_time() - compiled}


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--runs", action="store_true")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with jax.enable_x64(True):
        gradients = [
            compare("shaping", plain_shaping, mean_shaping, SEEDS, given.repeats),
            compare("LOLA-DiCE", plain_look_ahead, look_ahead, 2 * SEEDS, given.repeats),
        ]
    runs = [whole_run(name, tree) for name, tree in RUNS.items()] if given.runs else []
    if given.json:
        print(json.dumps(gradients + runs, indent=2))
        return
    print(f"{'gradient':<12}{'plain, ms':>12}{'ours, ms':>12}{'ratio':>8}   (CPU, median of {given.repeats})")
    for row in gradients:
        plain, own = row["plain"]["milliseconds"], row["ours"]["milliseconds"]
        print(f"{row['gradient']:<12}{plain:>12.2f}{own:>12.2f}{row['ratio']:>8.1f}")
    for row in runs:
        print(f"{row['run']:<22}{row['compile_seconds']:>8.1f} s to compile{row['seconds']:>8.1f} s to run")


if __name__ == "__main__":
    main()
