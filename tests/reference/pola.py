"""A NumPy transcription of POLA-DiCE (Zhao et al. 2022) on games that were sampled, with plain loops and magic boxes.

For trajectory b, step t and player p (0 the agent, 1 its co-player): ``seen[b, t, p]`` is the row of the player's table
of logits, ``acted[b, t, p]`` its action and ``rewards[b, t, p]`` its reward. The derivative in the agent's logits comes
by complex steps, hence exactly; that of a step of the co-player in its own logits is written out.
"""

from typing import Any, NamedTuple

import numpy as np


class Games(NamedTuple):
    """A batch that was played."""

    seen: np.ndarray
    acted: np.ndarray
    rewards: np.ndarray


class Numbers(NamedTuple):
    """γ, the size of a step of the co-player, β_in and β_out."""

    gamma: float
    rate: float
    inner_kl: float
    outer_kl: float


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Without a shift, which would not be analytic."""
    return logits - np.log(np.sum(np.exp(logits), -1, keepdims=True))


def kl(logits: np.ndarray, reference: np.ndarray) -> complex:
    """KL(π ‖ ρ) of two rows of logits."""
    log_p, log_q = log_softmax(logits), log_softmax(reference)
    return sum(np.exp(log_p[a]) * (log_p[a] - log_q[a]) for a in range(len(log_p)))


def boxes(games: Games, b: int, tables: tuple, sampled: tuple) -> list:
    """The magic box of all actions up to each step: 1 where the tables are as they were sampled from."""
    found, total = [], 0.0
    for t in range(games.acted.shape[1]):
        for p in (0, 1):
            row, action = games.seen[b, t, p], games.acted[b, t, p]
            total = total + log_softmax(tables[p][row])[action] - log_softmax(sampled[p][row])[action]
        found.append(np.exp(total))
    return found


def coplayer_step(phi: np.ndarray, psi: np.ndarray, psi_before: np.ndarray, games: Games, numbers: Numbers) -> Any:
    """ψ after one step up its return less β_in KL(π_ψ ‖ π_before), means over the batch's steps."""
    batch, steps = games.acted.shape[:2]
    ascent = np.zeros_like(psi)
    for b in range(batch):
        likely = boxes(games, b, (phi, psi), (phi.real, psi.real))
        for t in range(steps):
            row, action = games.seen[b, t, 1], games.acted[b, t, 1]
            chances = np.exp(log_softmax(psi[row]))
            credit = sum(numbers.gamma ** (k - t) * likely[k] * games.rewards[b, k, 1] for k in range(t, steps))
            reached = likely[t - 1] if t else 1.0
            divergence = kl(psi[row], psi_before[row])
            for a in range(len(chances)):
                ratio = log_softmax(psi[row])[a] - log_softmax(psi_before[row])[a]
                of_kl = chances[a] * (ratio - divergence)
                ascent[row, a] += credit * ((a == action) - chances[a]) - numbers.inner_kl * reached * of_kl
    return psi + numbers.rate * ascent / (batch * steps)


def loss(phi: np.ndarray, phi_before: np.ndarray, psi: np.ndarray, batches: list[Games], numbers: Numbers) -> complex:
    """Of the agent: a look-ahead on each batch but the last, on which it is scored, plus β_out KL(π_φ ‖ π_before)."""
    psi_before, psi = psi, psi.astype(complex)
    for games in batches[:-1]:
        psi = coplayer_step(phi, psi, psi_before, games, numbers)
    games = batches[-1]
    batch, steps = games.acted.shape[:2]
    total: complex = 0.0
    for b, t in np.ndindex(batch, steps):
        rows, actions = games.seen[b, t], games.acted[b, t]
        joint = log_softmax(phi[rows[0]])[actions[0]] + log_softmax(psi[rows[1]])[actions[1]]
        total -= joint * sum(numbers.gamma ** (k - t) * games.rewards[b, k, 0] for k in range(t, steps))
        total += numbers.outer_kl * kl(phi[rows[0]], phi_before[rows[0]])
    return total / (batch * steps)


def gradient(phi: np.ndarray, *others: Any) -> np.ndarray:
    """Of the loss in the agent's logits."""
    found = np.zeros_like(phi)
    for place in np.ndindex(*phi.shape):
        moved = phi.astype(complex)
        moved[place] += 1e-30j
        found[place] = loss(moved, *others).imag / 1e-30
    return found
