"""LOLA-DiCE with sequence policies (Eqs. 4 and 21): a meta-gradient through the co-player's own updates.

Privileged beside the other methods: it needs the co-player's parameters and its rule of learning. The paper does not
say how it is trained on sequences (OPEN); here the objective of :mod:`~coalactl_core.rules.look_ahead` is ascended, one
step an iteration.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from jax import Array
from jaxtyping import Key

from coalactl_core.configuration.lola import LolaConfig
from coalactl_core.learning.optimizers import DIFFERENTIABLE_OPTIMIZERS, OPTIMIZERS, fresh_learner
from coalactl_core.nets.policy import Prepared
from coalactl_core.play.rollout import Record, play_inner_episode
from coalactl_core.rules.look_ahead import LookAhead, step_of_agent
from coalactl_core.rules.seam import Report, Rule, Setting
from coalactl_core.types import Learner, NaiveHyperparameters, Opponents, Pairing, Params


def build(setting: Setting) -> Rule:
    """The rule of agents that take one step an iteration."""
    return looking_ahead(setting, step_of_agent)


def looking_ahead(setting: Setting, update: Callable[..., tuple[Learner, Report]]) -> Rule:
    """The rule whose update takes the static side as ``ahead``.

    It keeps how every pairing stood at the start of each inner episode.
    """
    config, experiment = setting.settings, setting.experiment
    if not isinstance(config, LolaConfig):
        raise TypeError(f"the settings of a look-ahead are a LolaConfig, not {config!r}")
    rollout = setting.rollout

    def sample(
        prepared: Prepared, key: Key[Array, ""], opponent: Opponents, start: Pairing, naive: NaiveHyperparameters
    ) -> Record:
        return play_inner_episode(prepared, key, opponent, start, hyper=naive, rollout=rollout)[1]

    ahead = LookAhead(
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

    def init(key: Key[Array, ""], params: Params) -> Learner:
        del key
        return fresh_learner(ahead.optimizer, params)

    def keep(start: Pairing, records: Record) -> Pairing:
        del records
        return start

    return Rule(init=init, keep=keep, update=partial(update, ahead=ahead))
