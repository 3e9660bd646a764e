"""LOLA-DiCE's estimate against the exact total derivative of J(φ, ψ + Σ_q Δ_q) (Eqs. 4 and 21), by enumeration.

The game is one inner episode of two steps, of which there are 16 trajectories. A batch that holds every trajectory as
often as it is probable, or with rewards weighed so, makes the estimate the expectation for batches that grow large.
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import support
from statistical import two_step_game as game
from statistical.inner_episode import ACTIONS, COUNT, POLICY, REWARDS, SEEN, inner_return, probabilities
from support import meta_hyper, naive_hyper, opponents_like

from coalactl_core.learning.optimizers import differentiable_adam, fresh_learner, sgd
from coalactl_core.play.rollout import Record, play_inner_episode
from coalactl_core.rules.look_ahead import LookAhead, Situation, look_ahead, meta_gradient, situation_loss
from coalactl_core.types import NAIVE, Opponents, Pairing

# Sums of 16 to 256 terms in float64; measured about 1e-15.
EXACT = 1e-12
RATE = 4.0

pytestmark = pytest.mark.usefixtures("float64")


def lola_of(
    sample: Any, *, steps: int = 1, batch: int = COUNT, baseline: bool = True, optimizer: Any = sgd
) -> LookAhead:
    rollout = support.rollout_of(game.ENVIRONMENT, POLICY, batch, 1)
    changes = {"look_aheads": steps, "look_ahead_optimizer": optimizer, "baseline": baseline, "chunk": 100}
    return support.lola_of(rollout, sample=sample, **changes)


def situation_of(other: Any, batch: int = COUNT, key: int = 0) -> Situation:
    opponent = opponents_like((), [NAIVE])
    fresh = jnp.zeros(batch, int)
    return Situation(
        key=jax.random.key(key),
        opponent=jax.tree.map(lambda leaf: leaf[0], opponent),
        start=Pairing(learner=fresh_learner(sgd, other), ego_carry=fresh, coplayer_carry=fresh),
    )


def records(which: np.ndarray, weights: Any = 1.0) -> Record:
    """These trajectories, their rewards multiplied by weights."""
    rewards = jnp.asarray(REWARDS[which]) * jnp.reshape(jnp.asarray(weights), (-1, 1, 1))
    return Record(
        state=jnp.asarray(SEEN[which, :, 0].T, jnp.int8),
        actions=jnp.asarray(ACTIONS[which].swapaxes(0, 1), jnp.int8),
        rewards=jnp.swapaxes(rewards, 0, 1),
        events=None,
        log_prob=jnp.zeros((game.LENGTH, len(which))),
        value=jnp.zeros((game.LENGTH, len(which))),
    )


def weighed(ego: Any, key: Any, opponent: Opponents, start: Pairing, naive: Any) -> Record:
    """Each trajectory once, its rewards weighed by its probability."""
    del key, opponent
    return records(np.arange(COUNT), COUNT * probabilities(ego["logits"], start.learner.params["logits"]))


def without_values(seed: int = 0) -> tuple[Any, Any]:
    """Players whose values are 0, so that estimates are linear in rewards."""
    players = [POLICY.init(key) for key in jax.random.split(jax.random.key(seed))]
    ego, other = ({**player, "values": jnp.zeros_like(player["values"])} for player in players)
    return ego, other


def exact_objective(ego: jax.Array, other: jax.Array, steps: int, rate: float) -> jax.Array:
    """J after exact policy gradient steps; the naive loss is a mean over the steps of the episode."""
    for _ in range(steps):
        other = other + rate / game.LENGTH * jax.grad(inner_return, 1)(ego, other, 1)
    return inner_return(ego, other)


@partial(jax.jit, static_argnames="lola")
def expected_gradient(ego: Any, other: Any, rate: float, lola: LookAhead) -> jax.Array:
    """Of the objective in the logits, as the engine has it."""
    hyper = naive_hyper(normalize_advantages=False, learning_rate=rate)
    gradient = jax.grad(situation_loss, has_aux=True)(ego, situation_of(other), meta_hyper(), hyper, lola)[0]
    return -game.LENGTH * gradient["logits"]


def relative(difference: jax.Array, to: jax.Array) -> float:
    return float(jnp.linalg.norm(difference) / jnp.linalg.norm(to))


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_expected_estimate_is_the_total_derivative(steps) -> None:
    ego, other = without_values()
    exact = jax.grad(exact_objective)(ego["logits"], other["logits"], steps, RATE)
    partial_ = jax.grad(lambda logits: exact_objective(logits, moved(ego, other, steps), 0, RATE))(ego["logits"])
    estimate = expected_gradient(ego, other, RATE, lola_of(weighed, steps=steps))
    assert relative(estimate - exact, exact) < EXACT
    assert relative(partial_ - exact, exact) > 0.1


def moved(ego: Any, other: Any, steps: int) -> jax.Array:
    """Where the other agent's logits are after the look-ahead."""
    logits = other["logits"]
    for _ in range(steps):
        logits = logits + RATE / game.LENGTH * jax.grad(inner_return, 1)(ego["logits"], logits, 1)
    return logits


def test_without_a_step_it_is_the_policy_gradient() -> None:
    ego, other = without_values()
    exact = jax.grad(inner_return)(ego["logits"], other["logits"])
    estimate = expected_gradient(ego, other, 0.0, lola_of(weighed, steps=2))
    assert relative(estimate - exact, exact) < EXACT


# --- everything that an update has, on a batch that holds each trajectory in proportion to its probability ------------

QUARTERS = np.array([[1, 3], [2, 2], [3, 1], [1, 3], [3, 1]]), np.array([[3, 1], [1, 3], [3, 1], [2, 2], [1, 3]])
WHOLE = 256
CASES = {
    "plain": {},
    "centred": {"normalize_advantages": True},
    "general": {
        "normalize_advantages": True,
        "discount": 0.9,
        "td_lambda": 0.7,
        "gae_lambda": 0.6,
        "value_coefficient": 0.4,
        "entropy": 0.3,
        "reward_scale": 0.5,
    },
    "limited": {"value_coefficient": 0.5, "max_grad_norm": 0.01},
}


def in_proportion(ego: Any, key: Any, opponent: Opponents, start: Pairing, naive: Any) -> Record:
    """Each trajectory as often as it is probable in 256."""
    del ego, key, opponent, start
    taken = [table[SEEN[..., p], ACTIONS[..., p]] for p, table in enumerate(QUARTERS)]
    return records(np.repeat(np.arange(COUNT), np.prod(taken, (0, 2))))


def exact_step(ego: jax.Array, other: Any, hyper: Any, adam: bool) -> Any:
    """The update on the expected gradient, whose probabilities, advantages and targets depend on both players."""
    chances = probabilities(ego, other["logits"])[:, None]
    values, rewards = other["values"][SEEN[..., 1]], hyper.reward_scale * REWARDS[..., 1]
    last = rewards[:, 1] - values[:, 1]
    first = rewards[:, 0] + hyper.discount * values[:, 1] - values[:, 0]
    advantages = jnp.stack([first + hyper.discount * hyper.gae_lambda * last, last], 1)
    later = (1 - hyper.td_lambda) * values[:, 1] + hyper.td_lambda * rewards[:, 1]
    targets = jnp.stack([rewards[:, 0] + hyper.discount * later, rewards[:, 1]], 1)
    centre = jnp.where(hyper.normalize_advantages, jnp.sum(chances * advantages) / game.LENGTH, 0)

    def loss(params: Any) -> jax.Array:
        seen = jax.nn.log_softmax(params["logits"])[SEEN[..., 1]]
        taken = jnp.take_along_axis(seen, ACTIONS[..., 1, None], -1)[..., 0]
        errors = params["values"][SEEN[..., 1]] - targets
        entropy = -jnp.sum(jnp.exp(seen) * seen, -1)
        each = -taken * (advantages - centre) + hyper.value_coefficient * errors**2 / 2 - hyper.entropy * entropy
        return jnp.sum(chances * each) / game.LENGTH

    gradient = jax.grad(loss)(other)
    norm = jnp.sqrt(sum(jnp.sum(part**2) for part in gradient.values()))
    factor = hyper.max_grad_norm / norm if float(hyper.max_grad_norm) < np.inf else 1.0
    gradient = {name: part * factor for name, part in gradient.items()}
    if adam:
        gradient = {n: part / (jnp.sqrt(part**2 + 1e-12) + hyper.adam_epsilon) for n, part in gradient.items()}
    return {name: part - hyper.learning_rate * gradient[name] for name, part in other.items()}


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("case", CASES)
def test_look_ahead_has_the_derivative_of_the_expected_update(case, optimizer) -> None:
    """In the agent's logits and in the co-player's own parameters, through which a second step sees the first."""
    hyper = naive_hyper(learning_rate=RATE, **({"adam_epsilon": 0.1} if optimizer == "adam" else {}), **CASES[case])
    ego, other = (
        {"logits": jnp.log(jnp.asarray(table) / 4), "values": POLICY.init(jax.random.key(place))["values"]}
        for place, table in enumerate(QUARTERS)
    )
    chosen = {"sgd": sgd, "adam": differentiable_adam}[optimizer]
    lola = lola_of(in_proportion, batch=WHOLE, optimizer=chosen)

    def engine(logits: jax.Array, other: Any) -> Any:
        return look_ahead({**ego, "logits": logits}, situation_of(other, WHOLE), hyper, lola).params

    exact = partial(exact_step, hyper=hyper, adam=optimizer == "adam")
    close = partial(np.testing.assert_allclose, rtol=EXACT, atol=EXACT)
    jax.tree.map(close, jax.jit(engine)(ego["logits"], other), exact(ego["logits"], other))
    jacobians = [jax.jit(jax.jacrev(step, (0, 1)))(ego["logits"], other) for step in (engine, exact)]
    jax.tree.map(close, *jacobians)
    assert jnp.linalg.norm(jacobians[0]["logits"][0]) > 1e-3


# --- samples ----------------------------------------------------------------------------------------------------------


# Look-aheads, and whether there is a baseline.
SAMPLED = [(1, True), (1, False), (2, True)]


@pytest.fixture(scope="module")
def samples() -> dict[tuple[int, bool], np.ndarray]:
    """Estimates of the gradient in the logits, each from batches of 512 trajectories."""
    with jax.enable_x64(True):
        return {case: _samples(*case) for case in SAMPLED}


def _players() -> tuple[Any, Any]:
    """Players of whom the first has the values of its policy as they are before the look-ahead."""
    ego, other = (POLICY.init(key) for key in jax.random.split(jax.random.key(0)))
    chances, later = probabilities(ego["logits"], other["logits"]), REWARDS[:, 1, 0]
    second = [jnp.average(later, weights=chances * (SEEN[:, 1, 0] == seen)) for seen in range(1, 5)]
    return {**ego, "values": jnp.stack([inner_return(ego["logits"], other["logits"]), *second])}, other


def _samples(steps: int, baseline: bool) -> np.ndarray:
    batch, count = 512, 200
    ego, other = _players()

    def sample(prepared: Any, key: Any, opponent: Opponents, start: Pairing, naive: Any) -> Record:
        return play_inner_episode(prepared, key, opponent, start, hyper=naive, rollout=lola.rollout)[1]

    lola = lola_of(sample, steps=steps, batch=batch, baseline=baseline)
    hyper = naive_hyper(normalize_advantages=True, value_coefficient=0.5, learning_rate=RATE)

    def estimate(key: jax.Array) -> jax.Array:
        situations = jax.tree.map(lambda leaf: leaf[None], situation_of(other, batch)._replace(key=key))
        return -game.LENGTH * meta_gradient(ego, situations, meta_hyper(), hyper, lola)[0]["logits"]

    return np.asarray(jax.jit(partial(jax.lax.map, estimate))(jax.random.split(jax.random.key(steps), count)))


def deviation(samples: np.ndarray, exact: np.ndarray) -> float:
    """Largest distance of the mean from the exact gradient, in standard errors."""
    errors = np.std(samples, 0, ddof=1) / np.sqrt(len(samples))
    return float(np.max(np.abs(np.mean(samples, 0) - exact) / errors))


@pytest.mark.parametrize("case", SAMPLED, ids=str)
@pytest.mark.long
def test_mean_of_samples_is_the_total_derivative(samples, case) -> None:
    """Within 4 standard errors, where the policy gradient before or after the look-ahead is off by more than 10."""
    ego, other = _players()
    exact = jax.grad(exact_objective)(ego["logits"], other["logits"], case[0], RATE)
    assert deviation(samples[case], np.asarray(exact)) < 4
    for logits in (other["logits"], moved(ego, other, case[0])):
        assert deviation(samples[case], np.asarray(jax.grad(inner_return)(ego["logits"], logits))) > 10


@pytest.mark.long
def test_baseline_makes_estimates_less_noisy(samples) -> None:
    noise = {baseline: np.sum(np.var(samples[1, baseline], 0)) for baseline in (True, False)}
    assert noise[True] < noise[False]
