"""Looking ahead: a meta-gradient through the co-player's own updates (Eqs. 4 and 21), which LOLA-DiCE and POLA share.

At every inner episode m of a meta-episode that is played with φ fixed, the objective is J(φ, ψ_m + Σ_q Δ_q): K steps
ahead from the co-player's parameters ψ_m at that point, each of them
:func:`~coalactl_core.opponents.a2c.naive_update` on a batch sampled for it, and the return of one more batch. The mean
over m is ascended. What is :class:`Proximal` in it is POLA's alone; without it nothing is computed of that.

What is sampled depends on φ, and on the steps before, through its probability alone. DiCE's magic box (Foerster et al.
2018), 1 in value, carries that dependence, so that differentiating the updates gives ∂Δ/∂φ.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, Key

from coalactl_core.learning.objectives import a2c_policy_loss, kl_divergence, log_probs_and_entropy, value_loss
from coalactl_core.learning.optimizers import Optimizer, apply_gradients, fresh_learner
from coalactl_core.loops.chunks import fitting_chunk, sum_over_chunks
from coalactl_core.nets.policy import PolicyOutput, Prepared, unroll_from
from coalactl_core.opponents.a2c import Anchor, episode_targets, naive_update
from coalactl_core.play.rollout import Record, Rollout
from coalactl_core.rules.seam import Met, Numbers, Report
from coalactl_core.types import (
    FIXED,
    META,
    Experience,
    Learner,
    MetaHyperparameters,
    NaiveHyperparameters,
    Number,
    Opponents,
    Pairing,
    Params,
)

# One inner episode of a batch, sampled with the agent's prepared parameters against an opponent as it stands.
Sample = Callable[[Prepared, Key[Array, ""], Opponents, Pairing, NaiveHyperparameters], Record]


class LookAhead(NamedTuple):
    """The static side of an agent that looks ahead.

    ``continues``: the look-ahead's optimiser goes on from the state of the naive co-player's, which is of its kind.
    ``chunk``: how many inner episodes are looked ahead from at once. Each is played K + 1 times and differentiated
    twice.
    """

    rollout: Rollout
    sample: Sample
    look_aheads: int
    look_ahead_optimizer: Optimizer
    continues: bool
    baseline: bool
    optimizer: Optimizer
    chunk: int


class Proximal(NamedTuple):
    """What POLA's steps stay close to, and how much that counts.

    ``before``: the agent's parameters before its steps, prepared where policies take them so; the co-player's are those
    that it is looked ahead from. ``inner_kl`` and ``outer_kl`` multiply the co-player's and the agent's divergence.
    """

    before: Params | Prepared
    inner_kl: Number
    outer_kl: Number


class Situation(NamedTuple):
    """Where the agent looks ahead from: an inner episode's start, against one opponent; and a key of its own."""

    key: Key[Array, "*lead"]
    opponent: Opponents
    start: Pairing


class LookAheadLosses(NamedTuple):
    """Means over situations; ``look_ahead_norm`` is that of the co-player's foreseen change of parameters.

    The divergences are those of what is proximal, in nats a step (None where nothing is): of the co-player's policy
    after the look-ahead, and of the agent's.
    """

    policy_loss: Float[Array, "*lead"]
    value_loss: Float[Array, "*lead"]
    entropy: Float[Array, "*lead"]
    look_ahead_norm: Float[Array, "*lead"]
    pola_inner_kl: Float[Array, "*lead"] | None = None
    pola_outer_kl: Float[Array, "*lead"] | None = None


def step_of_agent(
    key: Key[Array, ""],
    learner: Learner,
    met: Met,
    numbers: Numbers,
    ahead: LookAhead,
    proximal: Proximal | None = None,
) -> tuple[Learner, Report]:
    """One step of an agent and its report; each device looks ahead in its part of the meta-batch."""
    naive = numbers.naive
    if "learning_rate" in numbers.settings:
        naive = naive._replace(learning_rate=numbers.settings["learning_rate"])
    inner_episodes = ahead.rollout.inner_episodes
    keys = jax.random.split(key, (met.opponents.kind.shape[0], inner_episodes))
    # Their parameters and optimisers are those of the learners.
    opponents = met.opponents._replace(learner=Learner(params=()))
    opponents = jax.tree.map(lambda leaf: jnp.repeat(leaf[:, None], inner_episodes, 1), opponents)

    def gradient(part: Situation) -> tuple[Params, LookAheadLosses]:
        situations = jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), part)
        return meta_gradient(learner.params, situations, numbers.meta, naive, ahead, proximal)

    whole = Situation(key=keys, opponent=opponents, start=met.kept)
    gradients, losses = ahead.rollout.shards.mean(gradient)(whole)
    learner, grad_norm = apply_gradients(ahead.optimizer, learner, gradients, numbers.meta)
    report = {name: value for name, value in losses._asdict().items() if value is not None}
    return learner, report | {"grad_norm": grad_norm}


def meta_gradient(
    params: Params,
    situations: Situation,
    hyper: MetaHyperparameters,
    naive: NaiveHyperparameters,
    ahead: LookAhead,
    proximal: Proximal | None = None,
) -> tuple[Params, LookAheadLosses]:
    """Gradient of the mean loss over situations, summed over chunks of them."""
    size = situations.opponent.kind.shape[0]
    chunk = fitting_chunk(size, ahead.chunk)

    def gradient(part: Situation) -> tuple[Params, LookAheadLosses]:
        return jax.grad(_mean_loss, has_aux=True)(params, part, hyper, naive, ahead, proximal)

    total = sum_over_chunks(gradient, situations, chunk=chunk)
    return jax.tree.map(lambda leaf: leaf * (chunk / size), total)


def look_ahead(
    prepared: Prepared,
    situation: Situation,
    naive: NaiveHyperparameters,
    ahead: LookAhead,
    proximal: Proximal | None = None,
) -> Learner:
    """The co-player after K steps of its learning from its current parameters, as a function of the agent's policy."""
    learner = situation.start.learner
    if not ahead.continues:
        learner = fresh_learner(ahead.look_ahead_optimizer, learner.params)
    policy, optimizer = ahead.rollout.seats[1].policy, ahead.look_ahead_optimizer

    def step(learner: Learner, key: Key[Array, ""]) -> tuple[Learner, None]:
        now = situation._replace(key=key, start=situation.start._replace(learner=learner))
        record = _sampled(prepared, now, naive, ahead)
        experience = _experience(prepared, record, now, ahead)
        anchor = None
        if proximal is not None:
            anchor = Anchor(_replayed(proximal.before, record, situation, ahead)[1].logits, proximal.inner_kl)
        return naive_update(learner, experience, naive, policy=policy, optimizer=optimizer, anchor=anchor), None

    return jax.lax.scan(step, learner, jax.random.split(situation.key, ahead.look_aheads))[0]


def magic_box(log_probs: Float[Array, "steps batch"]) -> Float[Array, "steps batch"]:
    """1 in value; its derivative is that of the probability of all actions up to each step, over itself."""
    total = jnp.cumsum(log_probs, 0)
    return jnp.exp(total - jax.lax.stop_gradient(total))


def _mean_loss(
    params: Params,
    situations: Situation,
    hyper: MetaHyperparameters,
    naive: NaiveHyperparameters,
    ahead: LookAhead,
    proximal: Proximal | None,
) -> tuple[Float[Array, ""], LookAheadLosses]:
    rollout = ahead.rollout
    steps = situations.opponent.kind.shape[0] * rollout.batch_size * rollout.environment.episode_length
    prepared = rollout.policy.prepare(params, steps)
    if proximal is not None:
        proximal = proximal._replace(before=rollout.policy.prepare(proximal.before, steps))
    losses = jax.vmap(lambda situation: situation_loss(prepared, situation, hyper, naive, ahead, proximal))(situations)
    return jax.tree.map(jnp.mean, losses)


def situation_loss(
    prepared: Prepared,
    situation: Situation,
    hyper: MetaHyperparameters,
    naive: NaiveHyperparameters,
    ahead: LookAhead,
    proximal: Proximal | None = None,
) -> tuple[Float[Array, ""], LookAheadLosses]:
    """A2C's loss on the inner episode after the look-ahead; its gradient is −∇J, over the steps, and the critic's.

    The actions of both players count, for the co-player's parameters are a function of the agent's.
    """
    ahead_key, play_key = jax.random.split(situation.key)
    start, kind = situation.start, situation.opponent.kind
    learner = look_ahead(prepared, situation._replace(key=ahead_key), naive, ahead, proximal)
    # A fixed strategy does not learn; its network is not what it plays by.
    params = jax.tree.map(lambda new, old: jnp.where(kind == FIXED, old, new), learner.params, start.learner.params)
    later = situation._replace(key=play_key, start=start._replace(learner=start.learner._replace(params=params)))
    record = _sampled(prepared, later, naive, ahead)
    own, theirs = _replayed(prepared, record, later, ahead)
    log_probs, entropy = log_probs_and_entropy(own.logits, record.actions[..., 0])
    joint = log_probs + log_probs_and_entropy(theirs.logits, record.actions[..., 1])[0]
    rewards = hyper.reward_scale * record.rewards[..., 0]
    targets = jax.lax.stop_gradient(episode_targets(rewards, own.value, hyper))
    advantages = targets.advantages
    if not ahead.baseline:
        advantages = episode_targets(rewards, jnp.zeros_like(rewards), hyper).advantages
    losses = LookAheadLosses(
        policy_loss=jnp.mean(a2c_policy_loss(joint, joint, advantages, 0.0)),
        value_loss=jnp.mean(value_loss(own.value, targets.value_targets)),
        entropy=jnp.mean(entropy),
        look_ahead_norm=_distance(params, start.learner.params),
    )
    weight = jnp.where(kind == META, hyper.meta_opponent_weight, 1.0)
    loss = weight * losses.policy_loss + hyper.value_coefficient * losses.value_loss - hyper.entropy * losses.entropy
    if proximal is not None:
        before = _replayed(proximal.before, record, situation, ahead)
        outer, inner = (
            jnp.mean(kl_divergence(now.logits, then.logits)) for now, then in zip((own, theirs), before, strict=True)
        )
        loss = loss + proximal.outer_kl * outer
        losses = losses._replace(pola_inner_kl=inner, pola_outer_kl=outer)
    return loss, losses


def _sampled(prepared: Prepared, situation: Situation, naive: NaiveHyperparameters, ahead: LookAhead) -> Record:
    """An inner episode of both players as they stand; nothing in it is differentiated."""
    prepared, start = jax.lax.stop_gradient((prepared, situation.start))
    return ahead.sample(prepared, situation.key, situation.opponent, start, naive)


def _experience(prepared: Prepared, record: Record, situation: Situation, ahead: LookAhead) -> Experience:
    """What the co-player learns from, with its dependence on both policies."""
    own, theirs = _replayed(prepared, record, situation, ahead)
    log_probs = [
        log_probs_and_entropy(output.logits, record.actions[..., player])[0]
        for player, output in enumerate((own, theirs))
    ]
    return Experience(
        observations=_seen(record, situation, ahead, 1),
        actions=record.actions[..., 1],
        rewards=record.rewards[..., 1],
        likelihood=magic_box(log_probs[0] + log_probs[1]),
        memory=situation.start.coplayer_carry,
    )


def _replayed(
    prepared: Prepared, record: Record, situation: Situation, ahead: LookAhead
) -> tuple[PolicyOutput, PolicyOutput]:
    """What both policies make of the steps, to be differentiated."""
    (own, others), start = ahead.rollout.seats, situation.start
    theirs = others.policy.prepare(start.learner.params, record.actions[..., 1].size)
    return (
        unroll_from(own.policy, prepared, _seen(record, situation, ahead, 0), start.ego_carry),
        unroll_from(others.policy, theirs, _seen(record, situation, ahead, 1), start.coplayer_carry),
    )


def _seen(record: Record, situation: Situation, ahead: LookAhead, player: int) -> Any:
    return jax.vmap(jax.vmap(ahead.rollout.sight(player, situation.opponent)))(record.state)


def _distance(params: Params, start: Params) -> Float[Array, ""]:
    squares = jax.tree.map(lambda new, old: jnp.sum((new - old) ** 2), params, start)
    return jnp.sqrt(jax.lax.stop_gradient(jax.tree.reduce(jnp.add, squares)))
