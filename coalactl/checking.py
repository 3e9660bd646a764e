"""``coalactl check``: whether the parts that an experiment names do what the engine relies on, without a training.

Building the engine has compared all shapes and types (:mod:`coalactl_core.contracts`); what only numbers show, ten
steps do.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from coalactl.engines import engine_for
from coalactl.errors import in_words
from coalactl_core.configuration.experiment import SequenceExperiment
from coalactl_core.configuration.kinds import Experiment
from coalactl_core.envs.base import Environment, FewObservations
from coalactl_core.nets.policy import Policy
from coalactl_core.opponents.automata import is_memory_one
from coalactl_core.opponents.strategies import Strategy, find_strategy, problem_of
from coalactl_core.training.engine import SequenceEngine

STEPS = 10
# Of single precision, in which acting and learning may sum in another order.
_TOLERANCE = 1e-3
# States of a strategy whose probabilities are told.
_MOST_SHOWN = 8


class PartCheck(NamedTuple):
    """What was found of one part."""

    name: str
    passed: bool
    detail: str


class _Played(NamedTuple):
    """A few steps with random actions, each with what came of it; ``states`` are those before."""

    states: list[Any]
    rewards: np.ndarray
    observations: np.ndarray


def check(experiment: Experiment) -> list[PartCheck]:
    """Of each part; raises :class:`UserError` for a part whose shapes or types are not what they should be."""
    engine = engine_for(experiment)
    if not isinstance(experiment, SequenceExperiment) or not isinstance(engine, SequenceEngine):
        return [PartCheck("environment", True, "an exact game of payoffs; there is nothing to play")]
    play = engine.rollout_of(0)
    environment, policy = play.environment, play.policy
    checks: dict[str, Callable[[], tuple[bool, str]]] = {
        f"environment {experiment.environment.name}": lambda: _plays(environment),
        f"network {experiment.network.name}": lambda: _acts_as_it_learns(environment, policy),
    }
    sizes = experiment.rollout
    for fixed in experiment.population.fixed:
        strategy = find_strategy(
            fixed.strategy, episode_length=sizes.inner_episode_length, inner_episodes=sizes.inner_episodes
        )
        checks[f"strategy {fixed.strategy}"] = partial(_is_in_order, strategy)
    return [_checked(name, part) for name, part in checks.items()]


def _checked(name: str, part: Callable[[], tuple[bool, str]]) -> PartCheck:
    try:
        return PartCheck(name, *part())
    except Exception as error:  # noqa: BLE001  A game's own code runs here, to find what it raises; the other checks follow.
        return PartCheck(name, False, in_words(error))


def _plays(environment: Environment) -> tuple[bool, str]:
    """Rewards and observations are numbers, and numbered observations are those of the vocabulary."""
    played = _play(environment)
    for what, values in (("a reward", played.rewards), ("an observation", played.observations)):
        if not np.isfinite(values).all():
            return False, f"{what} is not finite: {values[~np.isfinite(values)][0]}"
    if isinstance(environment, FewObservations):
        for state, seen in zip(played.states, played.observations, strict=True):
            numbers = [int(environment.observe_number(state, player)) for player in (0, 1)]
            if not np.allclose(np.asarray(environment.vocabulary)[numbers], seen):
                return False, f"observe gives {seen.tolist()}, rows {numbers} of the vocabulary something else"
    return True, (
        f"{environment.observation_size} numbers seen, {environment.num_actions} actions; {STEPS} steps at random, "
        f"rewards from {played.rewards.min():.4g} to {played.rewards.max():.4g}"
    )


def _acts_as_it_learns(environment: Environment, policy: Policy) -> tuple[bool, str]:
    """``unroll`` gives what repeated ``step`` gives."""
    params = policy.init(jax.random.key(0))
    # Read-outs that start at zero would hide a difference.
    params = params + 0.1 * jax.random.normal(jax.random.key(1), params.shape, params.dtype)
    prepared = policy.prepare(params, STEPS)
    seen = _observations(environment, numbered=policy.takes_indices)
    learnt = jax.jit(lambda seen: policy.unroll(prepared, seen, policy.initial_carry(), None)[0])(seen)
    act, carry, acted = jax.jit(policy.step), policy.initial_carry(), []
    for observation in seen:
        output, carry = act(prepared, observation, carry)
        acted.append(output)
    for name, step in zip(learnt._fields, zip(*acted, strict=True), strict=True):
        error = float(np.abs(np.stack(step) - np.asarray(getattr(learnt, name))).max())
        if not error < _TOLERANCE:
            return False, f"{name}: unroll differs from repeated step by {error:.2g}"
    return True, f"{params.size} parameters; acts as it learns"


def _observations(environment: Environment, *, numbered: bool) -> jax.Array:
    """Of no game, so that what a network does says nothing of one."""
    if numbered and isinstance(environment, FewObservations):
        return jax.random.randint(jax.random.key(2), (STEPS,), 0, len(environment.vocabulary))
    return jax.random.normal(jax.random.key(2), (STEPS, environment.observation_size), dtype=float)


def _is_in_order(strategy: Strategy) -> tuple[bool, str]:
    """Its numbers are probabilities and states; how many states where it goes by more than the last joint outcome."""
    automata = strategy.draw(jax.random.key(0))
    problem = problem_of(automata)
    shown = ", ".join(f"{value:.3g}" for value in automata.cooperation[:_MOST_SHOWN])
    if not is_memory_one(automata):
        more = ", ..." if strategy.states > _MOST_SHOWN else ""
        kept = ", carried from one inner episode to the next" if automata.carried else ""
        shown = f"{shown}{more} in its {strategy.states} state{'s' if strategy.states > 1 else ''}{kept}"
    return not problem, f"cooperates with {shown}{problem and f'; {problem}'}"


def _play(environment: Environment) -> _Played:
    """Steps from a fresh start, and from another where an inner episode is shorter."""

    @jax.jit
    def step(key: jax.Array, state: Any, time: jax.Array) -> Any:
        fresh, draw, play = jax.random.split(key, 3)
        begins = time % environment.episode_length == 0
        state = jax.tree.map(lambda new, old: jnp.where(begins, new, old), environment.reset(fresh), state)
        actions = jax.random.randint(draw, (2,), 0, environment.num_actions)
        seen = jnp.stack([environment.observe(state, player) for player in (0, 1)])
        after, rewards, events = environment.step(play, state, actions)
        environment.describe(state, actions.astype(jnp.int8), events)
        return after, state, rewards, seen

    keys = jax.random.split(jax.random.key(0), STEPS + 1)
    state, steps = environment.reset(keys[-1]), []
    for time, key in enumerate(keys[:-1]):
        state, *played = step(key, state, jnp.asarray(time))
        steps.append(played)
    states, rewards, seen = zip(*steps, strict=True)
    return _Played(list(states), np.stack(rewards), np.stack(seen))
