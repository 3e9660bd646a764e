"""PPI's model and what it expects, transcribed to NumPy one token at a time; complex numbers may go in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

import numpy as np

Params = Mapping[str, Any]
ROUND = ("observation", "reward", "action")


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def dense(layer: Params, x: np.ndarray) -> np.ndarray:
    return x @ layer["kernel"] + layer.get("bias", 0.0)


def token(params: Params, state: np.ndarray, modality: str, value: float) -> np.ndarray:
    """The state of the gated recurrent unit after a token, as its authors write it with the reset inside (v3)."""
    size = params[modality]["kernel"].shape[0]
    x = dense(params[modality], np.asarray([value]) if modality == "reward" else np.eye(size)[int(value)])
    cell = params["cell"]
    reset = sigmoid(dense(cell["ir"], x) + dense(cell["hr"], state))
    kept = sigmoid(dense(cell["iz"], x) + dense(cell["hz"], state))
    candidate = np.tanh(dense(cell["in"], x) + reset * dense(cell["hn"], state))
    return (1 - kept) * candidate + kept * state


def head(params: Params, state: np.ndarray, modality: str) -> np.ndarray:
    return dense(params[f"next_{modality}"], state * sigmoid(state))


def probabilities(params: Params, state: np.ndarray, modality: str) -> np.ndarray:
    weights = np.exp(head(params, state, modality))
    return weights / weights.sum()


def start(params: Params) -> np.ndarray:
    return np.zeros(params["cell"]["hn"]["bias"].shape)


def losses(params: Params, numbers: np.ndarray, rewards: np.ndarray, actions: np.ndarray) -> dict[str, Any]:
    """Means over histories and rounds, by modality."""
    found: dict[str, Any] = dict.fromkeys(ROUND, 0.0)
    for history in zip(numbers, rewards, actions, strict=True):
        state = start(params)
        for values in zip(*history, strict=True):
            for modality, value in zip(ROUND, values, strict=True):
                if modality == "reward":
                    found[modality] += (head(params, state, modality)[0] - value) ** 2 / 2
                else:
                    found[modality] += -np.log(probabilities(params, state, modality)[int(value)])
                state = token(params, state, modality, value)
    return {modality: total / numbers.size for modality, total in found.items()}


def action_values(params: Params, state: np.ndarray, horizon: int, discount: float) -> np.ndarray:
    """The expected return of every action within the horizon, over all that the model can draw."""
    actions = range(params["action"]["kernel"].shape[0])

    def expected(state: np.ndarray, action: int, rounds: int) -> float:
        state, total = token(params, state, "action", action), 0.0
        for number, chance in enumerate(probabilities(params, state, "observation")):
            seen = token(params, state, "observation", number)
            reward = head(params, seen, "reward")[0]
            paid = token(params, seen, "reward", reward)
            later = 0.0
            if rounds > 1:
                chances = probabilities(params, paid, "action")
                later = sum(chances[after] * expected(paid, after, rounds - 1) for after in actions)
            total += chance * (reward + discount * later)
        return total

    return np.asarray([expected(state, action, horizon) for action in actions])


def changed(params: Params, by: complex) -> Iterator[tuple[tuple[str, ...], tuple[int, ...], dict[str, Any]]]:
    """The parameters once for each number in them, which is changed: where it is, and all of them."""
    for path, leaf in leaves(params):
        for place in product(*map(range, leaf.shape)):
            other = leaf.astype(complex)
            other[place] += by
            yield path, place, replaced(params, path, other)


def leaves(params: Params, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], np.ndarray]]:
    for name, value in params.items():
        if isinstance(value, Mapping):
            yield from leaves(value, (*path, name))
        else:
            yield (*path, name), value


def replaced(params: Params, path: tuple[str, ...], leaf: np.ndarray) -> dict[str, Any]:
    name, *rest = path
    return {**params, name: replaced(params[name], tuple(rest), leaf) if rest else leaf}
