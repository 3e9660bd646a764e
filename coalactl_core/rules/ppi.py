"""PPI, predictive policy improvement (Weis et al. 2026, arXiv:2602.16301): plan in a model of what was played.

The agent is a sequence model p_φ of its own histories (:mod:`coalactl_core.nets.sequence_model`), which predicts
observations, rewards and its own actions, and it plays the policy that the model's roll-outs improve
(:mod:`coalactl_core.play.planning`). Algorithm 1: in each phase k

    φ_k   afresh, and fitted for some epochs to D_{k−1} by AdamW on
          L = λ_obs L_obs + λ_rew L_rew + λ_act L_act                                    (Eqs. 2-5)
    D_k = D_{k−1} ∪ games of π_k, φ_k's improved policy

and D_0 are games of random memory-one players. Training plays before it learns, so that iteration k adds the games of
phase k−1, none in the first, and then fits φ_k: after k iterations the agent is that of phase k, and the measures of
iteration k are those of phase k−1, which in the first has not learnt. Agents that begin as others' have: their first
games are added.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array
from jaxtyping import Float, Int, Key

from coalactl_core.configuration.ppi import PpiConfig
from coalactl_core.envs.base import Environment
from coalactl_core.errors import ConfigurationError
from coalactl_core.layout.sharding import Shards
from coalactl_core.learning.optimizers import Optimizer, apply_gradients, fresh_learner
from coalactl_core.nets.policy import Policy
from coalactl_core.nets.sequence_model import Revealed
from coalactl_core.play.policies import revealed_by
from coalactl_core.play.rollout import Rollout
from coalactl_core.rules.histories import (
    FIRST_PLAYERS,
    Collected,
    Draw,
    Histories,
    began_with,
    first_histories,
    games_of,
    kept_by,
    with_games,
)
from coalactl_core.rules.model_losses import HistoryLosses, history_losses
from coalactl_core.rules.seam import Met, Numbers, Report, Rule, Setting
from coalactl_core.types import Learner, MetaHyperparameters, Number, Params

# Arrays of the network's width that learning keeps of each token, and that a roll-out is at work on.
_ARRAYS_LEARNING, _ARRAYS_PLANNING = 14, 8


class Ppi(NamedTuple):
    """The static side of the learner. ``capacity``: as many histories as it will ever have."""

    policy: Policy
    environment: Environment
    revealed: Revealed
    first: Draw
    first_histories: int
    capacity: int
    epochs: int
    batch: int
    shards: Shards = Shards()


class _Fit(NamedTuple):
    """What one epoch comes to: the model, and sums over its steps."""

    learner: Learner
    losses: HistoryLosses
    grad_norm: Number


def build(setting: Setting) -> Rule:
    """The rule of agents that plan in a model of their histories."""
    config, rollout = setting.settings, setting.rollout
    if not isinstance(config, PpiConfig):
        raise TypeError(f"PPI's settings are a PpiConfig, not {config!r}")
    revealed = revealed_by(rollout.environment)
    if revealed is None:
        raise ConfigurationError("meta.method: 'ppi' plays repeated matrix games of two actions")
    shares = config.batch % rollout.shards.devices == 0
    ppi = Ppi(
        policy=rollout.policy,
        environment=rollout.environment,
        revealed=revealed,
        first=FIRST_PLAYERS[config.first_data],
        first_histories=config.first_histories,
        capacity=config.histories(setting.experiment, config.phases + 1),
        epochs=config.epochs,
        batch=config.batch,
        shards=rollout.shards if shares else Shards(),
    )
    return ppi_rule(ppi, rollout)._replace(working=_working(setting, config))


def ppi_rule(ppi: Ppi, rollout: Rollout) -> Rule:
    """The rule behind the seam; its state is all that was played."""

    def init(key: Key[Array, ""], params: Params, models: int = 0) -> Learner:
        first = first_histories(key, ppi.environment, ppi.first, ppi.first_histories)
        return Learner(params, state=began_with(first, ppi.capacity, models))

    return Rule(init=init, keep=kept_by(rollout), update=partial(_learn, ppi=ppi), init_trained=partial(init, models=1))


def fitted(
    key: Key[Array, ""], collected: Collected, hyper: MetaHyperparameters, settings: dict[str, Number], ppi: Ppi
) -> tuple[Params, Report]:
    """φ_k afresh and after its epochs, in each of which the histories have another order; means of the last one.

    The rest that fills no batch is left out of an epoch.
    """
    init_key, order_key = jax.random.split(key)
    optimizer = _adamw(settings)
    numbers = hyper._replace(learning_rate=settings["learning_rate"])
    steps = collected.size // ppi.batch

    def epoch(learner: Learner, key: Key[Array, ""]) -> tuple[Learner, _Fit]:
        order = _order(key, collected)

        def step(index: Int[Array, ""], fit: _Fit) -> _Fit:
            members = jax.lax.dynamic_slice_in_dim(order, index * ppi.batch, ppi.batch)
            part = jax.tree.map(lambda leaf: leaf[members], collected.histories)
            gradients, losses = ppi.shards.mean(partial(_gradient, fit.learner.params, settings=settings, ppi=ppi))(
                part
            )
            after = apply_gradients(optimizer, fit.learner, gradients, numbers)
            return _Fit(after.learner, jax.tree.map(jnp.add, fit.losses, losses), fit.grad_norm + after.grad_norm)

        zero = jnp.zeros((), float)
        fit = jax.lax.fori_loop(0, steps, step, _Fit(learner, HistoryLosses(zero, zero, zero), zero))
        return fit.learner, jax.tree.map(lambda total: total / steps, fit._replace(learner=None))

    fresh = fresh_learner(optimizer, ppi.policy.init(init_key))
    learner, epochs = jax.lax.scan(epoch, fresh, jax.random.split(order_key, ppi.epochs))
    last: _Fit = jax.tree.map(lambda leaf: leaf[-1], epochs)
    report = {f"ppi_{name}_loss": value for name, value in last.losses._asdict().items()}
    return learner.params, report | {"grad_norm": last.grad_norm}


def model_loss(
    params: Params, part: Histories, settings: Mapping[str, float | Number], ppi: Ppi
) -> tuple[Float[Array, ""], HistoryLosses]:
    """L of some histories (Eq. 5), and its parts."""
    tables = ppi.policy.prepare(params, part.numbers.size)
    each: Callable[..., HistoryLosses] = jax.vmap(partial(history_losses, tables, revealed=ppi.revealed))
    losses = jax.tree.map(jnp.mean, each(*part))
    total = sum(settings[f"{name}_weight"] * value for name, value in losses._asdict().items())
    return jnp.asarray(total), losses


def _learn(key: Key[Array, ""], learner: Learner, met: Met, numbers: Numbers, *, ppi: Ppi) -> tuple[Learner, Report]:
    """One phase of one agent, from the games of the one before on."""
    collected = with_games(learner.state, games_of(met.kept))
    params, report = fitted(key, collected, numbers.meta, numbers.settings, ppi)
    report["ppi_histories"] = collected.size.astype(float)
    return learner._replace(params=params, state=collected), report


def _gradient(
    params: Params, part: Histories, *, settings: Mapping[str, float | Number], ppi: Ppi
) -> tuple[Params, HistoryLosses]:
    gradients: tuple[Params, HistoryLosses] = jax.grad(model_loss, has_aux=True)(params, part, settings, ppi)
    return gradients


def _order(key: Key[Array, ""], collected: Collected) -> Int[Array, "capacity"]:
    """Places in the buffer: those of the histories there are in random order, then all others."""
    places = jnp.arange(collected.histories.numbers.shape[0])
    return jnp.argsort(jnp.where(places < collected.size, jax.random.uniform(key, places.shape), jnp.inf))


def _adamw(settings: dict[str, Number]) -> Optimizer:
    """AdamW (Loshchilov & Hutter 2019) with traced decay rates and weight decay."""

    def optimizer(epsilon: float | Number) -> optax.GradientTransformation:
        scale = optax.scale_by_adam(settings["adam_beta_1"], settings["adam_beta_2"], epsilon)
        return optax.chain(scale, optax.add_decayed_weights(settings["weight_decay"]))

    return optimizer


def _working(setting: Setting, config: PpiConfig) -> int:
    """Bytes that one agent's phase works on at once, beside what it keeps: a batch, or all roll-outs of a round."""
    sizes, width = setting.experiment.rollout, 4 * setting.experiment.network.width
    learning = _ARRAYS_LEARNING * config.batch * 3 * sizes.inner_episode_length
    actions = setting.rollout.environment.num_actions
    planning = _ARRAYS_PLANNING * sizes.meta_batch_size * sizes.batch_size * actions * config.samples
    return width * max(learning, planning)
