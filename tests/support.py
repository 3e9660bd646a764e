"""What tests of the engine share: hyperparameters as plain numbers, and small policies without a network library."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from coalactl_core.configuration.automata import memory_one
from coalactl_core.credit.estimators import ESTIMATORS
from coalactl_core.envs.matrix_game import MatrixGame
from coalactl_core.learning.objectives import a2c_policy_loss
from coalactl_core.learning.optimizers import Optimizer, fresh_learner, sgd
from coalactl_core.learning.update import Updater
from coalactl_core.nets.policy import Policy, PolicyOutput
from coalactl_core.opponents.a2c import naive_update
from coalactl_core.opponents.automata import as_arrays
from coalactl_core.opponents.population import opponents_of
from coalactl_core.opponents.seam import Coplayer
from coalactl_core.play.meta_episodes import play_meta_episodes
from coalactl_core.play.rollout import Record, Rollout, play_inner_episode
from coalactl_core.rules.look_ahead import LookAhead
from coalactl_core.types import Automata, MetaHyperparameters, NaiveHyperparameters, Opponents, Pairing, Played

OBSERVATIONS, ACTIONS = 5, 2


def as_data(tree: Any) -> Any:
    """Python numbers as arrays of the default type, as the compiled program takes them."""
    return jax.tree.map(lambda leaf: jnp.asarray(leaf, dtype=None if isinstance(leaf, bool) else float), tree)


def meta_hyper(method: str = "coala-pg", **changes: Any) -> MetaHyperparameters:
    """Undiscounted, unscaled, no value loss, no entropy; anything by keyword."""
    plain = MetaHyperparameters(
        credit_assignment=ESTIMATORS[method],
        credit_from_returns=False,
        value_targets_average_future=False,
        normalize_advantages=False,
        clip=0.2,
        value_clip=0.2,
        value_coefficient=0.0,
        entropy=0.0,
        discount=1.0,
        td_lambda=1.0,
        gae_lambda=1.0,
        reward_scale=1.0,
        meta_opponent_weight=1.0,
        adam_epsilon=1e-5,
        learning_rate=0.1,
        max_grad_norm=np.inf,
    )
    return as_data(plain._replace(**changes))


def score_function_updater(policy: Policy, environment: MatrixGame, chunk: int, **changes: Any) -> Updater:
    """One plain step of the score function's gradient from whole meta-episodes; anything by keyword."""
    plain = Updater(
        observe=environment.observe,
        policy=policy,
        inner_episode_length=environment.episode_length,
        policy_loss=a2c_policy_loss,
        optimizer=sgd,
        epochs=1,
        minibatches=1,
        chunk=chunk,
        trajectory_chunk=1_000,
        rematerialize=False,
    )
    return plain._replace(**changes)


def rollout_of(
    environment: MatrixGame, policy: Policy, batch_size: int, inner_episodes: int, **changes: Any
) -> Rollout:
    """One policy in both seats, naive co-players that take plain steps, all at once; anything by keyword."""
    plain = Rollout(
        environment=environment,
        observe=environment.observe,
        policy=policy,
        batch_size=batch_size,
        inner_episodes=inner_episodes,
        naive=a2c_with(sgd, policy),
        naive_chunk=256,
        learns=True,
    )
    return plain._replace(**changes)


def played_with(
    rollout: Rollout, kinds: Sequence[int], keep: Any, crossing: jax.Array | None = None
) -> tuple[Any, Opponents, Played]:
    """An agent's parameters, opponents of these kinds, and what came of its meta-episodes; naive ones learn fast."""
    keys = jax.random.split(jax.random.key(0), 2 + len(kinds))
    params = rollout.policy.init(keys[0])
    others, count = jax.vmap(rollout.policy.init)(keys[2:]), len(kinds)
    automata = going_by_outcomes(jnp.full((count, OBSERVATIONS), 0.5))
    opponents = opponents_of(jnp.asarray(kinds), jnp.zeros(count, int), others, automata=automata, crossing=crossing)
    play = jax.jit(partial(play_meta_episodes, rollout=rollout, keep=keep))
    return params, opponents, play(keys[1], params, opponents, naive_hyper(learning_rate=1.0))


def a2c_with(optimizer: Optimizer, policy: Policy) -> Coplayer:
    """Naive co-players that take A2C steps by this optimiser."""
    # Made once for the same arguments: a rollout is static, and functions are told apart by what they are.
    update = partial(naive_update, policy=policy, optimizer=optimizer)
    return _coplayers.setdefault((optimizer, policy), Coplayer(init=partial(fresh_learner, optimizer), update=update))


_coplayers: dict[Any, Coplayer] = {}


def keep_start(start: Pairing, records: Record) -> Pairing:
    """What LOLA keeps of an inner episode."""
    return start


def lola_of(rollout: Rollout, **changes: Any) -> LookAhead:
    """One plain look-ahead step on what is sampled, one situation at a time; anything by keyword."""

    def sample(prepared: Any, key: Any, opponent: Opponents, start: Pairing, hyper: NaiveHyperparameters) -> Record:
        return play_inner_episode(prepared, key, opponent, start, hyper=hyper, rollout=rollout)[1]

    plain = LookAhead(
        rollout=rollout,
        sample=sample,
        look_aheads=1,
        look_ahead_optimizer=sgd,
        continues=False,
        baseline=True,
        optimizer=sgd,
        chunk=1,
    )
    return plain._replace(**changes)


def naive_hyper(**changes: Any) -> NaiveHyperparameters:
    """Undiscounted, unscaled, centred advantages, no value loss, no entropy; anything by keyword."""
    plain = NaiveHyperparameters(
        normalize_advantages=True,
        value_coefficient=0.0,
        entropy=0.0,
        discount=1.0,
        td_lambda=1.0,
        gae_lambda=1.0,
        reward_scale=1.0,
        adam_epsilon=1e-5,
        learning_rate=0.1,
        max_grad_norm=np.inf,
        own={},
    )
    return as_data(plain._replace(**changes))


def going_by_outcomes(cooperation: Any) -> Automata:
    """Memory-one strategies with these probabilities of cooperating, five on the last axis."""
    cooperation = jnp.asarray(cooperation, float)
    one = as_arrays(memory_one([0.0] * OBSERVATIONS))
    repeated = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (*cooperation.shape[:-1], *leaf.shape)), one)
    return repeated._replace(cooperation=cooperation)


def opponents_like(params: Any, kinds: list[int], automata: Automata | None = None) -> Opponents:
    """Opponents of these kinds that all start with the same parameters."""
    count = len(kinds)
    repeated = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (count, *leaf.shape)), params)
    return opponents_of(jnp.asarray(kinds), jnp.zeros(count, int), repeated, automata=automata)


def history_policy(rows: int) -> Policy:
    """Tables of logits and values over whole observation histories, which the memory numbers in base 5.

    A fresh start at observation 0 is row 0, and a memory that was reset uses the rows of a first episode again. Two
    inner episodes of two steps need 105 rows.
    """
    return _table_policy(rows, start=0, remember=lambda row, observation: OBSERVATIONS * row + observation)


def inner_history_policy(rows: int) -> Policy:
    """Tables over the observations of the current inner episode: at observation 0, its start, the memory is row 0."""
    return _table_policy(
        rows,
        start=0,
        remember=lambda row, observation: jnp.where(observation == 0, 0, OBSERVATIONS * row + observation),
    )


def reactive_policy() -> Policy:
    """Tables over the current observation: memory-one strategies."""
    return _table_policy(OBSERVATIONS, start=0, remember=lambda row, observation: observation)


def clock_policy(steps: int) -> Policy:
    """Tables over the number of steps since the memory was fresh: the actions show when it was."""
    return _table_policy(steps, start=-1, remember=lambda row, observation: row + 1)


def _table_policy(rows: int, start: int, remember: Callable[[jax.Array, jax.Array], jax.Array]) -> Policy:
    def init(key: jax.Array) -> Any:
        logit_key, value_key = jax.random.split(key)
        return {
            "logits": jax.random.normal(logit_key, (rows, ACTIONS), float),
            "values": jax.random.normal(value_key, (rows,), float),
        }

    def step(params: Any, observation: jax.Array, row: jax.Array) -> tuple[PolicyOutput, jax.Array]:
        row = remember(row, jnp.argmax(observation))
        return PolicyOutput(logits=params["logits"][row], value=params["values"][row]), row

    return _policy(init, lambda: jnp.asarray(start, int), step)


def recurrent_policy(width: int = 3, outputs: int = ACTIONS) -> Policy:
    """A tanh network, h' = tanh(W x + U h), with linear read-outs that are not zero at the start."""

    def init(key: jax.Array) -> Any:
        shapes = {
            "inputs": (OBSERVATIONS, width),
            "recurrent": (width, width),
            "policy": (width, outputs),
            "value": (width,),
        }
        keys = jax.random.split(key, len(shapes))
        return {
            name: jax.random.normal(key, shape, float) for (name, shape), key in zip(shapes.items(), keys, strict=True)
        }

    def step(params: Any, observation: jax.Array, hidden: jax.Array) -> tuple[PolicyOutput, jax.Array]:
        hidden = jnp.tanh(observation @ params["inputs"] + hidden @ params["recurrent"])
        return PolicyOutput(logits=hidden @ params["policy"], value=hidden @ params["value"]), hidden

    return _policy(init, lambda: jnp.zeros(width), step)


def _policy(init: Any, initial_carry: Any, step: Any) -> Policy:
    def unroll(params: Any, observations: jax.Array, carry: Any, resets: Any) -> tuple[PolicyOutput, Any]:
        afresh = jnp.zeros(len(observations), bool) if resets is None else resets

        def advance(carry: Any, seen: tuple[jax.Array, jax.Array]) -> tuple[Any, PolicyOutput]:
            observation, reset = seen
            carry = jax.tree.map(lambda start, now: jnp.where(reset, start, now), initial_carry(), carry)
            output, carry = step(params, observation, carry)
            return carry, output

        carry, outputs = jax.lax.scan(advance, carry, (observations, afresh))
        return outputs, carry

    return Policy(init=init, initial_carry=initial_carry, step=step, unroll=unroll)
