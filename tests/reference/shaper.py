"""Shaper transcribed to NumPy, slow: a tanh network whose memories become their mean between inner episodes."""

import numpy as np


def along(params, observations, length, averages=True):
    """Logits and values of one meta-episode, (steps, batch, actions) and (steps, batch), by loops over both."""
    steps, batch = observations.shape[:2]
    hidden = [np.zeros(params["value"].shape, params["value"].dtype) for _ in range(batch)]
    logits, values = [], []
    for t in range(steps):
        if averages and t % length == 0:
            mean = sum(hidden) / batch
            hidden = [mean for _ in range(batch)]
        for b in range(batch):
            hidden[b] = np.tanh(observations[t, b] @ params["inputs"] + hidden[b] @ params["recurrent"])
        logits.append([h @ params["policy"] for h in hidden])
        values.append([h @ params["value"] for h in hidden])
    return np.array(logits), np.array(values)


def log_probs_of(logits, actions):
    """Of the actions taken; complex where the logits are."""
    shifted = logits - logits.real.max(-1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    return np.take_along_axis(log_p, actions[..., None], -1)[..., 0]


def advantages(rewards, values, gamma, lam):
    """Generalised advantages of each trajectory's own rewards to the end of the meta-episode."""
    after = np.concatenate([values[1:], np.zeros_like(values[:1])])
    errors = rewards + gamma * after - values
    total, found = np.zeros_like(values[0]), []
    for error in errors[::-1]:
        total = error + gamma * lam * total
        found.append(total)
    return np.array(found[::-1])


def policy_gradient(params, observations, actions, weights, length, averages=True):
    """The derivative of Σ weights · log π by each parameter, by complex steps."""
    found = {name: np.zeros(leaf.shape) for name, leaf in params.items()}
    for name, leaf in params.items():
        for index in np.ndindex(leaf.shape):
            moved = {key: value.astype(complex) for key, value in params.items()}
            moved[name][index] += 1e-30j
            logits, _ = along(moved, observations, length, averages)
            found[name][index] = (weights * log_probs_of(logits, actions)).sum().imag / 1e-30
    return found
