"""How a run is laid out so that it fits: every "auto" of ``[compute]`` settled, the memory that it then takes.

Memory is a setting, not a crash: gradients accumulate over smaller chunks of the meta-batch where larger ones do not
fit.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Key

from coalactl_core.configuration.experiment import SequenceExperiment
from coalactl_core.credit.batch_critic import build_batch_critic, fresh_state
from coalactl_core.layout.compute import with_chosen_compute
from coalactl_core.layout.memory import StepSizes, estimate_bytes
from coalactl_core.layout.sharding import Shards
from coalactl_core.numbers.hyperparameters import numbers_at
from coalactl_core.opponents.population import opponents_of
from coalactl_core.play.meta_episodes import play_meta_episodes
from coalactl_core.play.trajectories import ego_trajectory
from coalactl_core.training.groups import RuleGroup
from coalactl_core.training.pieces import Pieces, build_pieces

# The share of an accelerator's memory that a run is laid out for: the estimate is off by up to a quarter.
_MEMORY_SHARE = 0.75


def settled(experiment: SequenceExperiment) -> SequenceExperiment:
    """The experiment with every "auto" of ``[compute]`` replaced by what suits the device at hand and its memory."""
    chosen, limit = with_chosen_compute(experiment), accelerator_memory()
    if limit is None or experiment.compute.meta_batch_chunk != "auto":
        return chosen
    changes = fitting_change(chosen, build_pieces(chosen), 1, int(limit * _MEMORY_SHARE)) or {}
    # A smaller meta-batch would be another experiment.
    return with_changes(chosen, {key: value for key, value in changes.items() if key.startswith("compute.")})


def accelerator_memory() -> int | None:
    """Bytes of each accelerator's memory that JAX may use; None on a CPU, or where JAX does not know."""
    if jax.default_backend() == "cpu":
        return None
    return (jax.local_devices()[0].memory_stats() or {}).get("bytes_limit")


def memory_needed(experiment: SequenceExperiment, pieces: Pieces, runs: int) -> int:
    """What so many runs of a settled experiment take at once, see :func:`memory.estimate_bytes`."""
    return estimate_bytes(experiment, _step_sizes(experiment, pieces), runs=runs, on_cpu=jax.default_backend() == "cpu")


def fitting_change(experiment: SequenceExperiment, pieces: Pieces, runs: int, limit: int) -> dict[str, int] | None:
    """What to change of a settled experiment so that it fits: nothing, smaller chunks, at last a smaller meta-batch.

    None: not even the smallest meta-batch fits.
    """
    for changes in _smaller(experiment):
        if memory_needed(with_changes(experiment, changes), pieces, runs) <= limit:
            return changes
    return None


def with_changes(experiment: SequenceExperiment, changes: dict[str, int]) -> SequenceExperiment:
    """The experiment with other numbers for keys as ``compute.meta_batch_chunk``."""
    tree: dict[str, Any] = experiment.model_dump()
    for key, value in changes.items():
        section, _, name = key.partition(".")
        tree[section][name] = value
    return type(experiment).model_validate(tree)


def _smaller(experiment: SequenceExperiment) -> Iterator[dict[str, int]]:
    yield {}
    passes, devices = experiment.meta.passes[1], experiment.compute.layout.devices
    chunk, whole = experiment.compute.layout.meta_batch_chunk, experiment.minibatch_size // devices
    chunks = [size for size in range(min(chunk, whole), 0, -1) if whole % size == 0 and size < chunk]
    for size in chunks:
        yield {"compute.meta_batch_chunk": size, "compute.naive_chunk": size}
    smallest = {key: 1 for key in ("compute.meta_batch_chunk", "compute.naive_chunk") if chunks}
    trajectories = min(experiment.compute.layout.trajectory_chunk, experiment.rollout.batch_size)
    while trajectories > 1:
        trajectories //= 2
        smallest["compute.trajectory_chunk"] = trajectories
        yield dict(smallest)
    parts = experiment.rollout.meta_batch_size // (passes * devices)
    while parts > 1:
        parts //= 2
        yield {**smallest, "rollout.meta_batch_size": parts * passes * devices}


def _step_sizes(experiment: SequenceExperiment, pieces: Pieces) -> StepSizes:
    """What the environment, the agents' rules and a critic of the batch add to each step; nothing is computed."""
    rollout = pieces.rollout
    state = jax.eval_shape(rollout.environment.reset, jax.random.key(0))
    observation = jax.eval_shape(lambda state: rollout.observe(state, 0), state)
    sizes = StepSizes(
        state=_bytes(state),
        observation=_bytes(observation),
        has_tables=rollout.policy.takes_indices,
        start=max(_kept(group, experiment) for group in pieces.groups),
        whole=any(group.rule.whole for group in pieces.groups),
        rule_state=max(_state_bytes(group) for group in pieces.groups),
        working=max(group.rule.working for group in pieces.groups),
    )
    if experiment.batch_critic is None:
        return sizes
    critic = build_batch_critic(experiment.batch_critic, rollout.environment)
    kept = jax.eval_shape(lambda: fresh_state(critic))
    # Terms of the regression, before and after they are weighted, beside the features that they are made of.
    return sizes._replace(critic=3 * kept.products.shape[0] * kept.products.dtype.itemsize)


def _state_bytes(group: RuleGroup) -> int:
    """Bytes of what a rule keeps of its own from one iteration to the next."""

    def state(key: Key[Array, ""]) -> Any:
        return group.rule.init(key, group.rollout.policy.init(key)).state

    return _bytes(jax.eval_shape(state, jax.random.key(0)))


def _kept(group: RuleGroup, experiment: SequenceExperiment) -> int:
    """Bytes of what a rule keeps of an inner episode, but for a trajectory, which every estimate has."""
    if group.rule.keep is ego_trajectory:
        return 0
    rollout = group.rollout._replace(shards=Shards())

    def play(key: Key[Array, ""]) -> Any:
        params = rollout.policy.init(key)
        opponents = opponents_of(jnp.zeros(1, int), jnp.zeros(1, int), jax.tree.map(lambda leaf: leaf[None], params))
        return play_meta_episodes(
            key, params, opponents, numbers_at(experiment, 0).naive, rollout, group.rule.keep
        ).kept

    return _bytes(jax.eval_shape(play, jax.random.key(0))) // rollout.inner_episodes


def _bytes(tree: Any) -> int:
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree))
