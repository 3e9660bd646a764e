"""What an inner episode came to: its measures, as means over it and as means of each step over the batch."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, Int

from coalactl_core.envs.base import DerivesMeasures, Environment
from coalactl_core.types import EnvironmentState


@runtime_checkable
class _Records(Protocol):
    """The steps of one inner episode, both players'; leaves lead with (episode_steps, batch)."""

    @property
    def state(self) -> EnvironmentState:
        """Before the step."""

    @property
    def actions(self) -> Int[Array, "episode_steps batch players"]: ...

    @property
    def rewards(self) -> Float[Array, "episode_steps batch players"]: ...

    @property
    def events(self) -> Any: ...


def outcomes_of(records: _Records, environment: Environment) -> dict[str, Float[Array, "players"]]:
    """Means over the steps and trajectories of an inner episode, and what the environment derives of them."""
    means = {name: jnp.mean(values, (0, 1)) for name, values in _measures(records, environment).items()}
    return means | environment.derive(means) if isinstance(environment, DerivesMeasures) else means


def outcomes_by_step(records: _Records, environment: Environment) -> dict[str, Float[Array, "episode_steps players"]]:
    """Means over the trajectories of an inner episode, of each step by itself."""
    return {name: jnp.mean(values, 1) for name, values in _measures(records, environment).items()}


def _measures(records: _Records, environment: Environment) -> dict[str, Float[Array, "episode_steps batch players"]]:
    described = jax.vmap(jax.vmap(environment.describe))(records.state, records.actions, records.events)
    return {"reward": records.rewards, **described}
