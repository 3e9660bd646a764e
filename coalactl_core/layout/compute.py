"""How the work of the sequence engine is laid out on the devices at hand: what "auto" comes to in ``[compute]``."""

from __future__ import annotations

import jax

from coalactl_core.configuration.compute import check_devices
from coalactl_core.configuration.experiment import SequenceExperiment
from coalactl_core.layout.sharding import Shards
from coalactl_core.loops.chunks import fitting_chunk
from coalactl_core.nets.policy import Policy

# Steps of all trajectories that learn at once on a CPU; longer meta-episodes are split, see benchmarks/NOTES.md.
_LEARNING_ROWS = 12_800
# Copies of a policy's tables that learning reads on an accelerator: many threads that add to the same few numbers of
# a gradient wait for each other.
_TABLE_COPIES = 16
# A chunk of runs that holds all of them.
ALL_RUNS = 1_000_000


def with_chosen_compute(experiment: SequenceExperiment) -> SequenceExperiment:
    """The experiment with every "auto" of ``[compute]`` replaced by what suits the device at hand.

    On a CPU chunks are what fits its cache, and scans are sequential; elsewhere everything is done at once.
    """
    on_cpu, sizes = jax.default_backend() == "cpu", experiment.rollout
    wish, counts = experiment.compute.devices, {"auto": _most_devices(experiment), "all": jax.device_count()}
    devices = counts[wish] if isinstance(wish, str) else wish
    whole, few = sizes.meta_batch_size, fitting_chunk(sizes.batch_size, _LEARNING_ROWS // sizes.steps)
    choices = {
        "meta_batch_chunk": 1 if on_cpu else whole,
        "trajectory_chunk": few if on_cpu else sizes.batch_size,
        "naive_chunk": 2 if on_cpu else whole,
        "agent_chunk": 1 if on_cpu else experiment.population.meta_agents,
        "run_chunk": 1 if on_cpu else ALL_RUNS,
        "devices": devices,
        "scan": _scan(devices),
    }
    chosen = {key: value for key, value in choices.items() if getattr(experiment.compute, key) in ("auto", "all")}
    return experiment.model_copy(update={"compute": experiment.compute.model_copy(update=chosen)})


def table_copies(policy: Policy) -> int:
    """How many copies of what a policy prepares learning reads."""
    return _TABLE_COPIES if policy.takes_indices and jax.default_backend() != "cpu" else 1


def chosen_shards(experiment: SequenceExperiment) -> Shards:
    """The devices to use; each must have as many meta-episodes of every minibatch."""
    count, size = experiment.compute.layout.devices, experiment.minibatch_size
    shared = f"a minibatch, which has {size} meta-episodes"
    check_devices(
        count, jax.device_count(), size, shared, ("rollout.meta_batch_size", count * experiment.meta.passes[1])
    )
    return Shards(count)


def _scan(devices: int) -> str:
    """The fastest of ``SCANS`` (benchmarks/README.md); XLA spreads no kernel of ours over several devices."""
    by_backend = {"cpu": "sequential", "gpu": "kernel" if devices == 1 else "associative"}
    return by_backend.get(jax.default_backend(), "associative")


def _most_devices(experiment: SequenceExperiment) -> int:
    """As many devices as there are and as share a minibatch evenly, as many of each process."""
    size, processes = experiment.minibatch_size, jax.process_count()
    counts = range(processes, jax.device_count() + 1, processes)
    return max((count for count in counts if size % count == 0), default=1)
