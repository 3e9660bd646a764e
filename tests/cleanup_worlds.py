"""States and draws of CleanUp-lite to start from, and what is in them."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from coalactl_core.envs.cleanup_lite import CleanUpLite, CleanUpState, Draws


def state_like(env: CleanUpLite, **changes: Any) -> CleanUpState:
    """Players in opposite corners of the middle columns, nothing lying around; anything by keyword."""
    plain = env.reset(jax.random.key(0))._replace(
        rows=[0, env.rows - 1], columns=[1, env.columns - 2], dirt=0, apples=0, frozen=[0, 0]
    )
    kinds = env.reset(jax.random.key(0))
    return jax.tree.map(
        lambda given, kind: jnp.asarray(given, kind.dtype),
        plain._replace(**changes),
        kinds,
        is_leaf=lambda leaf: isinstance(leaf, list),
    )


def draws_like(**changes: Any) -> Draws:
    """Nothing happens but zaps, which hit; anything by keyword."""
    plain = Draws(pollution=1.0, dirt_place=0, apple=1.0, apple_place=0, zaps=[0.0, 0.0], first=0)
    given = plain._replace(**changes)
    return Draws(*(jnp.asarray(value) for value in given))


advance = jax.jit(lambda env, *given: env.advance(*given), static_argnums=0)


def count(bits: Any) -> np.ndarray:
    return np.asarray(jax.lax.population_count(jnp.asarray(bits))).astype(int)
