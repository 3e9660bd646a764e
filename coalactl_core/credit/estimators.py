"""The table of meta-gradient estimators, and the targets that they give for one meta-episode (§3, App. A).

COALA-PG, M-FOS and batch-unaware policy gradient differ in nothing but a row of ``ESTIMATORS``. A row is data to the
compiled program, so that the agents of one pool may follow different estimators.
"""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float, Int

from coalactl_core.credit.returns import batch_lambda_returns, td_errors, values_after
from coalactl_core.types import FIXED, META, NAIVE, CreditAssignment, MetaHyperparameters, Targets

COALA_PG = CreditAssignment(average_future_episodes=True, normalize_current_episode=True, sum_over_batch=True)
M_FOS = CreditAssignment(average_future_episodes=True, normalize_current_episode=False, sum_over_batch=True)
BATCH_UNAWARE = CreditAssignment(average_future_episodes=False, normalize_current_episode=False, sum_over_batch=False)

ESTIMATORS = {"coala-pg": COALA_PG, "m-fos": M_FOS, "batch-unaware": BATCH_UNAWARE}


def credit_against(kind: Int[Array, ""], credit: CreditAssignment) -> CreditAssignment:
    """The row to use against an opponent of this kind: only naive co-players learn from the batch (§2.3).

    The trajectories against meta agents and fixed strategies are independent, so the plain gradient is right there.
    """
    return CreditAssignment(
        *(jnp.where(kind == NAIVE, row, plain) for row, plain in zip(credit, BATCH_UNAWARE, strict=True))
    )


def targets_of_meta_episode(
    rewards: Float[Array, "steps batch"],
    values: Float[Array, "steps batch"],
    kind: Int[Array, ""],
    hyper: MetaHyperparameters,
    *,
    inner_episode_length: int,
    bootstrap_end: bool = False,
) -> Targets:
    """Advantages, value targets and weight of one meta-episode; rewards already rescaled.

    Advantages are Algorithm 1 fed TD errors and zeros, with discount γ·λ_gae (App. A.3; the zero initial accumulators
    are our reading, since the printed start from a value is biased), or fed rewards if ``credit_from_returns``, which
    makes M-FOS an estimate of Eq. 7. Value targets are TD(λ) of the batch-unaware return (Eq. 10).

    The weight makes the mean over the batch a sum where the estimator sums (Eqs. 3 and 7).
    """
    rewards, values = rewards.T, values.T
    credit = credit_against(kind, hyper.credit_assignment)
    errors = td_errors(rewards, values, discount=hyper.discount, bootstrap_end=bootstrap_end)
    advantages = batch_lambda_returns(
        jnp.where(hyper.credit_from_returns, rewards, errors),
        jnp.zeros_like(rewards),
        discount=hyper.discount * jnp.where(hyper.credit_from_returns, 1.0, hyper.gae_lambda),
        lambda_=1.0,
        inner_episode_length=inner_episode_length,
        average_future_episodes=credit.average_future_episodes,
        normalize_current_episode=credit.normalize_current_episode,
    )
    value_targets = batch_lambda_returns(
        rewards,
        values_after(values, bootstrap_end=bootstrap_end),
        discount=hyper.discount,
        lambda_=hyper.td_lambda,
        inner_episode_length=inner_episode_length,
        average_future_episodes=hyper.value_targets_average_future & (kind == NAIVE),
        normalize_current_episode=False,
    )
    # Sum over the batch: a mean would make the signal vanish as B grows (§3.1).
    weight = jnp.where(credit.sum_over_batch, rewards.shape[0], 1) * jnp.where(
        kind == META, hyper.meta_opponent_weight, 1.0
    )
    return Targets(advantages=advantages.T, value_targets=value_targets.T, weight=weight.astype(rewards.dtype))


def centre_by_kind(
    advantages: Float[Array, "meta_batch steps batch"], kinds: Int[Array, "meta_batch"], centre: Bool[Array, ""]
) -> Float[Array, "meta_batch steps batch"]:
    """Subtract the mean advantage of each kind of opponent, over meta-batch, steps and batch (App. A.4)."""
    for kind in (NAIVE, META, FIXED):
        of_kind = (kinds == kind)[:, None, None]
        count = jnp.maximum(jnp.sum(of_kind) * advantages[0].size, 1)
        mean = jnp.sum(jnp.where(of_kind, advantages, 0)) / count
        advantages = advantages - jnp.where(of_kind & centre, mean, 0)
    return advantages
