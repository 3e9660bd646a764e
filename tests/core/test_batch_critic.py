"""The critic of the batch as a regression: against an independent one, its units, its memory, odd features."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from reference import batch_critic

from coalactl_core.credit import batch_critic as critics
from coalactl_core.credit.batch_critic import (
    MEMORY,
    PRIOR_ROWS,
    CriticState,
    Predictions,
    explained_variance,
    returns_from_starts,
)

pytestmark = pytest.mark.usefixtures("float64")

# Against rounding, the engine adds this share of every term's sum of squares to it.
ROUNDING = 1e-5
META_BATCH, EPISODES, LENGTH, BATCH, FEATURES = 12, 4, 3, 2, 3
# Solved in float64 in another way.
close = partial(np.testing.assert_allclose, atol=1e-8, rtol=0)
learn, predict = jax.jit(critics.learn), jax.jit(critics.predict)
explained = jax.jit(explained_variance)
ALL = np.ones(META_BATCH, bool)


class Iteration(NamedTuple):
    """What a critic sees and what then comes, of the meta-episodes of one iteration."""

    seen: np.ndarray
    wanted: Predictions


def random_iteration(seed: int, features: int = FEATURES) -> Iteration:
    """Answers that features explain in part."""
    rng = np.random.default_rng(seed)
    seen = rng.normal(1.0, 0.3, size=(META_BATCH, EPISODES, features))
    answers = 5 * seen[..., :2] + rng.normal(size=(META_BATCH, EPISODES, 2))
    return Iteration(seen, Predictions(answers[..., 0], answers[..., 1]))


def empty_state(features: int = FEATURES) -> CriticState:
    terms = 2 * (1 + features)
    return CriticState(products=np.zeros((terms, terms)), answers=np.zeros((terms, 2)))


def after(*iterations: Iteration, where: np.ndarray = ALL) -> CriticState:
    state = empty_state(iterations[0].seen.shape[-1])
    for iteration in iterations:
        state = learn(state, *iteration, where)
    return state


def terms_of(seen: np.ndarray) -> np.ndarray:
    """A row for each inner episode's start: 1 and all features, each times τ and τ², τ being the share that is left."""
    rows = []
    for meta_episode in seen:
        for m, features in enumerate(meta_episode):
            left = (len(meta_episode) - m) / len(meta_episode)
            rows.append([number * power for number in (1.0, *features) for power in (left, left**2)])
    return np.asarray(rows)


def transcribed(history: list[Iteration], seen: np.ndarray) -> Predictions:
    pairs = [(terms_of(past), np.stack(wanted, -1).reshape(-1, 2)) for past, wanted in history]
    found = batch_critic.ridge_predictions(pairs, terms_of(seen), MEMORY, PRIOR_ROWS, ROUNDING)
    return Predictions(*np.moveaxis(found.reshape(*seen.shape[:2], 2), -1, 0))


def test_predictions_are_the_minimum_of_the_objective() -> None:
    """After one iteration and after three, the older of which count less."""
    history = [random_iteration(seed) for seed in range(3)]
    seen = random_iteration(9).seen
    for past in (history[:1], history):
        jax.tree.map(close, predict(after(*past), seen), transcribed(past, seen))


def test_it_learns_and_what_it_never_saw_it_expects_to_be_nothing() -> None:
    seen, wanted = random_iteration(9)
    jax.tree.map(lambda found: close(found, 0), predict(empty_state(), seen))
    found = predict(after(*(random_iteration(seed) for seed in range(20))), seen)
    # Features explain 9/13 of the variance of what comes.
    assert all(explained(*pair, ALL) > 0.5 for pair in zip(found, wanted, strict=True))


def test_of_its_features_no_unit_matters_and_levels_are_not_shrunk() -> None:
    """Feature by feature another scale; and answers that are all alike are expected exactly from the first."""
    history = [random_iteration(seed) for seed in range(2)]
    seen = random_iteration(9).seen
    scale = np.asarray([1e3, 1.0, 1e-3])
    scaled = [past._replace(seen=past.seen * scale) for past in history]
    jax.tree.map(close, predict(after(*scaled), seen * scale), predict(after(*history), seen))
    left = (EPISODES - np.arange(EPISODES)) / EPISODES
    level = np.broadcast_to(3 * left - left**2, (META_BATCH, EPISODES))
    found = predict(after(Iteration(history[0].seen, Predictions(level, -level))), seen)
    # But for the share against rounding.
    jax.tree.map(partial(np.testing.assert_allclose, atol=0.02), found, Predictions(level, -level))


def test_older_iterations_count_less() -> None:
    """Of many, the last has a tenth of all the weight."""
    first, second = random_iteration(0), random_iteration(1)
    both, alone = after(first, second), (after(first), after(second))
    jax.tree.map(lambda found, old, new: close(found, MEMORY * old + new), both, *alone)
    many = after(*[first] * 80)
    close(many.products, alone[0].products / (1 - MEMORY), rtol=1e-3)


def test_it_learns_from_chosen_meta_episodes_alone() -> None:
    where = np.arange(META_BATCH) % 3 == 0
    iteration = random_iteration(0)
    chosen = Iteration(iteration.seen[where], Predictions(*(column[where] for column in iteration.wanted)))
    expected = learn(empty_state(), *chosen, np.ones(where.sum(), bool))
    jax.tree.map(close, after(iteration, where=where), expected)
    jax.tree.map(close, after(iteration, where=~ALL), empty_state())


@pytest.mark.parametrize("precise", [False, True], ids=["float32", "float64"])
@pytest.mark.parametrize(
    ("kind", "like"),
    [
        *((kind, "") for kind in ("zero", "constant", "nearly constant")),
        *((kind, "noise") for kind in ("huge", "tiny")),
        ("twice the same", "twice the same"),
    ],
)
def test_features_that_tell_nothing_and_those_of_odd_units_do_no_harm(kind: str, like: str, precise: bool) -> None:
    """In single precision too, predictions as without them, or as in order 1, or as in double precision."""

    def with_feature(seed: int, kind: str) -> Iteration:
        seen, wanted = random_iteration(seed)
        noise = np.random.default_rng(100 + seed).normal(size=seen.shape[:2])
        features = {
            "zero": np.zeros_like(noise),
            "constant": np.full_like(noise, 7.0),
            "twice the same": seen[..., 0],
            "nearly constant": 1 + 1e-4 * noise,
            "noise": noise,
            "huge": 1e8 * noise,
            "tiny": 1e-8 * noise,
        }
        seen = seen[..., :2]
        return Iteration(np.concatenate([seen, features[kind][..., None]], -1) if kind else seen, wanted)

    def predictions(kind: str) -> Predictions:
        return predict(after(*(with_feature(seed, kind) for seed in range(3))), with_feature(9, kind).seen)

    exact = predictions(like)
    with jax.enable_x64(precise):
        found = predictions(kind)
    assert found.at_starts.dtype == (jnp.float64 if precise else jnp.float32)
    for expected, without in zip(found, exact, strict=True):
        # Of what is about 5; the share against rounding makes the most of it.
        np.testing.assert_allclose(expected, without, atol=2e-3)


def test_returns_from_starts_are_sums() -> None:
    earned = np.random.default_rng(0).normal(size=(META_BATCH, EPISODES))
    for discount in (1.0, 0.7):
        found = returns_from_starts(jnp.asarray(earned), discount)
        for place, row in enumerate(earned):
            for m in range(EPISODES):
                close(found.at_starts[place, m], sum(discount ** (j - m) * row[j] for j in range(m, EPISODES)))
                later = [discount ** (j - m - 1) * row[j] for j in range(m + 1, EPISODES)]
                close(found.after_episodes[place, m], sum(later))


def test_explained_variance_is_that_of_the_chosen_and_undefined_where_nothing_varies() -> None:
    came, expected = np.random.default_rng(0).normal(size=(2, META_BATCH, EPISODES))
    expected = came + 0.3 * expected
    where = np.arange(META_BATCH) % 2 == 0
    exact = 1 - np.sum(np.var((came - expected)[where], 0)) / np.sum(np.var(came[where], 0))
    close(explained(expected, came, where), exact)
    # A level of its own for each inner episode explains nothing.
    close(explained(came + np.arange(EPISODES), came, where), 1)
    close(explained(np.arange(EPISODES) + np.zeros(came.shape), came, where), 0)
    assert np.isnan(explained(expected, np.ones(came.shape), where))
    assert np.isnan(explained(expected, came, ~ALL))
