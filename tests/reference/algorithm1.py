"""NumPy transcriptions of the paper's formulas for credit, written from the paper alone, with plain loops.

``r[b, t]`` are rewards, ``v[b, t]`` is the value after step t, V(h_{t+1}); B trajectories of L = M·T steps.
"""

import numpy as np


def algorithm_1(
    r: np.ndarray,
    v: np.ndarray,
    gamma: float,
    lambda_: float,
    inner_episode_length: int,
    average_future_episodes: bool,
    normalize_current_episode: bool,
) -> np.ndarray:
    """Algorithm 1 (App. A.2), line by line, with one accumulator for each trajectory."""
    batch, length = r.shape
    norm = batch if normalize_current_episode else 1
    returns = np.zeros((batch, length))
    acc = [v[b, length - 1] for b in range(batch)]
    global_acc = sum(acc) / batch
    for t in range(length - 1, -1, -1):
        if average_future_episodes and t % inner_episode_length == inner_episode_length - 1:
            acc = [global_acc for _ in range(batch)]
        total = 0.0
        for b in range(batch):
            acc[b] = r[b, t] / norm + gamma * ((1 - lambda_) * v[b, t] + lambda_ * acc[b])
            total += r[b, t] + gamma * ((1 - lambda_) * v[b, t] + lambda_ * global_acc)
            returns[b, t] = acc[b]
        global_acc = total / batch
    return returns


def coala_pg_credit(r: np.ndarray, inner_episode_length: int) -> np.ndarray:
    """What multiplies the score in Eq. 5: own current episode over B, all trajectories' future episodes over B."""
    batch, length = r.shape
    credit = np.zeros((batch, length))
    for b in range(batch):
        for t in range(length):
            end = next_episode(t, inner_episode_length)
            credit[b, t] = sum(r[b, k] for k in range(t, end)) / batch
            credit[b, t] += sum(r[other, k] for other in range(batch) for k in range(end, length)) / batch
    return credit


def m_fos_credit(r: np.ndarray, inner_episode_length: int) -> np.ndarray:
    """What multiplies the score in Eq. 7: as Eq. 5 without 1/B before the current episode."""
    batch, length = r.shape
    credit = np.zeros((batch, length))
    for b in range(batch):
        for t in range(length):
            end = next_episode(t, inner_episode_length)
            credit[b, t] = sum(r[b, k] for k in range(t, end))
            credit[b, t] += sum(r[other, k] for other in range(batch) for k in range(end, length)) / batch
    return credit


def batch_unaware_credit(r: np.ndarray) -> np.ndarray:
    """What multiplies the score in Eq. 6: all later rewards of the own trajectory; the mean over b stands outside."""
    batch, length = r.shape
    return np.array([[sum(r[b, k] for k in range(t, length)) for t in range(length)] for b in range(batch)])


def m_fos_credit_with_values(r: np.ndarray, values: np.ndarray, inner_episode_length: int) -> np.ndarray:
    """A.3's M-FOS at γ = λ = 1, fed TD errors; ``values[b, t]`` = V(h_t).

    Own rewards up to the boundary plus the mean of all later ones, minus V(h_t), plus what the telescoping leaves at
    the boundary: the own V there minus the mean V there. The own part is what Eq. 7 does not have.
    """
    batch, length = r.shape
    credit = m_fos_credit(r, inner_episode_length)
    for b in range(batch):
        for t in range(length):
            end = next_episode(t, inner_episode_length)
            boundary = values[:, end] if end < length else np.zeros(batch)
            credit[b, t] += boundary[b] - sum(boundary) / batch - values[b, t]
    return credit


def td_lambda_targets(r: np.ndarray, values: np.ndarray, gamma: float, lambda_: float) -> np.ndarray:
    """TD(λ) targets as textbooks have them, forward view: λ-weighted n-step returns of one trajectory.

    ``values[t]`` = V(h_t), and the value after the last step is 0 (Sutton & Barto 2018, Eq. 12.3).
    """
    length = len(r)
    padded = np.append(values, 0.0)
    targets = np.zeros(length)
    for t in range(length):
        n_step = [
            sum(gamma**k * r[t + k] for k in range(n)) + gamma**n * padded[t + n] for n in range(1, length - t + 1)
        ]
        last = len(n_step)
        targets[t] = sum((1 - lambda_) * lambda_ ** (n - 1) * n_step[n - 1] for n in range(1, last))
        targets[t] += lambda_ ** (last - 1) * n_step[last - 1]
    return targets


def next_episode(t: int, inner_episode_length: int) -> int:
    """The first step of the inner episode after that of step t."""
    return (t // inner_episode_length + 1) * inner_episode_length
