"""NumPy transcription of the analytical iterated games (§4, App. C), written from the paper alone.

Policies are five logits or probabilities of cooperating, at the start and after CC, CD, DC and DD, own action first.
J is the paper's, not normalised. Slopes are taken by complex steps, which are exact to rounding.
"""

import numpy as np


def sigmoid(logits: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-logits))


def chain(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The distribution s0 of the first joint action and M, whose columns lead from a state to the next (Eq. 15)."""
    # After CD of the first player the second sees DC.
    second = second[[0, 1, 3, 2, 4]]
    columns = [np.outer([p, 1 - p], [q, 1 - q]).reshape(4) for p, q in zip(first, second, strict=True)]
    return columns[0], np.stack(columns[1:], axis=1)


def joint_rewards(payoffs: np.ndarray) -> np.ndarray:
    """Rewards of both players in CC, CD, DC, DD of the first player's side."""
    return np.stack([payoffs.reshape(4), payoffs.T.reshape(4)])


def values(first: np.ndarray, second: np.ndarray, payoffs: np.ndarray, gamma: float) -> np.ndarray:
    """J of both players: r · (I - γM)^{-1} s0 (Eq. 16), of two policies given as probabilities."""
    start, transition = chain(first, second)
    return joint_rewards(payoffs) @ np.linalg.solve(np.eye(4) - gamma * transition, start)


def simulated_values(
    first: np.ndarray, second: np.ndarray, payoffs: np.ndarray, gamma: float, steps: int
) -> np.ndarray:
    """J as the sum of discounted expected rewards of ``steps`` steps, played one after the other."""
    state, transition = chain(first, second)
    total = np.zeros(2)
    for step in range(steps):
        total += gamma**step * (joint_rewards(payoffs) @ state)
        state = transition @ state
    return total


def long_run_rewards(first: np.ndarray, second: np.ndarray, payoffs: np.ndarray) -> np.ndarray:
    """Rewards per step of both players without discount: under the stationary distribution, where it is unique."""
    _, transition = chain(first, second)
    equations = np.vstack([transition - np.eye(4), np.ones(4)])
    stationary = np.linalg.lstsq(equations, np.array([0.0, 0, 0, 0, 1]), rcond=None)[0]
    return joint_rewards(payoffs) @ stationary


def slopes(function, at: np.ndarray) -> np.ndarray:
    """The gradient of a real-analytic function, by complex steps."""
    tiny = 1e-30
    return np.array([np.imag(function(at + 1j * tiny * axis)) / tiny for axis in np.eye(len(at))])


def naive_learner(
    start: np.ndarray, opponent: np.ndarray, payoffs: np.ndarray, gamma: float, eta: float, steps: int
) -> list[np.ndarray]:
    """Logits of a naive learner before its first step and after each: Δ_q = η ∂J/∂φ, against fixed logits."""
    policies = [start]
    for _ in range(steps):
        gradient = slopes(
            lambda logits: values(sigmoid(logits), sigmoid(opponent), payoffs, gamma)[0], policies[-1].astype(complex)
        )
        policies.append(policies[-1] + eta * gradient)
    return policies


def shaping_value(
    policy: np.ndarray, starts: np.ndarray, payoffs: np.ndarray, gamma: float, eta: float, steps: int
) -> float:
    """Eq. 17: the sum over m = 0..M of J, and the mean over the metabatch of naive learners."""
    totals = []
    for start in starts:
        learner = naive_learner(start, policy, payoffs, gamma, eta, steps)
        totals.append(sum(values(sigmoid(policy), sigmoid(after), payoffs, gamma)[0] for after in learner))
    return float(np.mean(totals))


def look_ahead_value(
    policy: np.ndarray, other: np.ndarray, payoffs: np.ndarray, gamma: float, eta: float, look_aheads: int
) -> float:
    """Eq. 4's J^i(φ^i, φ^-i + Σ_q Δ_q φ^-i)."""
    after = naive_learner(other, policy, payoffs, gamma, eta, look_aheads)[-1]
    return float(values(sigmoid(policy), sigmoid(after), payoffs, gamma)[0])


def extortion(chi: float, phi: float, payoffs: np.ndarray) -> np.ndarray:
    """Eq. 18, line by line."""
    (r, s), (t, p) = payoffs
    return np.array(
        [
            1 - phi * (chi - 1) * (r - p) / (p - s),
            1 - phi * (1 + chi * (t - p) / (p - s)),
            phi * (chi + (t - p) / (p - s)),
            0.0,
        ]
    )


def central_differences(function, at: np.ndarray, width: float = 1e-5) -> np.ndarray:
    """The gradient by central differences."""
    steps = width * np.eye(len(at))
    return np.array([(function(at + step) - function(at - step)) / (2 * width) for step in steps])
