"""LOLA-DiCE with sequence policies (Eqs. 4 and 21): a meta-gradient through the co-player's own updates.

Privileged beside the other methods: it needs the co-player's parameters and its rule of learning. The paper does not
say how it is trained on sequences (OPEN); here, at every inner episode m of a meta-episode that is played with φ fixed,
the objective is J(φ, ψ_m + Σ_q Δ_q): K steps ahead from the co-player's parameters ψ_m at that point, each of them
:func:`~coalactl_core.opponents.a2c.naive_update` on a batch sampled for it, and the return of one more batch. The mean
over m is ascended, one step an iteration.

What is sampled depends on φ, and on the steps before, through its probability alone. DiCE's magic box (Foerster et al.
2018), 1 in value, carries that dependence, so that differentiating the updates gives ∂Δ/∂φ.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, Key

from coalactl_core.configuration.lola import LolaConfig
from coalactl_core.learning.objectives import a2c_policy_loss, log_probs_and_entropy, value_loss
from coalactl_core.learning.optimizers import (
    DIFFERENTIABLE_OPTIMIZERS,
    OPTIMIZERS,
    Optimizer,
    apply_gradients,
    fresh_learner,
)
from coalactl_core.loops.chunks import fitting_chunk, sum_over_chunks
from coalactl_core.nets.policy import PolicyOutput, Prepared, unroll_from
from coalactl_core.opponents.a2c import episode_targets, naive_update
from coalactl_core.play.rollout import Record, Rollout, play_inner_episode
from coalactl_core.rules.seam import Met, Numbers, Report, Rule, Setting
from coalactl_core.types import (
    CARRIED,
    FIXED,
    FORGOTTEN,
    META,
    Experience,
    Learner,
    MetaHyperparameters,
    NaiveHyperparameters,
    Opponents,
    Pairing,
    Params,
)

# One inner episode of a batch, sampled with the agent's prepared parameters against an opponent as it stands.
Sample = Callable[[Prepared, Key[Array, ""], Opponents, Pairing, NaiveHyperparameters], Record]


class Lola(NamedTuple):
    """The static side of the learner.

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


class Situation(NamedTuple):
    """Where the agent looks ahead from: an inner episode's start, against one opponent; and a key of its own."""

    key: Key[Array, "*lead"]
    opponent: Opponents
    start: Pairing


class LookAheadLosses(NamedTuple):
    """Means over situations; ``look_ahead_norm`` is that of the co-player's foreseen change of parameters."""

    policy_loss: Float[Array, "*lead"]
    value_loss: Float[Array, "*lead"]
    entropy: Float[Array, "*lead"]
    look_ahead_norm: Float[Array, "*lead"]


def build(setting: Setting) -> Rule:
    """The rule of agents that look ahead; it keeps how every pairing stood at the start of each inner episode."""
    config, experiment = setting.settings, setting.experiment
    if not isinstance(config, LolaConfig):
        raise TypeError(f"LOLA's settings are a LolaConfig, not {config!r}")
    crossing = FORGOTTEN if config.memory == "inner-episode" else CARRIED
    rollout = setting.rollout._replace(crossing=crossing)

    def sample(
        prepared: Prepared, key: Key[Array, ""], opponent: Opponents, start: Pairing, naive: NaiveHyperparameters
    ) -> Record:
        return play_inner_episode(prepared, key, opponent, start, hyper=naive, rollout=rollout)[1]

    lola = Lola(
        rollout=rollout,
        sample=sample,
        look_aheads=config.look_aheads,
        look_ahead_optimizer=DIFFERENTIABLE_OPTIMIZERS[config.optimizer],
        continues=config.optimizer == experiment.naive.optimizer,
        baseline=config.baseline,
        optimizer=OPTIMIZERS[setting.group.meta.optimizer],
        chunk=experiment.compute.layout.meta_batch_chunk
        * experiment.rollout.inner_episodes
        // (2 * config.look_aheads + 2),
    )
    return lola_rule(lola)._replace(crossing=crossing)


def lola_rule(lola: Lola) -> Rule:
    """The rule behind the seam."""

    def init(key: Key[Array, ""], params: Params) -> Learner:
        del key
        return fresh_learner(lola.optimizer, params)

    def keep(start: Pairing, records: Record) -> Pairing:
        del records
        return start

    return Rule(init=init, keep=keep, update=partial(_learn, lola=lola))


def meta_gradient(
    params: Params,
    situations: Situation,
    hyper: MetaHyperparameters,
    naive: NaiveHyperparameters,
    lola: Lola,
) -> tuple[Params, LookAheadLosses]:
    """Gradient of the mean loss over situations, summed over chunks of them."""
    size = situations.opponent.kind.shape[0]
    chunk = fitting_chunk(size, lola.chunk)

    def gradient(part: Situation) -> tuple[Params, LookAheadLosses]:
        return jax.grad(_mean_loss, has_aux=True)(params, part, hyper, naive, lola)

    total = sum_over_chunks(gradient, situations, chunk=chunk)
    return jax.tree.map(lambda leaf: leaf * (chunk / size), total)


def look_ahead(prepared: Prepared, situation: Situation, naive: NaiveHyperparameters, lola: Lola) -> Learner:
    """The co-player after K steps of its learning from its current parameters, as a function of the agent's policy."""
    learner = situation.start.learner
    if not lola.continues:
        learner = fresh_learner(lola.look_ahead_optimizer, learner.params)

    def step(learner: Learner, key: Key[Array, ""]) -> tuple[Learner, None]:
        now = situation._replace(key=key, start=situation.start._replace(learner=learner))
        experience = _experience(prepared, _sampled(prepared, now, naive, lola), now, lola)
        policy, optimizer = lola.rollout.seats[1].policy, lola.look_ahead_optimizer
        return naive_update(learner, experience, naive, policy=policy, optimizer=optimizer), None

    return jax.lax.scan(step, learner, jax.random.split(situation.key, lola.look_aheads))[0]


def magic_box(log_probs: Float[Array, "steps batch"]) -> Float[Array, "steps batch"]:
    """1 in value; its derivative is that of the probability of all actions up to each step, over itself."""
    total = jnp.cumsum(log_probs, 0)
    return jnp.exp(total - jax.lax.stop_gradient(total))


def _learn(key: Key[Array, ""], learner: Learner, met: Met, numbers: Numbers, *, lola: Lola) -> tuple[Learner, Report]:
    """One agent's update and its report; each device looks ahead in its part of the meta-batch."""
    naive = numbers.naive
    if "learning_rate" in numbers.settings:
        naive = naive._replace(learning_rate=numbers.settings["learning_rate"])
    inner_episodes = lola.rollout.inner_episodes
    keys = jax.random.split(key, (met.opponents.kind.shape[0], inner_episodes))
    # Their parameters and optimisers are those of the learners.
    opponents = met.opponents._replace(learner=Learner(params=()))
    opponents = jax.tree.map(lambda leaf: jnp.repeat(leaf[:, None], inner_episodes, 1), opponents)

    def gradient(part: Situation) -> tuple[Params, LookAheadLosses]:
        situations = jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), part)
        return meta_gradient(learner.params, situations, numbers.meta, naive, lola)

    whole = Situation(key=keys, opponent=opponents, start=met.kept)
    gradients, losses = lola.rollout.shards.mean(gradient)(whole)
    learner, grad_norm = apply_gradients(lola.optimizer, learner, gradients, numbers.meta)
    return learner, losses._asdict() | {"grad_norm": grad_norm}


def _mean_loss(
    params: Params, situations: Situation, hyper: MetaHyperparameters, naive: NaiveHyperparameters, lola: Lola
) -> tuple[Float[Array, ""], LookAheadLosses]:
    rollout = lola.rollout
    steps = situations.opponent.kind.shape[0] * rollout.batch_size * rollout.environment.episode_length
    prepared = rollout.policy.prepare(params, steps)
    losses = jax.vmap(lambda situation: situation_loss(prepared, situation, hyper, naive, lola))(situations)
    return jax.tree.map(jnp.mean, losses)


def situation_loss(
    prepared: Prepared,
    situation: Situation,
    hyper: MetaHyperparameters,
    naive: NaiveHyperparameters,
    lola: Lola,
) -> tuple[Float[Array, ""], LookAheadLosses]:
    """A2C's loss on the inner episode after the look-ahead; its gradient is −∇J, over the steps, and the critic's.

    The actions of both players count, for the co-player's parameters are a function of the agent's.
    """
    ahead_key, play_key = jax.random.split(situation.key)
    start, kind = situation.start, situation.opponent.kind
    learner = look_ahead(prepared, situation._replace(key=ahead_key), naive, lola)
    # A fixed strategy does not learn; its network is not what it plays by.
    params = jax.tree.map(lambda new, old: jnp.where(kind == FIXED, old, new), learner.params, start.learner.params)
    later = situation._replace(key=play_key, start=start._replace(learner=start.learner._replace(params=params)))
    record = _sampled(prepared, later, naive, lola)
    own, theirs = _replayed(prepared, record, later, lola)
    log_probs, entropy = log_probs_and_entropy(own.logits, record.actions[..., 0])
    joint = log_probs + log_probs_and_entropy(theirs.logits, record.actions[..., 1])[0]
    rewards = hyper.reward_scale * record.rewards[..., 0]
    targets = jax.lax.stop_gradient(episode_targets(rewards, own.value, hyper))
    advantages = targets.advantages
    if not lola.baseline:
        advantages = episode_targets(rewards, jnp.zeros_like(rewards), hyper).advantages
    losses = LookAheadLosses(
        policy_loss=jnp.mean(a2c_policy_loss(joint, joint, advantages, 0.0)),
        value_loss=jnp.mean(value_loss(own.value, targets.value_targets)),
        entropy=jnp.mean(entropy),
        look_ahead_norm=_distance(params, start.learner.params),
    )
    weight = jnp.where(kind == META, hyper.meta_opponent_weight, 1.0)
    loss = weight * losses.policy_loss + hyper.value_coefficient * losses.value_loss - hyper.entropy * losses.entropy
    return loss, losses


def _sampled(prepared: Prepared, situation: Situation, naive: NaiveHyperparameters, lola: Lola) -> Record:
    """An inner episode of both players as they stand; nothing in it is differentiated."""
    prepared, start = jax.lax.stop_gradient((prepared, situation.start))
    return lola.sample(prepared, situation.key, situation.opponent, start, naive)


def _experience(prepared: Prepared, record: Record, situation: Situation, lola: Lola) -> Experience:
    """What the co-player learns from, with its dependence on both policies."""
    own, theirs = _replayed(prepared, record, situation, lola)
    log_probs = [
        log_probs_and_entropy(output.logits, record.actions[..., player])[0]
        for player, output in enumerate((own, theirs))
    ]
    return Experience(
        observations=_seen(record, situation, lola, 1),
        actions=record.actions[..., 1],
        rewards=record.rewards[..., 1],
        likelihood=magic_box(log_probs[0] + log_probs[1]),
        memory=situation.start.coplayer_carry,
    )


def _replayed(
    prepared: Prepared, record: Record, situation: Situation, lola: Lola
) -> tuple[PolicyOutput, PolicyOutput]:
    """What both policies make of the steps, to be differentiated."""
    (own, others), start = lola.rollout.seats, situation.start
    theirs = others.policy.prepare(start.learner.params, record.actions[..., 1].size)
    return (
        unroll_from(own.policy, prepared, _seen(record, situation, lola, 0), start.ego_carry),
        unroll_from(others.policy, theirs, _seen(record, situation, lola, 1), start.coplayer_carry),
    )


def _seen(record: Record, situation: Situation, lola: Lola, player: int) -> Any:
    return jax.vmap(jax.vmap(lola.rollout.sight(player, situation.opponent)))(record.state)


def _distance(params: Params, start: Params) -> Float[Array, ""]:
    squares = jax.tree.map(lambda new, old: jnp.sum((new - old) ** 2), params, start)
    return jnp.sqrt(jax.lax.stop_gradient(jax.tree.reduce(jnp.add, squares)))
