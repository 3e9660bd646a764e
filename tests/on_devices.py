"""Two iterations on one device and on all that JAX has: ``python on_devices.py FILE``, which writes what came of them.

For each number of devices: who was met and what was played in the first iteration, the gradients of both, on how many
devices the result lies, and the operations of one device by the compiler's count.
"""

from __future__ import annotations

import sys
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from coalactl_core.configuration.experiment import SequenceExperiment
from coalactl_core.training.engine import SequenceEngine, build_engine
from coalactl_core.training.step import play_iteration

# With SGD at rate 1, one pass and no limit, parameters change by the gradient.
GRADIENT = {"optimizer": "sgd", "learning_rate": 1.0, "max_grad_norm": float("inf"), "epochs": 1, "minibatches": 1}
EXPERIMENT: dict[str, Any] = {
    "network": {"width": 4, "heads": 2, "mlp_width": 4},
    "population": {
        "meta": [{"method": "coala-pg", "count": 1}, {"method": "m-fos", "count": 1}],
        "naive": 3,
        "p_naive": 0.5,
        "fixed": [{"strategy": "tit-for-tat", "weight": 0.2}],
    },
    "rollout": {"meta_batch_size": 16, "batch_size": 4, "inner_episodes": 3, "inner_episode_length": 4},
    "meta": {**GRADIENT, "normalize_advantages": True},
}


def engine_on(devices: int, **changes: Any) -> SequenceEngine:
    """The engine of the experiment on so many devices."""
    # One chunk, so that the work of a device is not in the length of a loop, of which the compiler counts one turn.
    tree = {**EXPERIMENT, **changes, "compute": {"devices": devices, "meta_batch_chunk": 16, "naive_chunk": 16}}
    return build_engine(SequenceExperiment.model_validate(tree))


def first_episodes(engine: SequenceEngine) -> dict[str, Any]:
    """Who is met and what is played in the first iteration."""
    play = jax.jit(engine.shards.spread(jax.vmap(partial(play_iteration, pieces=engine.pieces))))
    found = play(engine.shards.place(engine.init([0])))
    (played,) = found.played
    return {"actions": played.kept.actions, "kinds": found.opponents.kind, "numbers": found.opponents.number}


def gradients(engine: SequenceEngine) -> dict[str, Any]:
    """The changes of all parameters in two iterations, on how many devices they are, and what one of these computes."""
    state = engine.shards.place(engine.init([0]))
    program = engine._compiled_advance.lower(state, jnp.int32(1)).compile()
    found = []
    for _ in range(2):
        before = np.asarray(state.meta.params)
        state, _ = program(state, jnp.int32(1))
        found.append(before - np.asarray(state.meta.params))
    lies_on = len(state.meta.params.sharding.device_set)
    return {"gradients": np.stack(found), "devices": lies_on, "operations": program.cost_analysis()["flops"]}


if __name__ == "__main__":
    results = {}
    for count in (1, jax.device_count()):
        engine = engine_on(count)
        results |= {f"{name}-{count}": value for name, value in {**first_episodes(engine), **gradients(engine)}.items()}
    np.savez(sys.argv[1], **results)
