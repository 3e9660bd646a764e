"""The naive co-player's update against one written by hand: A2C by loops, then Adam or SGD with a limit on the norm."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from reference import slow_losses
from support import naive_hyper, reactive_policy, recurrent_policy

from coalactl_core.learning.optimizers import adam, adamw, fresh_learner, sgd
from coalactl_core.opponents.a2c import naive_update
from coalactl_core.types import Experience

pytestmark = pytest.mark.usefixtures("float64")

LENGTH, BATCH = 4, 3
POLICY = recurrent_policy()
CASES = {
    "paper": {"discount": 0.99, "value_coefficient": 0.5, "reward_scale": 0.05},
    "general": {"discount": 0.9, "td_lambda": 0.7, "gae_lambda": 0.6, "value_coefficient": 0.4, "entropy": 0.1},
    "uncentred": {"normalize_advantages": False, "value_coefficient": 0.5},
}


def experience(seed: int) -> Experience:
    rng = np.random.default_rng(seed)
    return Experience(
        observations=np.eye(5)[rng.integers(0, 5, (LENGTH, BATCH))],
        actions=rng.integers(0, 2, (LENGTH, BATCH)),
        rewards=rng.normal(size=(LENGTH, BATCH)),
    )


def slow_step(params: Any, observation: jax.Array, memory: Any) -> tuple[jax.Array, jax.Array, Any]:
    output, memory = POLICY.step(params, observation, memory)
    return output.logits, output.value, memory


def slow_gradient(params: Any, played: Experience, hyper: Any) -> dict[str, np.ndarray]:
    start = POLICY.initial_carry()

    def values_of(b: int) -> list[float]:
        played_through = slow_losses.play_through(
            slow_step, params, start, played.observations[:, b], played.actions[:, b]
        )
        return [float(value) for _, value, _ in played_through]

    loss = partial(
        slow_losses.naive_loss,
        slow_step,
        memory=start,
        observations=played.observations,
        actions=played.actions,
        rewards=float(hyper.reward_scale) * played.rewards,
        values=np.transpose([values_of(b) for b in range(BATCH)]),
        discount=float(hyper.discount),
        td_lambda=float(hyper.td_lambda),
        gae_lambda=float(hyper.gae_lambda),
        value_coefficient=float(hyper.value_coefficient),
        entropy_coefficient=float(hyper.entropy),
        centre=bool(hyper.normalize_advantages),
    )
    return jax.tree.map(np.asarray, jax.grad(loss)(params))


def clipped(gradient: dict[str, np.ndarray], limit: float) -> dict[str, np.ndarray]:
    norm = np.sqrt(sum(np.sum(part**2) for part in gradient.values()))
    return {name: part * min(1.0, limit / norm) for name, part in gradient.items()}


update = jax.jit(naive_update, static_argnames=("policy", "optimizer"))


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("limit", [1e-2, np.inf])
def test_one_step_of_sgd(case, limit) -> None:
    hyper = naive_hyper(**CASES[case], learning_rate=0.3, max_grad_norm=limit)
    params, played = POLICY.init(jax.random.key(0)), experience(0)
    learner = update(fresh_learner(sgd, params), _arrays(played), hyper, policy=POLICY, optimizer=sgd)
    gradient = clipped(slow_gradient(params, played, hyper), limit)
    for name, part in gradient.items():
        np.testing.assert_allclose(learner.params[name], params[name] - 0.3 * part, atol=1e-12)


@pytest.mark.parametrize(("optimizer", "decay"), [(adam, 0.0), (adamw, 1e-4)])
def test_three_steps_of_adam_keep_its_moments(optimizer, decay) -> None:
    hyper = naive_hyper(**CASES["paper"], learning_rate=0.005, max_grad_norm=1e-2, adam_epsilon=1e-5)
    params = POLICY.init(jax.random.key(0))
    learner = fresh_learner(optimizer, params)
    expected = {name: np.asarray(part) for name, part in params.items()}
    first = {name: np.zeros_like(part) for name, part in expected.items()}
    second = {name: np.zeros_like(part) for name, part in expected.items()}
    for count in range(1, 4):
        played = experience(count)
        learner = update(learner, _arrays(played), hyper, policy=POLICY, optimizer=optimizer)
        gradient = clipped(slow_gradient(expected, played, hyper), 1e-2)
        for name, part in gradient.items():
            first[name] = 0.9 * first[name] + 0.1 * part
            second[name] = 0.999 * second[name] + 0.001 * part**2
            corrected = first[name] / (1 - 0.9**count), second[name] / (1 - 0.999**count)
            direction = corrected[0] / (np.sqrt(corrected[1]) + 1e-5)
            expected[name] = expected[name] - 0.005 * (direction + decay * expected[name])
            np.testing.assert_allclose(learner.params[name], expected[name], atol=1e-11)


def test_worked_example() -> None:
    """Two trajectories of one step, uniform table: the rewarded action's logit rises by half of half of the step."""
    policy = reactive_policy()
    params = jax.tree.map(jnp.zeros_like, policy.init(jax.random.key(0)))
    played = Experience(
        observations=jnp.eye(5)[jnp.asarray([[0, 0]])], actions=jnp.asarray([[0, 1]]), rewards=jnp.asarray([[0.0, 1.0]])
    )
    hyper = naive_hyper(learning_rate=1.0)
    learner = update(fresh_learner(sgd, params), played, hyper, policy=policy, optimizer=sgd)
    np.testing.assert_allclose(learner.params["logits"][0], [-0.25, 0.25], atol=1e-15)
    np.testing.assert_array_equal(learner.params["logits"][1:], 0)


def _arrays(played: Experience) -> Experience:
    return jax.tree.map(jnp.asarray, played)
