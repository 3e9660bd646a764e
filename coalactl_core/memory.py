"""How much memory a run will take, before it is compiled."""

from __future__ import annotations

from coalactl_core.config import Experiment

# Measured on a CPU: the interpreter with its libraries, the compiler's peak, and buffers that do not scale.
BASE_BYTES = 700_000_000
# Arrays of the network's width that a backward pass keeps for each step of each trajectory and each block.
ARRAYS_PER_ROW = 40
FLOAT_BYTES = 4
# A stored step: compact state, action, reward, log-probability, value, advantage, target; some twice while copied.
BYTES_PER_STORED_STEP = 60


def estimate_bytes(experiment: Experiment, *, runs_at_once: int, learning_chunk: int, naive_chunk: int) -> int:
    """Resident bytes of a process that trains the experiment, roughly."""
    sizes, network = experiment.rollout, experiment.network
    row = ARRAYS_PER_ROW * FLOAT_BYTES * max(network.width, network.mlp_width) * network.depth
    learning_rows = learning_chunk * sizes.batch_size * sizes.steps
    naive_rows = naive_chunk * sizes.batch_size * sizes.inner_episode_length
    stored = BYTES_PER_STORED_STEP * experiment.steps_per_iteration
    return BASE_BYTES + runs_at_once * (stored + row * (learning_rows + naive_rows))
