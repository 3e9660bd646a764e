"""One iteration of the analytical engine against a transcription: the step of all agents, and every measure."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from analytical_runs import experiment, logits, run
from reference import analytical_games as paper

from coalactl_core.analytical.engine import build_analytical_engine
from coalactl_core.types import Metrics

DILEMMA = np.array([[1.0, -1.0], [2.0, 0.0]])
TIT_FOR_TAT = np.array([1.0, 1, 0, 1, 0])


GAMMA, RATE, STEPS, WEIGHT, P_NAIVE, LEARNING_RATE = 0.9, 3.0, 2, 0.2, 0.6, 0.5
PROBED: dict[str, dict[str, Any]] = {
    "environment": {"discount": GAMMA},
    "population": {"meta": 3, "p_naive": P_NAIVE, "fixed": [{"strategy": "tit-for-tat", "weight": WEIGHT}]},
    "meta": {"optimizer": "sgd", "learning_rate": LEARNING_RATE},
    # All learners start at even odds, so that nothing is drawn.
    "naive": {"learners": 1, "steps": STEPS, "learning_rate": RATE, "initial_scale": 0.0},
    "run": {"seeds": 1},
}


def against_learner(method: str, policy: np.ndarray, others: list[np.ndarray]) -> float:
    """J, not normalised, of what an agent ascends with weight p_naive."""
    steps = {"payoffs": DILEMMA, "gamma": GAMMA, "eta": RATE * (1 - GAMMA)}
    if method == "shaping":
        return paper.shaping_value(policy, [np.zeros(5)], steps=STEPS, **steps) / (STEPS + 1)
    return float(np.mean([paper.look_ahead_value(policy, other, look_aheads=2, **steps) for other in others]))


def mixture(method: str, policy: np.ndarray, others: list[np.ndarray]) -> float:
    """What an agent ascends: fixed policies have their weight, learners p_naive of the rest, others what is left."""
    own = paper.sigmoid(policy)
    meta = np.mean([paper.values(own, paper.sigmoid(other), DILEMMA, GAMMA)[0] for other in others])
    fixed = paper.values(own, TIT_FOR_TAT, DILEMMA, GAMMA)[0]
    learned = against_learner(method, policy, others)
    return (1 - GAMMA) * (WEIGHT * fixed + (1 - WEIGHT) * (P_NAIVE * learned + (1 - P_NAIVE) * meta))


@pytest.mark.parametrize("method", ["shaping", pytest.param("lola-dice", marks=pytest.mark.long)])
def test_an_iteration_is_a_simultaneous_step_along_the_mixed_gradient(method) -> None:
    probed = {**PROBED, "meta": {**PROBED["meta"], "method": method}, "lola": {"look_aheads": 2}}
    engine = build_analytical_engine(experiment(**probed))
    before = engine.init([0])
    after, metrics = run(engine, before, 1)
    policies = list(logits(before)[0, 0])
    for agent, policy in enumerate(policies):
        others = policies[:agent] + policies[agent + 1 :]
        gradient = paper.central_differences(lambda at, others=others: mixture(method, at, others), policy)
        # Central differences 1e-5 apart of values that are exact to 1e-12.
        np.testing.assert_allclose(logits(after)[0, 0, agent] - policy, LEARNING_RATE * gradient, atol=1e-7)
        np.testing.assert_allclose(metrics.scalars["grad_norm"][0, 0, 0, agent], np.linalg.norm(gradient), atol=1e-7)
    if method == "shaping":
        assert_reported(metrics, policies)


def assert_reported(metrics: Metrics, policies: list[np.ndarray]) -> None:
    """Every measure of every agent, before its first step."""
    told = {name: values[0, 0, 0] for name, values in metrics.scalars.items()}
    for agent, policy in enumerate(policies):
        own = paper.sigmoid(policy)
        learner = paper.naive_learner(np.zeros(5), policy, DILEMMA, GAMMA, RATE * (1 - GAMMA), STEPS)
        met = {
            "naive": [paper.sigmoid(after) for after in learner],
            "meta": [paper.sigmoid(other) for other in policies[:agent] + policies[agent + 1 :]],
            "fixed": [TIT_FOR_TAT],
        }
        for kind, opponents in met.items():
            for measure, payoffs in (("reward", DILEMMA), ("defection", np.array([[0.0, 0], [1, 1]]))):
                pairs = (1 - GAMMA) * np.array([paper.values(own, other, payoffs, GAMMA) for other in opponents])
                for player, prefix in enumerate(("", "coplayer_")):
                    name = f"{prefix}{measure}"
                    expected = {f"{name}_vs_{kind}": pairs[:, player].mean()}
                    if kind == "naive":
                        expected |= {f"{name}_first_vs_naive": pairs[0, player]}
                        expected |= {f"{name}_last_vs_naive": pairs[-1, player]}
                        episodes = metrics.episodes[name][0, 0, 0, agent, 0]
                        np.testing.assert_allclose(episodes, pairs[:, player], atol=1e-12)
                    for column, value in expected.items():
                        np.testing.assert_allclose(told[column][agent], value, atol=1e-12, err_msg=column)
        states = [told[f"cooperation_{state}"][agent] for state in ("start", "cc", "cd", "dc", "dd")]
        np.testing.assert_allclose(states, own, atol=1e-15)
        fit = paper.extortion(told["zd_chi"][agent], told["zd_phi"][agent], DILEMMA)
        np.testing.assert_allclose(told["zd_error"][agent], np.mean((fit - own[1:]) ** 2), atol=1e-12)
    assert len(set(told["random_zd_error"])) == len(policies)
