"""A naive co-player that learns by tabular Q-learning (Watkins & Dayan 1992, doi:10.1007/BF00992698), ε-greedily.

Its table Q[observation, action] is the ``state`` of its learner and starts at 0 in each meta-episode. The network's
parameters, which the pool draws opponents by, lie beside it and are not played by.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Int, Num

from coalactl_core.envs.base import FewObservations
from coalactl_core.errors import ConfigurationError
from coalactl_core.nets.policy import PolicyOutput
from coalactl_core.opponents.seam import Coplayer, CoplayerSetting
from coalactl_core.types import Experience, Learner, NaiveHyperparameters, Params

# A table of more rows has most of them unvisited in an inner episode.
MOST_OBSERVATIONS = 1024

# From what the co-player sees, features or numbers, to numbers of the vocabulary.
Numbering = Callable[[Num[Array, "..."]], Int[Array, "*lead"]]


def build(setting: CoplayerSetting) -> Coplayer:
    """``naive.epochs`` passes an inner episode at the step size ``naive.learning_rate``; ε is ``naive.exploration``.

    Raises:
        ConfigurationError: the game does not number its observations, or has too many.
    """
    environment = setting.environment
    if not isinstance(environment, FewObservations):
        raise ConfigurationError(_refusal("the game does not number its observations (FewObservations)"))
    vocabulary = environment.vocabulary
    if len(vocabulary) > MOST_OBSERVATIONS:
        raise ConfigurationError(_refusal(f"the game has {len(vocabulary)} observations, {MOST_OBSERVATIONS} at most"))
    number = _as_it_is if setting.policy.takes_indices else partial(_found, vocabulary=np.asarray(vocabulary))
    shape = len(vocabulary), environment.num_actions
    return Coplayer(
        init=partial(_fresh, shape=shape),
        update=partial(q_update, number=number, epochs=setting.config.epochs),
        behave=partial(epsilon_greedy, number=number),
    )


def q_update(
    learner: Learner, experience: Experience, hyper: NaiveHyperparameters, *, number: Numbering, epochs: int
) -> Learner:
    """Passes over the transitions of an inner episode: each entry moves by α times the mean of its TD errors.

    δ_t = r_t + γ max_a Q[o_{t+1}, a] − Q[o_t, a_t], without the second term after the last step; of one pass all are
    taken from the table before it, so that the order of the B trajectories does not count.
    """
    table, seen = learner.state, number(experience.observations)
    rewards = hyper.reward_scale * experience.rewards
    rows = jax.nn.one_hot(seen, table.shape[0], dtype=table.dtype)
    columns = jax.nn.one_hot(experience.actions, table.shape[1], dtype=table.dtype)
    # Sums of products with ones and zeros: adding to the rows in place would come out in no fixed order on a GPU.
    taken = rows[..., :, None] * columns[..., None, :]
    visits = jnp.maximum(jnp.sum(taken, (0, 1)), 1)

    def one_pass(
        table: Float[Array, "observations actions"], _: None
    ) -> tuple[Float[Array, "observations actions"], None]:
        following = jnp.pad(jnp.max(table[seen], -1)[1:], ((0, 1), (0, 0)))
        errors = rewards + hyper.discount * following - table[seen, experience.actions]
        change = jnp.sum(taken * errors[..., None, None], (0, 1)) / visits
        return table + hyper.learning_rate * change, None

    return learner._replace(state=jax.lax.scan(one_pass, table, length=epochs)[0])


def epsilon_greedy(
    learner: Learner,
    seen: Num[Array, "*features"],
    output: PolicyOutput,
    hyper: NaiveHyperparameters,
    *,
    number: Numbering,
) -> Float[Array, "actions"]:
    """Log-probabilities: ε shared among all actions, the rest among the best ones."""
    del output
    values = learner.state[number(seen)]
    best = (values == jnp.max(values)).astype(values.dtype)
    exploration = hyper.own["exploration"]
    return jnp.log((1 - exploration) * best / jnp.sum(best) + exploration / values.shape[-1])


def _fresh(params: Params, *, shape: tuple[int, int]) -> Learner:
    return Learner(params, state=jnp.zeros(shape))


def _as_it_is(seen: Num[Array, "..."]) -> Int[Array, "..."]:
    return seen


def _found(seen: Num[Array, "..."], *, vocabulary: Float[np.ndarray, "vocabulary features"]) -> Int[Array, "..."]:
    """The number of the row that is nearest to what is seen, which is a row but for rounding."""
    distances = jnp.sum(jnp.abs(seen[..., None, :] - jnp.asarray(vocabulary, seen.dtype)), -1)
    return jnp.argmin(distances, -1)


def _refusal(why: str) -> str:
    return f"naive.algorithm: 'q-learning' given; it keeps a table, and {why}; use 'a2c', 'ppo' or 'reinforce'"
