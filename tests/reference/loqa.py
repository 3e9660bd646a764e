"""A NumPy transcription of LOQA's objective (Aghajohari et al. 2024), with plain loops and magic boxes.

For trajectory b and step t: ``log_p[b, t]`` are the log-probabilities of the agent's actions, a function of its
parameters, ``sampled[b, t]`` the same numbers as they were when it acted, ``a[b, t]`` its advantages; ``u[b, t]`` are
the co-player's actions, ``r[b, t]`` its rewards, ``v[b, t]`` its values and ``q[b, t, action]`` its action values. The
objective's derivative comes by complex steps, hence exactly: nothing here has a derivative by hand.
"""

import numpy as np


def dice_return(r: np.ndarray, boxes: np.ndarray, t: int, gamma: float) -> complex:
    """Σ_{k≥t} γ^{k−t} r_k ⚀(actions after t up to k), by Foerster et al. 2018; 1 in each box as it was sampled."""
    return sum(gamma ** (k - t) * r[k] * np.prod(boxes[t + 1 : k + 1]) for k in range(t, len(r)))


def loaded_dice_return(r: np.ndarray, v: np.ndarray, boxes: np.ndarray, t: int, gamma: float, delta: float) -> complex:
    """r_t + γ (R_{t+1} + Σ_{k>t} (γδ)^{k−t−1} (R_k − V_k) (⚀(up to k) − ⚀(before k))), by Farquhar et al. 2019."""

    def plain(start: int) -> float:
        return sum(gamma ** (k - start) * r[k] for k in range(start, len(r)))

    found: complex = plain(t)
    for k in range(t + 1, len(r)):
        difference = np.prod(boxes[: k + 1]) - np.prod(boxes[:k])
        found += gamma * (gamma * delta) ** (k - t - 1) * (plain(k) - v[k]) * difference
    return found


def log_chance(value: complex, q: np.ndarray, action: int, tau: float) -> complex:
    """log π̂: the softmax of action values in which that of the action taken is ``value``."""
    others = sum(np.exp(q[other] / tau) for other in range(len(q)) if other != action)
    return value / tau - np.log(np.exp(value / tau) + others)


def objective(log_p, sampled, a, u, r, v, q, *, weight, tau, gamma, delta, plain_dice=False) -> complex:
    """The mean over steps of A_t (log π(a_t) + w log π̂(b_t)); advantages are constants."""
    total: complex = 0.0
    for b, t in np.ndindex(*a.shape):
        boxes = np.exp(log_p[b] - sampled[b])
        value = (
            dice_return(r[b], boxes, t, gamma) if plain_dice else loaded_dice_return(r[b], v[b], boxes, t, gamma, delta)
        )
        total += a[b, t] * (log_p[b, t] + weight * log_chance(value, q[b, t], u[b, t], tau))
    return total / a.size


def credit(log_p, a, *others, **numbers) -> np.ndarray:
    """A*: the objective's derivative by each log-probability, times the number of steps."""
    found = np.zeros_like(a)
    for b, t in np.ndindex(*a.shape):
        moved = log_p.astype(complex)
        moved[b, t] += 1e-30j
        found[b, t] = objective(moved, log_p, a, *others, **numbers).imag / 1e-30 * a.size
    return found


def returns(r: np.ndarray, gamma: float) -> np.ndarray:
    """Σ_{k≥t} γ^{k−t} r_k."""
    found = np.zeros_like(r)
    for b, t in np.ndindex(*r.shape):
        found[b, t] = sum(gamma ** (k - t) * r[b, k] for k in range(t, r.shape[1]))
    return found
