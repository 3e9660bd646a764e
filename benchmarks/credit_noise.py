"""How noisy an estimator's policy gradient is, and what estimates with less noise would bring.

    python benchmarks/credit_noise.py RUN [--step K] [--meta-batches 32] [--seed 0] [--json]

At the parameters of a trained run's first agent, against its naive learners: policy gradients of so many independent
meta-batches of the run's own size. Told of each estimate are the noise, the trace of the covariance of one meta-batch's
gradient; signal over noise, |mean|² over that, from unbiased estimates of both, with a jackknife's standard error; and
from the upper end of its 95% interval the smallest meta-batch at which the two may be equal. The first three rows of
COALA-PG at λ 1 are unbiased estimates of one gradient, the last two are its parts.

Its future term is shared by the batch. What a critic of the whole batch could take away of it is bounded from below by
what a ridge regression, fitted on the other half of the meta-episodes, explains of it at the start of an inner episode:
from all measures of the inner episodes so far, averaged over the batch, the critic's values, and who the co-player is.
"""

from __future__ import annotations

import argparse
import json
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from coalactl.engines import sequence_engine_for
from coalactl.environment import prepare_jax
from coalactl.evaluation.contestants import enter
from coalactl.runs.checkpoints import restore
from coalactl_core.config import ComputeConfig
from coalactl_core.config_diagnostics import DiagnosticsConfig
from coalactl_core.estimators import BATCH_UNAWARE, COALA_PG, M_FOS, centre_by_kind, targets_of_meta_episode
from coalactl_core.gradient_balance import Balance
from coalactl_core.hyperparameters import at_iteration
from coalactl_core.objectives import a2c_policy_loss
from coalactl_core.population import naive_set
from coalactl_core.returns import td_errors
from coalactl_core.rollout import play_meta_episodes
from coalactl_core.types import NAIVE, Hyperparameters, MetaHyperparameters, Opponents, Params, Targets
from coalactl_core.update import LearningBatch, minibatch_gradient

# Of the features' squares, which are 1 on average and as many as there are meta-episodes.
RIDGE = 10.0
ESTIMATES = (
    "batch-unaware, λ of the run",
    "M-FOS, λ of the run",
    "COALA-PG, λ of the run",
    "COALA-PG, λ 1",
    "COALA-PG, λ 1, less the mean of the other meta-episodes",
    "COALA-PG, λ 1, less a critic of the whole batch",
    "COALA-PG, λ 1, current inner episode alone",
    "COALA-PG, λ 1, later inner episodes alone",
)


class Subject(NamedTuple):
    """The agent that is measured, and against whom."""

    params: Params
    naive: Params
    hyper: Hyperparameters
    balance: Balance

    @property
    def own(self) -> MetaHyperparameters:
        return self.hyper.meta

    @property
    def meta_batch(self) -> int:
        return self.balance.population.meta_batch_size


def subject_of(run: Path, step: int | None) -> Subject:
    """The first agent of a run at a checkpoint."""
    entry = enter([run], step)[0]
    diagnostics = DiagnosticsConfig(
        gradient_balance_every=1, gradient_balance_meta_batch=entry.experiment.rollout.meta_batch_size
    )
    changes = {"compute": ComputeConfig(devices=1), "diagnostics": diagnostics}
    engine = sequence_engine_for(entry.experiment.model_copy(update=changes))
    balance = engine.pieces.balance
    if balance is None:
        raise SystemExit("the run has no naive co-players")
    _, state = restore(entry.run, engine.run_template, step)
    hyper = at_iteration(state.hyperparameters, state.step)
    first: Any = partial(jax.tree.map, lambda leaf: leaf[0])
    naive = naive_set(jax.random.key(0), state.naive, state.meta.params, balance.population)
    return Subject(first(state.meta.params), naive, hyper._replace(meta=first(hyper.meta)), balance)


def play(key: jax.Array, subject: Subject) -> tuple[Any, Any, Any]:
    """One meta-batch against naive learners: trajectories, measures of inner episodes, who the co-players are."""
    draw, key = jax.random.split(key)
    number = jax.random.randint(draw, (subject.meta_batch,), 0, subject.balance.population.naive)
    opponents = Opponents(
        kind=jnp.full(subject.meta_batch, NAIVE),
        number=number,
        params=jax.tree.map(lambda leaf: leaf[number], subject.naive),
        tables=None,
    )
    episodes = play_meta_episodes(key, subject.params, opponents, subject.hyper.naive, subject.balance.game)
    return episodes.trajectory, episodes.outcomes, number


def credited(trajectory: Any, hyper: MetaHyperparameters, length: int) -> tuple[jax.Array, jax.Array]:
    """Advantages, not centred yet, and weights as in training."""
    kinds = jnp.full(trajectory.rewards.shape[0], NAIVE)
    found = jax.vmap(partial(targets_of_meta_episode, inner_episode_length=length), in_axes=(0, 0, 0, None))(
        hyper.reward_scale * trajectory.rewards, trajectory.values, kinds, hyper
    )
    return found.advantages, found.weight


def estimates(trajectory: Any, predicted: jax.Array, subject: Subject) -> tuple[jax.Array, jax.Array]:
    """Advantages and weights of :data:`ESTIMATES`; ``predicted`` [meta_batch, inner_episodes] is the critic's."""
    own, length = subject.own, subject.balance.updater.inner_episode_length
    one = jnp.ones_like(own.gae_lambda)

    def of(credit: Any, gae_lambda: jax.Array) -> tuple[jax.Array, jax.Array]:
        credit = jax.tree.map(jnp.asarray, credit)
        return credited(trajectory, own._replace(credit_assignment=credit, gae_lambda=gae_lambda), length)

    def at_steps(values: jax.Array) -> jax.Array:
        return jnp.repeat(values, length, 1)[..., None]

    advantages, weight = of(COALA_PG, one)
    shared = jnp.mean(advantages, 2, keepdims=True)
    others = (jnp.sum(shared, 0) - shared) / (shared.shape[0] - 1)
    later = at_steps(shared_future(trajectory, subject))
    rows = (
        of(BATCH_UNAWARE, own.gae_lambda),
        of(M_FOS, own.gae_lambda),
        of(COALA_PG, own.gae_lambda),
        (advantages, weight),
        (advantages - others, weight),
        (advantages - at_steps(predicted), weight),
        (advantages - later, weight),
        (jnp.broadcast_to(later, advantages.shape), weight),
    )
    kinds = jnp.full(trajectory.rewards.shape[0], NAIVE)
    centred = [(centre_by_kind(credit, kinds, own.normalize_advantages), weight) for credit, weight in rows]
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *centred)


def gradients(trajectory: Any, predicted: jax.Array, subject: Subject) -> jax.Array:
    """The policy gradient of each estimate: [estimates, parameters]."""
    own = subject.own._replace(value_coefficient=jnp.zeros(()), entropy=jnp.zeros(()))
    updater = subject.balance.updater._replace(policy_loss=a2c_policy_loss)

    def gradient(estimate: tuple[jax.Array, jax.Array]) -> jax.Array:
        advantages, weight = estimate
        batch = LearningBatch(trajectory, Targets(advantages, trajectory.values, weight))
        return -ravel_pytree(minibatch_gradient(subject.params, batch, own, updater)[0])[0]

    return jax.lax.map(gradient, estimates(trajectory, predicted, subject))


def shared_future(trajectory: Any, subject: Subject) -> jax.Array:
    """[meta_batch, inner_episodes]: TD errors of all later inner episodes, summed, as a mean over the batch."""
    own, length = subject.own, subject.balance.updater.inner_episode_length
    errors = jax.vmap(partial(td_errors, discount=own.discount))(
        own.reward_scale * jnp.swapaxes(trajectory.rewards, 1, 2), jnp.swapaxes(trajectory.values, 1, 2)
    )
    by_episode = errors.mean(1).reshape(errors.shape[0], -1, length).sum(2)
    return jnp.cumsum(by_episode[:, ::-1], 1)[:, ::-1] - by_episode


def features(trajectory: Any, outcomes: Any, number: Any, subject: Subject) -> np.ndarray:
    """[meta_batch, inner_episodes, features]: what is known at the start of each inner episode."""
    length = subject.balance.updater.inner_episode_length
    measures = np.concatenate([np.asarray(values) for _, values in sorted(outcomes.items())], -1)
    before = np.pad(measures, ((0, 0), (1, 0), (0, 0)))[:, :-1]
    sofar = before.cumsum(1) / np.maximum(np.arange(before.shape[1]), 1)[:, None]
    values = np.asarray(trajectory.values)[:, ::length].mean(2, keepdims=True)
    who = np.eye(subject.balance.population.naive)[np.asarray(number)]
    who = np.broadcast_to(who[:, None], (*before.shape[:2], who.shape[1]))
    return np.concatenate([before, sofar, values, who], -1)


def predictions(known: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Of each inner episode's target, by a ridge regression on the other half of the meta-episodes."""
    half = np.arange(len(wanted)) % 2 == 0
    predicted = np.zeros_like(wanted)
    for fitted in (half, ~half):
        for episode in range(wanted.shape[1]):
            x, y = known[:, episode], wanted[:, episode]
            centre, scale, level = x[fitted].mean(0), x[fitted].std(0), y[fitted].mean()
            x = np.where(scale > 1e-9, (x - centre) / np.maximum(scale, 1e-9), 0.0)
            square = x[fitted].T @ x[fitted] + RIDGE * np.eye(x.shape[1])
            slope = np.linalg.solve(square, x[fitted].T @ (y[fitted] - level))
            predicted[~fitted, episode] = level + x[~fitted] @ slope
    return predicted


def signal_to_noise(samples: np.ndarray) -> tuple[float, float]:
    """|mean|² / trace of the covariance of one sample, and its standard error by the jackknife."""

    def ratio(total: np.ndarray, squares: float, count: int) -> float:
        noise = (squares - total @ total / count) / (count - 1)
        return float((total @ total / count**2 - noise / count) / noise)

    total, norms, count = samples.sum(0), (samples**2).sum(1), len(samples)
    left_out = [
        ratio(total - sample, norms.sum() - norm, count - 1) for sample, norm in zip(samples, norms, strict=True)
    ]
    spread = float(np.sqrt((count - 1) * np.var(left_out)))
    return ratio(total, norms.sum(), count), spread


def measured(subject: Subject, meta_batches: int, seed: int) -> dict[str, Any]:
    """Everything that is told."""
    played, wanted, known = [], [], []
    rollout = jax.jit(partial(play, subject=subject))
    for key in jax.random.split(jax.random.key(seed), meta_batches):
        trajectory, outcomes, number = jax.device_get(rollout(key))
        played.append(trajectory)
        wanted.append(np.asarray(shared_future(trajectory, subject)))
        known.append(features(trajectory, outcomes, number, subject))
    future = np.concatenate(wanted).astype(float)
    predicted = predictions(np.concatenate(known).astype(float), future)
    constant = predictions(np.zeros((*future.shape, 1)), future)
    of_batch = jax.jit(partial(gradients, subject=subject))
    parts = np.split(predicted, meta_batches)
    found = np.stack([np.asarray(of_batch(*pair), float) for pair in zip(played, parts, strict=True)], 1)
    rows = {}
    for name, samples in zip(ESTIMATES, found, strict=True):
        ratio, error = signal_to_noise(samples)
        upper = ratio + 1.96 * error
        at_least = subject.meta_batch / upper if upper > 0 else None
        rows[name] = {
            "noise": float(samples.var(0, ddof=1).sum()),
            "signal_to_noise": ratio,
            "standard_error": error,
            "equal_at_least_at": at_least,
        }
    # Nothing comes after the last inner episode.
    left, whole = ((future - guess)[:, :-1].var(0).mean() for guess in (predicted, constant))
    reward = np.mean([trajectory.rewards.mean() for trajectory in played])
    return {"estimates": rows, "explained": float(1 - left / whole), "reward": float(reward)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--step", type=int)
    parser.add_argument("--meta-batches", type=int, default=32)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    prepare_jax()
    subject = subject_of(given.run, given.step)
    result = measured(subject, given.meta_batches, given.seed)
    if given.json:
        print(json.dumps(result, indent=1))
        return
    print(f"{given.meta_batches} meta-batches of {subject.meta_batch}; reward a step {result['reward']:.3f}")
    print(f"{'estimate':58} {'noise':>9} {'signal / noise':>15} {'equal at least at':>18}")
    for name, row in result["estimates"].items():
        at_least = f"{row['equal_at_least_at']:.0f}" if row["equal_at_least_at"] else "none"
        print(
            f"{name:58} {row['noise']:9.2e} {row['signal_to_noise']:7.3f} ± {row['standard_error']:.3f} {at_least:>18}"
        )
    print(f"a critic of the batch explains {result['explained']:.3f} of the shared future term's variance")


if __name__ == "__main__":
    main()
