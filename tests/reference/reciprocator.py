"""A NumPy transcription of the Reciprocators' reward (Zhou et al. 2024), with plain loops.

For trajectory b and step t: ``a[b, t]`` and ``u[b, t]`` are the actions of the agent and of its co-player,
``q[b, t, own, other]`` is what both actions bring the agent and ``q_other[b, t, own, other]`` what they bring the
co-player, ``p[b, t, own]`` and ``p_other[b, t, other]`` are the chances by which counterfactual actions are weighed.
"""

import numpy as np


def influences(q, q_other, p, p_other, a, u) -> tuple[np.ndarray, np.ndarray]:
    """Of the co-player on the agent, and of the agent on the co-player: what came of the action, less of any."""
    on_agent, on_other = np.zeros(a.shape), np.zeros(a.shape)
    for b, t in np.ndindex(*a.shape):
        own, other = a[b, t], u[b, t]
        had_it_done = sum(p_other[b, t, instead] * q[b, t, own, instead] for instead in range(q.shape[-1]))
        on_agent[b, t] = q[b, t, own, other] - had_it_done
        had_i_done = sum(p[b, t, instead] * q_other[b, t, instead, other] for instead in range(q.shape[-2]))
        on_other[b, t] = q_other[b, t, own, other] - had_i_done
    return on_agent, on_other


def reciprocal_rewards(on_agent: np.ndarray, on_other: np.ndarray, decay: float, repayment: float) -> np.ndarray:
    """The balance as it stood before the step, times the influence in it; step by step."""
    rewards = np.zeros_like(on_agent)
    for b in range(len(rewards)):
        balance = 0.0
        for t in range(rewards.shape[1]):
            rewards[b, t] = balance * on_other[b, t]
            balance = decay * balance + on_agent[b, t] - repayment * on_other[b, t]
    return rewards


def softmax(logits: np.ndarray) -> np.ndarray:
    """Over the last axis."""
    return np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
