"""A naive co-player that learns by REINFORCE (Williams 1992, doi:10.1007/BF00992696): returns to go, no critic."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from coalactl_core.learning.objectives import log_probs_and_entropy
from coalactl_core.learning.optimizers import OPTIMIZERS, Optimizer, apply_gradients, fresh_learner
from coalactl_core.nets.policy import Policy
from coalactl_core.opponents.seam import Coplayer, CoplayerSetting, replayed
from coalactl_core.types import Experience, Learner, NaiveHyperparameters, Number, Params


def build(setting: CoplayerSetting) -> Coplayer:
    """One step an inner episode; ``naive.baseline`` says whether the batch's mean is taken off the returns."""
    optimizer = OPTIMIZERS[setting.config.optimizer]
    has_baseline = setting.config.baseline == "batch-mean"
    return Coplayer(
        init=partial(fresh_learner, optimizer),
        update=partial(reinforce_update, policy=setting.policy, optimizer=optimizer, has_baseline=has_baseline),
    )


def reinforce_update(
    learner: Learner,
    experience: Experience,
    hyper: NaiveHyperparameters,
    *,
    policy: Policy,
    optimizer: Optimizer,
    has_baseline: bool,
) -> Learner:
    """One step up the mean of (G_t − b_t) ∇log π(a_t | h_t) over the B × T samples; b_t is the mean of the B G_t.

    Each G_t is in its own b_t, which scales the gradient by (B − 1) / B on average and changes nothing else.
    """
    returns = returns_to_go(hyper.reward_scale * experience.rewards, hyper.discount)
    if has_baseline:
        returns = returns - jnp.mean(returns, 1, keepdims=True)

    def loss(params: Params) -> Float[Array, ""]:
        output = replayed(params, experience, policy)
        log_probs, entropy = log_probs_and_entropy(output.logits, experience.actions)
        return -jnp.mean(returns * log_probs + hyper.entropy * entropy)

    return apply_gradients(optimizer, learner, jax.grad(loss)(learner.params), hyper).learner


def returns_to_go(rewards: Float[Array, "steps batch"], discount: Number) -> Float[Array, "steps batch"]:
    """G_t = r_t + γ G_{t+1} of one inner episode, with nothing after its end."""

    def back_up(after: Float[Array, "batch"], reward: Float[Array, "batch"]) -> tuple[Array, Array]:
        total = reward + discount * after
        return total, total

    return jax.lax.scan(back_up, jnp.zeros_like(rewards[0]), rewards, reverse=True)[1]
