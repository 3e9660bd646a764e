"""NumPy transcriptions of credit from a critic of the batch and of the critic, from the formulas, with plain loops.

``r[b, t]`` are rewards, ``u[m]`` = U(s_m) and ``c[m]`` = c(s_m); M inner episodes of T steps.
"""

import numpy as np


def batch_critic_credit(
    r: np.ndarray,
    u: np.ndarray,
    c: np.ndarray,
    gamma: float,
    episode_lambda: float,
    inner_episode_length: int,
    normalize_current_episode: bool,
) -> np.ndarray:
    """What multiplies the score: own current episode less a baseline, over B or not, plus γ^(T−t) C_m.

    The baseline is what the critic expects the inner episode to earn, by the share of its steps that are left.
    """
    batch, steps = r.shape
    norm = batch if normalize_current_episode else 1
    across = episodes_to_come(r, u, c, gamma, episode_lambda, inner_episode_length)
    credit = np.zeros((batch, steps))
    for b in range(batch):
        for step in range(steps):
            m, t = divmod(step, inner_episode_length)
            current = sum(gamma ** (k - t) * r[b, step + k - t] for k in range(t, inner_episode_length))
            baseline = (1 - t / inner_episode_length) * (u[m] - gamma**inner_episode_length * c[m])
            credit[b, step] = (current - baseline) / norm + gamma ** (inner_episode_length - t) * across[m]
    return credit


def episodes_to_come(
    r: np.ndarray, u: np.ndarray, c: np.ndarray, gamma: float, episode_lambda: float, inner_episode_length: int
) -> np.ndarray:
    """C_m = U(s_{m+1}) − c(s_m) + λ Σ_{j>m} (λ D)^{j−m−1} (r̄_j + D U(s_{j+1}) − U(s_j)), with D = γ^T."""
    episodes = len(u)
    whole = gamma**inner_episode_length
    mean = batch_rewards(r, gamma, inner_episode_length)
    result = np.zeros(episodes)
    for m in range(episodes):
        following = u[m + 1] if m + 1 < episodes else 0.0
        result[m] = following - c[m]
        for j in range(m + 1, episodes):
            following = u[j + 1] if j + 1 < episodes else 0.0
            error = mean[j] + whole * following - u[j]
            result[m] += episode_lambda * (episode_lambda * whole) ** (j - m - 1) * error
    return result


def batch_rewards(r: np.ndarray, gamma: float, inner_episode_length: int) -> np.ndarray:
    """r̄_m: the mean over b of what inner episode m earns, discounted to its start."""
    batch, steps = r.shape
    result = np.zeros(steps // inner_episode_length)
    for b in range(batch):
        for step in range(steps):
            m, t = divmod(step, inner_episode_length)
            result[m] += gamma**t * r[b, step] / batch
    return result


def ridge_predictions(
    history: list[tuple[np.ndarray, np.ndarray]], seen: np.ndarray, memory: float, prior_rows: float, rounding: float
) -> np.ndarray:
    """Predictions for ``seen`` (rows, terms) at the minimum of a written-out sum of squares, by least squares.

    ``history`` holds, oldest first, the terms and the answers of each iteration, which counts ``memory`` times as much
    as the one after it. The first two terms are levels, shrunk not at all. Each other term's coefficient is penalised
    as if it had, ``prior_rows`` times, its own spread around its regression on the level of its kind (even, odd). Last,
    so that terms that are all the same don't matter, ``rounding`` times its whole sum of squares is added to each.
    """
    weights = [memory ** (len(history) - 1 - place) for place in range(len(history))]
    terms = np.concatenate([np.sqrt(weight) * x for weight, (x, _) in zip(weights, history, strict=True)])
    answers = np.concatenate([np.sqrt(weight) * y for weight, (_, y) in zip(weights, history, strict=True)])
    count = terms.shape[1]
    penalties = np.zeros(count)
    for term in range(2, count):
        level = terms[:, term % 2]
        rows = sum(level**2)
        residual = terms[:, term] - level * sum(level * terms[:, term]) / rows
        penalties[term] = prior_rows * sum(residual**2) / rows
    penalties += rounding * (np.sum(terms**2, 0) + penalties)
    system = np.concatenate([terms, np.diag(np.sqrt(penalties))])
    wanted = np.concatenate([answers, np.zeros((count, answers.shape[1]))])
    return seen @ np.linalg.lstsq(system, wanted, rcond=None)[0]
