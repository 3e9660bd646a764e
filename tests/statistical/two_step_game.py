"""The smallest game in which a co-player learns: every outcome and its probability, enumerated in float64.

Iterated prisoner's dilemma, B = M = T = 2: two trajectories of two inner episodes of two steps, 65,536 outcomes. The
ego agent's logits depend on its trajectory's own history, that of the first inner episode included; the co-player's on
the current inner episode, and its second episode is played with what the engine's own naive update made of the first.
Payoffs, histories and probabilities are written out here, independently of the engine.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from support import history_policy, naive_hyper, opponents_like, score_function_updater

from coalactl_core.credit.batch_critic import Predictions
from coalactl_core.envs.matrix_game import MatrixGame
from coalactl_core.learning.optimizers import fresh_learner, sgd
from coalactl_core.learning.update import LearningBatch, minibatch_gradient
from coalactl_core.nets.policy import Policy
from coalactl_core.opponents.a2c import naive_update
from coalactl_core.rules.score_function import learning_targets
from coalactl_core.types import (
    NAIVE,
    Experience,
    MetaEpisode,
    MetaHyperparameters,
    NaiveHyperparameters,
    Params,
    Trajectory,
)

BATCH = EPISODES = LENGTH = 2
STEPS = EPISODES * LENGTH
# Observation histories are numbers in base 5; the first observation of an episode is always 0.
ROWS = 105
PAYOFFS = np.array([[1.0, -1.0], [2.0, 0.0]])
POLICY = history_policy(ROWS)
# Of the naive co-player; so large that its learning matters.
NAIVE_STEP = 4.0
ENVIRONMENT = MatrixGame(episode_length=LENGTH)


class Outcomes(NamedTuple):
    """All outcomes; what happens in them leads with (outcomes, steps, batch), and actions end with players."""

    actions: np.ndarray
    states: np.ndarray
    ego_rewards: np.ndarray
    coplayer_rewards: np.ndarray
    ego_histories: np.ndarray
    coplayer_histories: np.ndarray
    # Outcomes that begin alike share the co-player's update: one outcome of each of 256 beginnings, and each's number.
    beginnings: np.ndarray
    beginning: np.ndarray


class Case(NamedTuple):
    """The game against one naive learner: its outcomes, their probabilities, and the gradient to be estimated."""

    outcomes: Outcomes
    ego: Params
    coplayer: Params
    probabilities: jax.Array
    gradient: jax.Array


@jax.jit
def build_case(outcomes: Outcomes, step: float) -> Case:
    """Random players, of whom the co-player learns by steps of this size."""
    ego, coplayer = random_players()
    coplayer_part = coplayer_probabilities(outcomes, coplayer, naive_hyper(learning_rate=step))
    return Case(
        outcomes=outcomes,
        ego=ego,
        coplayer=coplayer,
        probabilities=coplayer_part * jnp.exp(jnp.sum(ego_log_probs(outcomes, ego), (1, 2))),
        gradient=exact_gradient(outcomes, ego, coplayer_part),
    )


def enumerate_outcomes() -> Outcomes:
    """Every way in which the game can go."""
    bits = STEPS * BATCH * 2
    numbers = np.arange(2**bits)
    actions = ((numbers[:, None] >> np.arange(bits)) & 1).reshape(-1, STEPS, BATCH, 2)
    own, other = actions[..., 0], actions[..., 1]
    ego_sees, coplayer_sees = np.zeros_like(own), np.zeros_like(own)
    for step in (1, 3):
        ego_sees[:, step] = 1 + 2 * own[:, step - 1] + other[:, step - 1]
        coplayer_sees[:, step] = 1 + 2 * other[:, step - 1] + own[:, step - 1]
    ego_histories, coplayer_histories = np.zeros_like(own), np.zeros_like(own)
    for step in range(1, STEPS):
        ego_histories[:, step] = 5 * ego_histories[:, step - 1] + ego_sees[:, step]
    coplayer_histories[:, 1], coplayer_histories[:, 3] = coplayer_sees[:, 1], coplayer_sees[:, 3]
    first = actions[:, :LENGTH].reshape(len(actions), -1)
    _, beginnings, beginning = np.unique(first, axis=0, return_index=True, return_inverse=True)
    return Outcomes(
        actions=actions.astype(np.int8),
        states=ego_sees.astype(np.int8),
        ego_rewards=PAYOFFS[own, other],
        coplayer_rewards=PAYOFFS[other, own],
        ego_histories=ego_histories,
        coplayer_histories=coplayer_histories,
        beginnings=beginnings,
        beginning=beginning.ravel(),
    )


def random_players(seed: int = 0) -> tuple[Params, Params]:
    """Tables of the ego agent and of the co-player at the start; values are arbitrary and not trained."""
    ego_key, coplayer_key = jax.random.split(jax.random.key(seed))
    return POLICY.init(ego_key), POLICY.init(coplayer_key)


def coplayer_probabilities(outcomes: Outcomes, coplayer: Params, hyper: NaiveHyperparameters) -> jax.Array:
    """Probability of the co-player's actions in each outcome, the second episode after its update on the first."""
    experience = Experience(
        observations=jnp.eye(5)[outcomes.coplayer_histories[outcomes.beginnings, :LENGTH]],
        actions=outcomes.actions[outcomes.beginnings, :LENGTH, :, 1],
        rewards=outcomes.coplayer_rewards[outcomes.beginnings, :LENGTH],
    )

    def learn(experience: Experience) -> jax.Array:
        learner = naive_update(fresh_learner(sgd, coplayer), experience, hyper, policy=POLICY, optimizer=sgd)
        return learner.params["logits"]

    learned = jax.vmap(learn)(experience)
    by_episode = [jnp.broadcast_to(coplayer["logits"], learned.shape), learned]
    result = jnp.ones(outcomes.actions.shape[0])
    for step in range(STEPS):
        log_probs = jax.nn.log_softmax(by_episode[step // LENGTH])
        for b in range(BATCH):
            history, action = outcomes.coplayer_histories[:, step, b], outcomes.actions[:, step, b, 1]
            result = result * jnp.exp(log_probs[outcomes.beginning, history, action])
    return result


def ego_log_probs(outcomes: Outcomes, ego: Params) -> jax.Array:
    """Log-probability of each of the ego agent's actions, (outcomes, steps, batch)."""
    return jax.nn.log_softmax(ego["logits"])[outcomes.ego_histories, outcomes.actions[..., 0]]


def exact_gradient(outcomes: Outcomes, ego: Params, coplayer: jax.Array) -> jax.Array:
    """Gradient of the expected shaping return (Eq. 2) in the ego agent's logits.

    ``coplayer`` are the probabilities of its actions: they depend on the outcome only, so that the ego agent's part of
    the probability is all that is differentiated.
    """
    returns = jnp.mean(jnp.sum(outcomes.ego_rewards, 1), -1)

    def expected_return(logits: jax.Array) -> jax.Array:
        log_probs = ego_log_probs(outcomes, {**ego, "logits": logits})
        return jnp.sum(coplayer * jnp.exp(jnp.sum(log_probs, (1, 2))) * returns)

    return jax.grad(expected_return)(ego["logits"])


def as_trajectories(outcomes: Outcomes, ego: Params) -> Trajectory:
    """The outcomes as the engine would have recorded them."""
    return Trajectory(
        states=outcomes.states,
        actions=outcomes.actions[..., 0],
        rewards=outcomes.ego_rewards,
        log_probs=ego_log_probs(outcomes, ego),
        values=ego["values"][outcomes.ego_histories],
    )


def estimate(
    episodes: MetaEpisode,
    ego: Params,
    hyper: MetaHyperparameters,
    weights: jax.Array | float,
    policy: Policy = POLICY,
    expected: Predictions | None = None,
) -> jax.Array:
    """The engine's estimate of the gradient of Eq. 2 in the logits, as a weighted mean over meta-episodes.

    ``expected`` is what a critic of the batch expects. The engine's loss is the mean over steps, and over b but for the
    weight: so the estimate is −L times its gradient.
    """
    count = episodes.trajectory.rewards.shape[0]
    opponents = opponents_like(jnp.zeros(()), [NAIVE] * count)
    targets = learning_targets(episodes, opponents, hyper, inner_episode_length=LENGTH, expected=expected)
    batch = LearningBatch(episodes.trajectory, targets._replace(weight=weights * targets.weight))
    gradients, _ = minibatch_gradient(ego, batch, hyper, score_function_updater(policy, ENVIRONMENT, count))
    return -STEPS * gradients["logits"]


def expected_estimate(
    outcomes: Outcomes, ego: Params, probabilities: jax.Array, hyper: MetaHyperparameters, policy: Policy = POLICY
) -> jax.Array:
    """The expectation of :func:`estimate` over all outcomes."""
    episodes = MetaEpisode(as_trajectories(outcomes, ego), outcomes={})
    # A mean over all outcomes with these weights is the expectation.
    return estimate(episodes, ego, hyper, probabilities * probabilities.shape[0], policy)
