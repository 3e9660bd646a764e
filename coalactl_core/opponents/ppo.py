"""A naive co-player that learns by PPO (Schulman et al. 2017, arXiv:1707.06347) on the batch of an inner episode.

Advantages, value targets and the old log-probabilities are those of the parameters that have played; each epoch is one
step on all B × T samples. The first has the gradient of A2C, so that one epoch is A2C.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from coalactl_core.learning.objectives import log_probs_and_entropy, ppo_policy_loss, value_loss
from coalactl_core.learning.optimizers import OPTIMIZERS, Optimizer, apply_gradients, fresh_learner
from coalactl_core.nets.policy import Policy
from coalactl_core.opponents.a2c import episode_targets
from coalactl_core.opponents.seam import Coplayer, CoplayerSetting, replayed
from coalactl_core.types import Experience, Learner, NaiveHyperparameters, Params


def build(setting: CoplayerSetting) -> Coplayer:
    """``naive.epochs`` steps an inner episode on the surrogate that is clipped at ``naive.clip``."""
    optimizer = OPTIMIZERS[setting.config.optimizer]
    return Coplayer(
        init=partial(fresh_learner, optimizer),
        update=partial(ppo_update, policy=setting.policy, optimizer=optimizer, epochs=setting.config.epochs),
    )


def ppo_update(
    learner: Learner,
    experience: Experience,
    hyper: NaiveHyperparameters,
    *,
    policy: Policy,
    optimizer: Optimizer,
    epochs: int,
) -> Learner:
    """All steps of one naive agent on one inner episode; nothing is bootstrapped at its end."""
    played = replayed(learner.params, experience, policy)
    old_log_probs, _ = log_probs_and_entropy(played.logits, experience.actions)
    targets = episode_targets(hyper.reward_scale * experience.rewards, played.value, hyper)

    def loss(params: Params) -> Float[Array, ""]:
        output = replayed(params, experience, policy)
        log_probs, entropy = log_probs_and_entropy(output.logits, experience.actions)
        policy_loss = ppo_policy_loss(log_probs, old_log_probs, targets.advantages, hyper.own["clip"])
        critic_loss = value_loss(output.value, targets.value_targets)
        return jnp.mean(policy_loss + hyper.value_coefficient * critic_loss - hyper.entropy * entropy)

    def epoch(learner: Learner, _: None) -> tuple[Learner, None]:
        return apply_gradients(optimizer, learner, jax.grad(loss)(learner.params), hyper).learner, None

    return jax.lax.scan(epoch, learner, length=epochs)[0]
