"""How much memory a run will take, before it is compiled; ``benchmarks/memory.py`` measures whether that is true."""

from __future__ import annotations

from typing import NamedTuple

from coalactl_core.configuration.experiment import SequenceExperiment

# Measured on a CPU, the same within an eighth for all widths and batches: the interpreter with all libraries takes
# 0.5 GB, compiling the training program 0.6 GB more at its peak and 0.2 GB for each block of the network, which is a
# part of the program (with a warm compile cache it does not, and the peak is that much lower).
BASE_BYTES = 1_100_000_000
COMPILER_BYTES_PER_BLOCK = 220_000_000
# What a program takes of an accelerator's own memory whatever its sizes.
ACCELERATOR_BASE_BYTES = 300_000_000
# Arrays of the network's width that a backward pass keeps for each step of each trajectory and each block of a chunk;
# with tables (``nets/tabulated.py``) what precedes the recurrence is not among them. Rematerialisation changes nothing
# at the peak: a chunk is recomputed as one, and then it is all there again.
ARRAYS_PER_ROW = 41
ARRAYS_PER_ROW_WITH_TABLES = 18
# Of these an accelerator's compiler keeps fewer: five peaks on an H100 are 0.5 to 1.14 times the estimate, see
# benchmarks/README.md.
ACCELERATOR_ARRAYS_PER_ROW = 20
ACCELERATOR_ARRAYS_PER_ROW_WITH_TABLES = 11
FLOAT_BYTES = 4
# Of a chunk's observations: as they are, and in the order of the scan.
OBSERVATION_COPIES = 2
# A stored step, copies and what is computed of it included: compact state, action, reward, log-probability, value,
# advantage, target. Every device has all steps to learn from. Tables take windows of observations; they are stored too.
BYTES_PER_STORED_STEP = 20
STATE_COPIES = 3
WINDOW_BYTES_PER_STORED_STEP = 70
WINDOW_BYTES_PER_STORED_STEP_AND_DEVICE = 40
# By whether it is a CPU, and by whether there are tables.
_ARRAYS = {
    (True, False): ARRAYS_PER_ROW,
    (True, True): ARRAYS_PER_ROW_WITH_TABLES,
    (False, False): ACCELERATOR_ARRAYS_PER_ROW,
    (False, True): ACCELERATOR_ARRAYS_PER_ROW_WITH_TABLES,
}


class StepSizes(NamedTuple):
    """What a game adds to each step of each trajectory: bytes of the compact state and of what a policy takes of it.

    ``start``: bytes that are kept of how a pairing stands at the start of each inner episode. ``critic``: bytes of what
    a critic of the batch makes of such a start; ``rule_state``: of what each agent keeps beside its policy;
    ``working``: of what else its rule works on at once. ``whole``: an agent learns from all
    trajectories of a chunk of meta-episodes at once.
    """

    state: int
    observation: int
    has_tables: bool
    start: int = 0
    critic: int = 0
    rule_state: int = 0
    working: int = 0
    whole: bool = False


def estimate_bytes(experiment: SequenceExperiment, step: StepSizes, *, runs: int, on_cpu: bool) -> int:
    """What training takes, roughly: resident bytes of the process, or memory of each accelerator.

    Of the experiment ``[compute]`` is settled. Devices of a CPU share one memory; an accelerator has its own.
    """
    sizes, network, compute = experiment.rollout, experiment.network, experiment.compute
    together = compute.layout.devices if on_cpu else 1
    arrays = _ARRAYS[on_cpu, step.has_tables]
    row = arrays * FLOAT_BYTES * max(network.width, network.mlp_width) * network.depth
    row += OBSERVATION_COPIES * step.observation
    trajectories = sizes.batch_size if step.whole else min(compute.layout.trajectory_chunk, sizes.batch_size)
    learning = min(compute.layout.meta_batch_chunk * together, experiment.minibatch_size) * trajectories * sizes.steps
    naive = min(compute.layout.naive_chunk * together, sizes.meta_batch_size) * sizes.batch_size
    rows = learning + naive * sizes.inner_episode_length
    stored = together * (BYTES_PER_STORED_STEP + STATE_COPIES * step.state)
    if step.has_tables:
        stored += WINDOW_BYTES_PER_STORED_STEP + together * WINDOW_BYTES_PER_STORED_STEP_AND_DEVICE
    runs_at_once = min(runs, compute.layout.run_chunk)
    agents_at_once = min(compute.layout.agent_chunk, experiment.population.meta_agents)
    base = BASE_BYTES + network.depth * COMPILER_BYTES_PER_BLOCK if on_cpu else ACCELERATOR_BASE_BYTES
    agents, inner_episodes = experiment.population.meta_agents, sizes.meta_batch_size * sizes.inner_episodes
    working = agents_at_once * (row * rows + step.working)
    starts = inner_episodes * (together * agents * step.start + agents_at_once * step.critic)
    # The state of all runs is there at once, before and after an iteration.
    kept = 2 * runs * agents * step.rule_state
    return base + runs_at_once * (stored * experiment.steps_per_iteration + working + starts) + kept
