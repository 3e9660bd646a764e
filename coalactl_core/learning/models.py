"""Networks that an agent learns beside its policy, from what was played: what it expects of its co-player, say."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
from jax import Array
from jaxtyping import Float, Key

from coalactl_core.learning.optimizers import apply_gradients, fresh_learner
from coalactl_core.learning.update import Updater
from coalactl_core.loops.chunks import fitting_chunk, map_in_chunks, sum_over_chunks
from coalactl_core.nets.policy import Policy, PolicyOutput, Prepared, unroll_from_start
from coalactl_core.types import EnvironmentState, Learner, MetaHyperparameters, Params

# The mean loss of parameters over a part of a lesson, a tree of what is learnt from that leads with meta_batch.
ModelLoss = Callable[[Params, Any], Float[Array, ""]]


class Model(NamedTuple):
    """The static side: a network of a policy's kind, whose logits may stand for anything.

    ``player``: from whose side it sees the game. ``steps``: gradient steps in an iteration. Everything else is as the
    agent's own ``updater`` has it.
    """

    policy: Policy
    player: int
    updater: Updater
    steps: int


def fresh_model(key: Key[Array, ""], model: Model) -> Learner:
    """One that has not learnt yet."""
    return fresh_learner(model.updater.optimizer, model.policy.init(key))


def output_of(prepared: Prepared, states: EnvironmentState, model: Model) -> PolicyOutput:
    """What it makes of the states of one meta-episode, (steps, batch), seen from their start."""
    observations = jax.vmap(jax.vmap(lambda state: model.updater.observe(state, model.player)))(states)
    return unroll_from_start(model.policy, prepared, observations, copies=model.updater.copies)


def outputs_of(params: Params, states: EnvironmentState, model: Model) -> PolicyOutput:
    """The same of meta-episodes, in chunks and on all devices; leaves lead with meta_batch."""
    prepared = model.policy.prepare(params, jax.tree.leaves(states)[0].size)
    of_each = partial(map_in_chunks, lambda states: output_of(prepared, states, model), chunk=model.updater.chunk)
    return model.updater.shards.each(of_each, axes=(0,))(states)


def model_after(
    learner: Learner, lesson: Any, loss: ModelLoss, hyper: MetaHyperparameters, model: Model
) -> tuple[Learner, Float[Array, ""]]:
    """The model after its steps, each on the whole meta-batch, and its loss before the last of them."""
    updater = model.updater

    def step(learner: Learner, _: None) -> tuple[Learner, Float[Array, ""]]:
        def gradient(share: Any) -> tuple[Float[Array, ""], Params]:
            size = jax.tree.leaves(share)[0].shape[0]
            chunk = fitting_chunk(size, updater.chunk)
            total = sum_over_chunks(partial(jax.value_and_grad(loss), learner.params), share, chunk=chunk)
            return jax.tree.map(lambda leaf: leaf * (chunk / size), total)

        value, gradients = updater.shards.mean(gradient)(lesson)
        return apply_gradients(updater.optimizer, learner, gradients, hyper).learner, value

    learner, losses = jax.lax.scan(step, learner, None, length=model.steps)
    return learner, losses[-1]
