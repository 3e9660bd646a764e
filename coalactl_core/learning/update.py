"""Epochs, minibatches of whole meta-episodes, and gradients accumulated over chunks of the meta-batch (App. B.2)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, Int, Key, Num, Shaped

from coalactl_core.layout.sharding import Shards
from coalactl_core.learning.objectives import PolicyLoss, clipped_value_loss, log_probs_and_entropy
from coalactl_core.learning.optimizers import Optimizer, apply_gradients
from coalactl_core.loops.chunks import fitting_chunk, sum_over_chunks
from coalactl_core.nets.policy import Policy, Prepared, unroll_from_start, unroll_sharing
from coalactl_core.types import EnvironmentState, Learner, MetaHyperparameters, Params, Targets, Trajectory


class Updater(NamedTuple):
    """The static side of an update.

    Meta-episodes of more than ``trajectory_chunk`` trajectories are split into parts of so many, and each minibatch
    into chunks of ``chunk`` meta-episodes or such parts. The trajectories of a chunk share ``copies`` copies of the
    parameters. ``sharing``: the trajectories of a part share their memory between inner episodes.
    """

    observe: Callable[[EnvironmentState, int], Num[Array, "*features"]]
    policy: Policy
    inner_episode_length: int
    policy_loss: PolicyLoss
    optimizer: Optimizer
    epochs: int
    minibatches: int
    chunk: int
    trajectory_chunk: int
    rematerialize: bool
    copies: int = 1
    shards: Shards = Shards()
    bootstrap_end: bool = False
    sharing: bool = False


class LearningBatch(NamedTuple):
    """Meta-episodes with what to learn from them; leaves lead with ``meta_batch``."""

    trajectory: Trajectory
    targets: Targets


class Losses(NamedTuple):
    """Means over the samples of one pass; ``grad_norm`` is that before clipping."""

    policy_loss: Float[Array, "*lead"]
    value_loss: Float[Array, "*lead"]
    entropy: Float[Array, "*lead"]
    kl: Float[Array, "*lead"]
    clip_fraction: Float[Array, "*lead"]
    grad_norm: Float[Array, "*lead"]


class _Evaluation(NamedTuple):
    """What the learning policy makes of each step that the acting one took."""

    log_probs: Float[Array, "steps batch"]
    values: Float[Array, "steps batch"]
    entropies: Float[Array, "steps batch"]


def update_agent(
    key: Key[Array, ""], learner: Learner, batch: LearningBatch, hyper: MetaHyperparameters, updater: Updater
) -> tuple[Learner, Losses]:
    """All optimiser steps of one iteration of one agent; losses are means over them."""
    size = batch.targets.weight.shape[0]
    orders = jax.vmap(lambda key: jax.random.permutation(key, size))(jax.random.split(key, updater.epochs))
    minibatches = orders.reshape(updater.epochs * updater.minibatches, size // updater.minibatches)

    def step(learner: Learner, members: Int[Array, "minibatch"]) -> tuple[Learner, Losses]:
        minibatch = jax.tree.map(lambda leaf: leaf[members], batch)
        gradients, losses = minibatch_gradient(learner.params, minibatch, hyper, updater)
        learner, grad_norm = apply_gradients(updater.optimizer, learner, gradients, hyper)
        return learner, losses._replace(grad_norm=grad_norm)

    learner, losses = jax.lax.scan(step, learner, minibatches)
    return learner, jax.tree.map(jnp.mean, losses)


def minibatch_gradient(
    params: Params, minibatch: LearningBatch, hyper: MetaHyperparameters, updater: Updater
) -> tuple[Params, Losses]:
    """Gradient of the mean loss over a minibatch, the mean over the devices' parts of it."""
    return updater.shards.mean(lambda part: _part_gradient(params, part, hyper, updater))(minibatch)


def _part_gradient(
    params: Params, minibatch: LearningBatch, hyper: MetaHyperparameters, updater: Updater
) -> tuple[Params, Losses]:
    """Gradient of the mean loss over what one device has of a minibatch, summed over its chunks.

    Parameters are prepared once for all chunks; the sum of the chunks' gradients is pulled back through that once.
    """
    minibatch = _in_parts(minibatch, updater.trajectory_chunk)
    size = minibatch.targets.weight.shape[0]
    chunk = fitting_chunk(size, updater.chunk)
    prepared, pull_back = jax.vjp(
        lambda params: updater.policy.prepare(params, minibatch.trajectory.actions.size), params
    )
    gradient = jax.grad(chunk_loss, has_aux=True)

    def of_chunk(batch: LearningBatch) -> tuple[Prepared, Losses]:
        return gradient(prepared, _side_by_side(batch), hyper, updater)

    gradients, losses = sum_over_chunks(of_chunk, minibatch, chunk=chunk)
    return jax.tree.map(lambda leaf: leaf * (chunk / size), (pull_back(gradients)[0], losses))


def chunk_loss(
    prepared: Prepared, batch: LearningBatch, hyper: MetaHyperparameters, updater: Updater
) -> tuple[Float[Array, ""], Losses]:
    """Mean loss over steps and trajectories, leading with (steps, batch); policy losses count with their weight."""
    trajectory, targets = batch
    evaluate: Callable[[Prepared, Trajectory], _Evaluation] = partial(_evaluate, updater=updater)
    if updater.rematerialize:
        evaluate = jax.checkpoint(evaluate)
    log_probs, values, entropy = evaluate(prepared, trajectory)
    policy_losses = updater.policy_loss(log_probs, trajectory.log_probs, targets.advantages, hyper.clip)
    policy_loss = jnp.mean(targets.weight * policy_losses)
    value_loss = jnp.mean(clipped_value_loss(values, trajectory.values, targets.value_targets, hyper.value_clip))
    loss = policy_loss + hyper.value_coefficient * value_loss - hyper.entropy * jnp.mean(entropy)
    log_ratios = log_probs - trajectory.log_probs
    return loss, Losses(
        policy_loss=policy_loss,
        value_loss=value_loss,
        entropy=jnp.mean(entropy),
        # The low-variance estimate of KL(old ‖ new) that is never negative.
        kl=jnp.mean(jnp.expm1(log_ratios) - log_ratios),
        clip_fraction=jnp.mean(jnp.abs(jnp.expm1(log_ratios)) > hyper.clip, dtype=loss.dtype),
        grad_norm=jnp.zeros_like(loss),
    )


def _in_parts(batch: LearningBatch, trajectory_chunk: int) -> LearningBatch:
    """Each meta-episode as several with fewer trajectories, which is all the same to the mean loss."""
    size, steps, trajectories = batch.trajectory.actions.shape
    part = fitting_chunk(trajectories, trajectory_chunk)
    if part == trajectories:
        return batch

    def split(leaf: Shaped[Array, "meta_batch steps batch *rest"]) -> Shaped[Array, "parts steps part *rest"]:
        leaf = jnp.moveaxis(leaf.reshape(size, steps, trajectories // part, part, *leaf.shape[3:]), 2, 1)
        return leaf.reshape(-1, steps, part, *leaf.shape[4:])

    targets = batch.targets._replace(
        advantages=split(batch.targets.advantages),
        value_targets=split(batch.targets.value_targets),
        weight=jnp.repeat(batch.targets.weight, trajectories // part),
    )
    return LearningBatch(trajectory=jax.tree.map(split, batch.trajectory), targets=targets)


def _side_by_side(chunk: LearningBatch) -> LearningBatch:
    """The trajectories of a chunk's meta-episodes as one batch: (meta_batch, steps, batch) becomes (steps, batch)."""

    def join(leaf: Shaped[Array, "chunk steps batch *rest"]) -> Shaped[Array, "steps samples *rest"]:
        leaf = jnp.moveaxis(leaf, 0, 1)
        return leaf.reshape(leaf.shape[0], leaf.shape[1] * leaf.shape[2], *leaf.shape[3:])

    weight = jnp.repeat(chunk.targets.weight, chunk.trajectory.actions.shape[2])
    targets = chunk.targets._replace(
        advantages=join(chunk.targets.advantages), value_targets=join(chunk.targets.value_targets), weight=weight
    )
    return LearningBatch(trajectory=jax.tree.map(join, chunk.trajectory), targets=targets)


def _evaluate(prepared: Prepared, trajectory: Trajectory, updater: Updater) -> _Evaluation:
    """What the policy makes of trajectories, unrolled from their start."""
    observations = jax.vmap(jax.vmap(lambda state: updater.observe(state, 0)))(trajectory.states)
    unroll = unroll_from_start
    if updater.sharing:
        unroll = partial(unroll_sharing, every=updater.inner_episode_length, sharing=updater.trajectory_chunk)
    output = unroll(updater.policy, prepared, observations, copies=updater.copies)
    log_probs, entropy = log_probs_and_entropy(output.logits, trajectory.actions)
    return _Evaluation(log_probs=log_probs, values=output.value, entropies=entropy)
