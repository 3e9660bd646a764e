"""How much memory a run will take, before it is compiled; ``benchmarks/memory.py`` measures whether that is true."""

from __future__ import annotations

from coalactl_core.config import SequenceExperiment

# Measured on a CPU, the same within an eighth for all widths and batches: the interpreter with all libraries takes
# 0.5 GB, compiling the training program 0.6 GB more at its peak and 0.2 GB for each block of the network, which is a
# part of the program (with a warm compile cache it does not, and the peak is that much lower).
BASE_BYTES = 1_100_000_000
COMPILER_BYTES_PER_BLOCK = 220_000_000
# Arrays of the network's width that a backward pass keeps for each step of each trajectory and each block of a chunk.
# Rematerialisation changes nothing at the peak: a chunk is recomputed as one, and then it is all there again.
ARRAYS_PER_ROW = 18
FLOAT_BYTES = 4
# A stored step: compact state, action, reward, log-probability, value, advantage, target, and what they are copied and
# joined from. Every device has all steps to learn from.
BYTES_PER_STORED_STEP = 80
BYTES_PER_STORED_STEP_AND_DEVICE = 60


def estimate_bytes(
    experiment: SequenceExperiment,
    *,
    runs_at_once: int,
    agents_at_once: int,
    learning_chunk: int,
    naive_chunk: int,
    devices: int,
) -> int:
    """Resident bytes of a process that trains the experiment, roughly; chunks are those of all devices together."""
    sizes, network = experiment.rollout, experiment.network
    row = ARRAYS_PER_ROW * FLOAT_BYTES * max(network.width, network.mlp_width) * network.depth
    learning_rows = min(learning_chunk, experiment.minibatch_size) * sizes.batch_size * sizes.steps
    naive_rows = min(naive_chunk, sizes.meta_batch_size) * sizes.batch_size * sizes.inner_episode_length
    stored = (BYTES_PER_STORED_STEP + devices * BYTES_PER_STORED_STEP_AND_DEVICE) * experiment.steps_per_iteration
    base = BASE_BYTES + network.depth * COMPILER_BYTES_PER_BLOCK
    return base + runs_at_once * (stored + agents_at_once * row * (learning_rows + naive_rows))
