"""What the engine relies on of a naive co-player of another package, checked before anything is played."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from coalactl_core.contracts import Part, described
from coalactl_core.envs.base import FewObservations
from coalactl_core.opponents.seam import Coplayer, CoplayerSetting
from coalactl_core.types import Experience, Learner, NaiveHyperparameters

# Trajectories of the inner episode that it is tried on.
_BATCH = 3


def check_coplayer(part: Part, coplayer: Coplayer, setting: CoplayerSetting) -> None:
    """Calls every function on shapes and types alone.

    Raises:
        ConfigurationError: one of them fails or gives something else than a co-player must.
    """
    policy, environment = setting.policy, setting.environment
    params = jax.eval_shape(policy.init, jax.random.key(0))
    learner = part.traced("init", coplayer.init, params)
    part.require(isinstance(learner, Learner), "init", described(learner), "a coalactl_core.types.Learner")
    part.require_like("init, params,", learner.params, params, "the policy's")
    numbers, steps = _numbers(setting), environment.episode_length
    shape = steps, _BATCH
    experience = Experience(_observed(setting, *shape), _array(shape, jnp.int32), _array(shape, float))
    part.require_like("update", part.traced("update", coplayer.update, learner, experience, numbers), learner, "init")
    if coplayer.behave is not None:
        seen = _observed(setting)
        output = jax.eval_shape(partial(_output_of, setting), params, seen)
        logits = part.traced("behave", coplayer.behave, learner, seen, output, numbers)
        part.require_floats("behave", logits, (environment.num_actions,))


def _numbers(setting: CoplayerSetting) -> NaiveHyperparameters:
    one = jnp.asarray(0.5)
    own = dict.fromkeys(setting.config.own_numbers, one)
    others: dict[str, Any] = dict.fromkeys(NaiveHyperparameters._fields, one)
    return NaiveHyperparameters(**{**others, "normalize_advantages": jnp.asarray(True), "own": own})


def _observed(setting: CoplayerSetting, *lead: int) -> Any:
    """What the policy takes: features, or numbers of the vocabulary."""
    environment = setting.environment
    if setting.policy.takes_indices and isinstance(environment, FewObservations):
        return _array(lead, jnp.int32)
    return _array((*lead, environment.observation_size), float)


def _output_of(setting: CoplayerSetting, params: Any, seen: Any) -> Any:
    policy = setting.policy
    return policy.step(policy.prepare(params, 1), seen, policy.initial_carry())[0]


def _array(shape: tuple[int, ...], kind: Any) -> Any:
    return jax.ShapeDtypeStruct(shape, jnp.zeros((), kind).dtype)
