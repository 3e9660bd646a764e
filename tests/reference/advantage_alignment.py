"""A NumPy transcription of Advantage Alignment (Duque et al. 2025), written from its formulas alone, with plain loops.

``a[b, t]`` and ``theirs[b, t]`` are the advantages of the agent and of the co-player in trajectory b at step t.
"""

import numpy as np


def alignment(a: np.ndarray, theirs: np.ndarray, beta: float, gamma: float) -> np.ndarray:
    """β γ (Σ_{k<t} γ^{t−k} A_k) A'_t."""
    added = np.zeros_like(a)
    for b, t in np.ndindex(*a.shape):
        added[b, t] = beta * gamma * sum(gamma ** (t - k) * a[b, k] for k in range(t)) * theirs[b, t]
    return added


def alignment_by_the_mean(a: np.ndarray, theirs: np.ndarray, beta: float) -> np.ndarray:
    """β (1/t Σ_{k<t} A_k) A'_t, nothing at t = 0."""
    added = np.zeros_like(a)
    for b, t in np.ndindex(*a.shape):
        if t:
            added[b, t] = beta * sum(a[b, k] for k in range(t)) / t * theirs[b, t]
    return added


def gae(r: np.ndarray, v: np.ndarray, gamma: float, lambda_: float) -> np.ndarray:
    """Σ_l (γλ)^l δ_{t+l}, with the value of each step in ``v`` and none after the last."""
    advantages = np.zeros_like(r)
    steps = r.shape[1]
    for b, t in np.ndindex(*r.shape):
        for later in range(t, steps):
            after = v[b, later + 1] if later + 1 < steps else 0.0
            error = r[b, later] + gamma * after - v[b, later]
            advantages[b, t] += (gamma * lambda_) ** (later - t) * error
    return advantages


def less_the_others(r: np.ndarray, gamma: float) -> np.ndarray:
    """The discounted return of each trajectory less the mean of all others' at the same step."""
    batch, steps = r.shape
    returns = np.zeros_like(r)
    for b, t in np.ndindex(*r.shape):
        returns[b, t] = sum(gamma ** (later - t) * r[b, later] for later in range(t, steps))
    return np.stack([returns[b] - np.delete(returns, b, 0).mean(0) for b in range(batch)])
