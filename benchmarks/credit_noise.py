"""How much a meta-batch tells of what shaping brings, by the critic that credit across the batch comes from.

    python benchmarks/credit_noise.py RUN [--step K] [--meta-batches 32] [--seed 0] [--critics NAME ...] [--json]

At the parameters of a trained run's first agent, against its naive learners: policy gradients (without PPO's clipping)
of so many independent meta-batches of the run's own size. COALA-PG's credit for an action is what its own inner episode
still earns, over B, the *current part*, and the mean over the batch of what comes in later ones, the *future part*.
That is estimated as in App. A.3 at several λ_gae, by a critic that sees one trajectory, and at several λ_e by critics
of the batch (docs/batch-critic.md), fitted on the other half of the meta-batches: unbiased at λ_e = 1, where the one
whose critic explains most stands for the truth in what is told of every estimate:

noise: the trace of the covariance of one meta-batch's gradient. useful: the mean's component along the true gradient,
squared with its sign, over the noise. cosine, scale: of the mean with the true gradient, and that component as a share
of its length. signal: |mean|² over the noise. All are made of products of different meta-batches of one half, where
noise is no signal and the critic, fitted on the other half, is a constant. Errors are the jackknife's.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from credit_critics import CRITICS, cross_fitted
from credit_subject import Subject, observed, play, subject_of

from coalactl.environment import prepare_jax
from coalactl_core.credit import batch_critic
from coalactl_core.credit.batch_credit import batch_critic_advantages
from coalactl_core.credit.batch_critic import Predictions
from coalactl_core.credit.estimators import BATCH_UNAWARE, COALA_PG, M_FOS, centre_by_kind, targets_of_meta_episode
from coalactl_core.learning.objectives import log_probs_and_entropy
from coalactl_core.nets.policy import unroll_from_start
from coalactl_core.types import NAIVE, MetaEpisode, Params, Trajectory

GAE_LAMBDAS, EPISODE_LAMBDAS = (1.0, 0.98, 0.95, 0.9), (1.0, 0.8, 0.5, 0.2, 0.0)
Rows = dict[str, jax.Array]


def came(episodes: MetaEpisode, subject: Subject) -> Predictions:
    """What critics are to predict, in the environment's scale."""
    rewards, discount, length = episodes.trajectory.rewards, subject.hyper.meta.discount, subject.length
    discounted = rewards.reshape(len(rewards), -1, length, rewards.shape[2]) * (discount ** jnp.arange(length))[:, None]
    return batch_critic.returns_from_starts(jnp.mean(jnp.sum(discounted, 2), -1), discount**length)


def by_a3(trajectory: Trajectory, credit: Any, gae_lambda: Any, subject: Subject) -> jax.Array:
    """Advantages by App. A.3, times the weight that they have in training."""
    credit = jax.tree.map(jnp.asarray, credit)
    own = subject.hyper.meta._replace(credit_assignment=credit, gae_lambda=jnp.asarray(gae_lambda))
    targets = jax.vmap(partial(targets_of_meta_episode, inner_episode_length=subject.length), in_axes=(0, 0, 0, None))
    rewards = own.reward_scale * trajectory.rewards
    found = targets(rewards, trajectory.values, jnp.full(len(rewards), NAIVE), own)
    return found.advantages * found.weight[:, None, None]


def current_by_a3(trajectory: Trajectory, gae_lambda: Any, subject: Subject) -> jax.Array:
    """The part for the current inner episode: as if each were a meta-episode, with no value after its end."""
    shape = trajectory.rewards.shape
    rewards, values = (leaf.reshape(-1, subject.length, shape[2]) for leaf in (trajectory.rewards, trajectory.values))
    alone = trajectory._replace(rewards=rewards, values=values)
    return by_a3(alone, COALA_PG, gae_lambda, subject).reshape(shape)


def by_critic(trajectory: Trajectory, expected: Predictions, episode_lambda: float, subject: Subject) -> Rows:
    """COALA-PG's and M-FOS's advantages from a critic of the batch, and what they are made of, times the weight."""
    own, batch = subject.hyper.meta, trajectory.rewards.shape[2]
    numbers = {"discount": own.discount, "episode_lambda": episode_lambda, "inner_episode_length": subject.length}

    def of(normalize: bool) -> jax.Array:
        credit = partial(batch_critic_advantages, **numbers, normalize_current_episode=normalize)
        found = jax.vmap(lambda rewards, *expected: credit(rewards.T, *expected).T)(trajectory.rewards, *expected)
        return batch * own.reward_scale * found

    coala, m_fos = of(True), of(False)
    current = (m_fos - coala) / (batch - 1)
    return {"COALA-PG": coala, "M-FOS": m_fos, "current": current, "future": coala - current}


def estimates(trajectory: Trajectory, expected: dict[str, Predictions], best: str, subject: Subject) -> Rows:
    """All advantages that are measured of one meta-batch, centred as in training."""
    rows, batch, centre = {}, trajectory.rewards.shape[2], subject.hyper.meta.normalize_advantages
    for lambda_ in GAE_LAMBDAS:
        future = by_a3(trajectory, COALA_PG, lambda_, subject) - current_by_a3(trajectory, lambda_, subject)
        rows[f"future, λ_gae {lambda_:g}"] = future
    for name, critic in expected.items():
        for lambda_ in EPISODE_LAMBDAS:
            rows[f"future, {name}, λ_e {lambda_:g}"] = by_critic(trajectory, critic, lambda_, subject)["future"]
    current = by_critic(trajectory, expected[best], 1.0, subject)["current"]
    relative = trajectory.values - jnp.mean(trajectory.values, 2, keepdims=True)
    currents = {best: current, f"{best} and values": current - relative, "A.3": current_by_a3(trajectory, 1.0, subject)}
    for label, advantages in currents.items():
        rows |= {f"current, COALA-PG, {label}": advantages, f"current, M-FOS, {label}": batch * advantages}
    for label, method in (("batch-unaware", BATCH_UNAWARE), ("M-FOS", M_FOS), ("COALA-PG", COALA_PG)):
        rows[f"whole, {label}, λ_gae of the run"] = by_a3(trajectory, method, subject.hyper.meta.gae_lambda, subject)
    for lambda_ in (1.0, 0.5):
        both = by_critic(trajectory, expected[best], lambda_, subject)
        rows |= {f"whole, {label}, {best}, λ_e {lambda_:g}": both[label] for label in ("COALA-PG", "M-FOS")}
    return {name: centre_by_kind(row, jnp.full(len(row), NAIVE), centre) for name, row in rows.items()}


def gradients(trajectory: Trajectory, expected: dict[str, Predictions], *, best: str, subject: Subject) -> Rows:
    """The policy gradient of each estimate: one forward pass, and each estimate's advantages pulled back through it."""
    policy, copies = subject.balance.updater.policy, subject.balance.updater.copies
    rows = estimates(trajectory, expected, best, subject)

    def of_meta_episode(total: jax.Array, one: tuple[Trajectory, jax.Array]) -> tuple[jax.Array, None]:
        single, advantages = one

        def log_probs(params: Params) -> jax.Array:
            prepared = policy.prepare(params, single.actions.size)
            output = unroll_from_start(policy, prepared, observed(single, subject), copies=copies)
            return log_probs_and_entropy(output.logits, single.actions)[0]

        _, pull_back = jax.vjp(log_probs, subject.params)
        return total + jax.lax.map(lambda row: pull_back(row)[0], advantages), None

    stacked = jnp.stack(list(rows.values()), 1) / trajectory.rewards.size
    total, _ = jax.lax.scan(of_meta_episode, jnp.zeros((len(rows), *subject.params.shape)), (trajectory, stacked))
    return dict(zip(rows, total, strict=True))


def figures(samples: np.ndarray, truth: np.ndarray) -> dict[str, tuple[float, float]]:
    """What is told of an estimate, with standard errors; rows are meta-batches, ``truth`` holds unbiased ones."""
    count, half = len(samples), np.arange(len(samples)) % 2
    pairs = (half[:, None] == half) & ~np.eye(count, dtype=bool)

    def of_pairs(one: np.ndarray, other: np.ndarray) -> np.ndarray:
        # The product of two means from different meta-batches: of all, then without each of them.
        products = np.where(pairs, one @ other.T, 0.0)
        left = products.sum() - products.sum(0) - products.sum(1)
        return np.append(products.sum(), left) / np.append(pairs.sum(), pairs.sum() - 2 * pairs.sum(0))

    length, along, true = of_pairs(samples, samples), of_pairs(samples, truth), of_pairs(truth, truth)
    squares = (samples**2).sum(1)
    noise = np.append(squares.mean(), (squares.sum() - squares) / (count - 1)) - length
    found = {
        "noise": noise,
        "useful": along * np.abs(along) / (true * noise),
        "cosine": along / np.sqrt(np.where(true * length > 0, true * length, np.nan)),
        "scale": along / true,
        "signal": length / noise,
    }
    return {name: (values[0], np.sqrt(count - 1) * np.std(values[1:])) for name, values in found.items()}


def measured(subject: Subject, meta_batches: int, seed: int, critics: Sequence[str]) -> dict[str, Any]:
    """Everything that is told."""
    rollout = jax.jit(partial(play, subject=subject))
    played = [jax.device_get(rollout(key)) for key in jax.random.split(jax.random.key(seed), meta_batches)]
    wanted = jax.tree.map(lambda *leaves: np.stack(leaves), *(came(episodes, subject) for episodes in played))
    expected = {name: cross_fitted(name, played, wanted, subject) for name in critics}

    def explained(found: np.ndarray, wanted: np.ndarray) -> float:
        rows = np.concatenate(found), np.concatenate(wanted)
        return float(batch_critic.explained_variance(*rows, jnp.ones(len(rows[0]), bool)))

    shares = {name: list(map(explained, critic, wanted)) for name, critic in expected.items()}
    best = max(shares, key=lambda name: shares[name][1])
    of_batch = jax.jit(partial(gradients, best=best, subject=subject))
    samples = [of_batch(one.trajectory, jax.tree.map(itemgetter(index), expected)) for index, one in enumerate(played)]
    rows = {name: np.stack([np.asarray(sample[name], float) for sample in samples]) for name in samples[0]}
    truth = rows[f"future, {best}, λ_e 1"]
    return {
        "meta_batches": meta_batches,
        "meta_batch": subject.balance.population.meta_batch_size,
        "reward": float(np.mean([episodes.trajectory.rewards.mean() for episodes in played])),
        "explained": {name: dict(zip(("U", "c"), pair, strict=True)) for name, pair in shares.items()},
        "estimates": {name: figures(row, truth) for name, row in rows.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--step", type=int)
    parser.add_argument("--meta-batches", type=int, default=32)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--critics", nargs="+", choices=CRITICS, default=CRITICS[:-1])
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    prepare_jax()
    result = measured(subject_of(given.run, given.step), given.meta_batches, given.seed, given.critics)
    if given.json:
        print(json.dumps(result, indent=1))
        return
    print(f"{given.meta_batches} meta-batches of {result['meta_batch']}; reward a step {result['reward']:.3f}")
    for name, shares in result["explained"].items():
        print(f"{name} explains {shares['U']:.3f} (U) and {shares['c']:.3f} (c) of the variance")
    print(f"{'estimate':40} {'noise':>9}" + "".join(f"{name:>17}" for name in ("useful", "cosine", "scale", "signal")))
    for name, row in sorted(result["estimates"].items()):
        told = "".join(f"{value:9.3f} ± {error:5.3f}" for value, error in list(row.values())[1:])
        print(f"{name:40} {row['noise'][0]:9.2e}{told}")


if __name__ == "__main__":
    main()
