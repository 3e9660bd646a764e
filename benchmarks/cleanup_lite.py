"""How fast CleanUp-lite is alone: steps a second of random play, and of its parts, in this process.

    taskset -c 0 python benchmarks/cleanup_lite.py [--environments 256 2048 16384] [--repeats 30] [--json]

Told are millions of steps (of both players) a second of processor time, the best of the repeats: ``whole`` with keys
and uniformly random actions, ``step`` with random actions that were drawn before, ``advance`` also with the step's
chance drawn before, and ``observe`` of one player.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from coalactl_core.envs.cleanup_lite import CleanUpLite

STEPS = 64


def programs(env: CleanUpLite, count: int) -> dict[str, Callable[[], Any]]:
    """What is timed: each plays ``STEPS`` steps of ``count`` environments."""
    start, play = jax.random.split(jax.random.key(0))
    states = jax.vmap(env.reset)(jax.random.split(start, count))
    keys = jax.random.split(play, (STEPS, count))
    actions = jax.random.randint(play, (STEPS, count, 2), 0, env.num_actions, jnp.int8)
    draws = jax.jit(jax.vmap(jax.vmap(env.draws)))(keys)

    def whole(state: Any, key: Any) -> Any:
        action_key, step_key = jax.random.split(key)
        moves = jax.random.randint(action_key, (count, 2), 0, env.num_actions, jnp.int8)
        return reduced(jax.vmap(env.step)(jax.random.split(step_key, count), state, moves))

    def step(state: Any, given: Any) -> Any:
        keys, moves = given
        return reduced(jax.vmap(env.step)(keys, state, moves))

    def advance(state: Any, given: Any) -> Any:
        draws, moves = given
        return reduced(jax.vmap(env.advance)(state, moves, draws))

    def observe(total: Any, shift: Any) -> Any:
        seen = jax.vmap(lambda state: env.observe(state, 0))(states._replace(frozen=states.frozen + shift))
        return total + seen, None

    play_all = jax.jit(jax.lax.scan, static_argnums=0)
    total = jnp.zeros((count, env.observation_size))
    return {
        "whole": lambda: play_all(whole, states, jax.random.split(play, STEPS)),
        "step": lambda: play_all(step, states, (keys, actions)),
        "advance": lambda: play_all(advance, states, (draws, actions)),
        "observe": lambda: play_all(observe, total, jnp.arange(STEPS, dtype=jnp.int8)),
    }


def reduced(result: Any) -> Any:
    """The state goes on; of rewards and events the sum is kept, so that all is computed and little is written."""
    state, rewards, events = result
    return state, jnp.sum(rewards) + sum(jnp.sum(event) for event in events)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--environments", type=int, nargs="*", default=[256, 2048, 16384])
    parser.add_argument("--repeats", type=int, default=30)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    found = {}
    for count in given.environments:
        rates = found[count] = {}
        for name, program in programs(CleanUpLite(), count).items():
            jax.block_until_ready(program())
            seconds = []
            for _ in range(given.repeats):
                began = time.process_time()
                jax.block_until_ready(program())
                seconds.append(time.process_time() - began)
            rates[name] = STEPS * count / min(seconds) / 1e6
        if not given.json:
            told = "  ".join(f"{name} {rate:6.1f}" for name, rate in rates.items())
            print(f"{count:6d} environments: {told}  million steps a second")
    if given.json:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
