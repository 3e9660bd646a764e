"""Fixed strategies: memory-one policies that never learn, as a third kind of opponent.

A strategy is a function of a random key that gives the probability of cooperating (action 0) at the start and after
CC, CD, DC and DD, own action first. Strategies of other packages are named by an entry point in the group
``coalactl.strategies`` or as ``module:Name``.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, Key

from coalactl_core.config import ConfigurationError
from coalactl_core.memory_one import MEMORY_ONE
from coalactl_core.plugins import load_plugin

Strategy = Callable[[Key[Array, ""]], Float[Array, "5"]]


def always(*cooperation: float) -> Strategy:
    """The memory-one strategy with these probabilities of cooperating."""
    return lambda _: jnp.asarray(cooperation, dtype=float)


def random_tabular(key: Key[Array, ""]) -> Float[Array, "5"]:
    """A memory-one strategy drawn anew for each opponent, each probability uniform on [0, 1]."""
    return jax.random.uniform(key, (5,), dtype=float)


STRATEGIES: dict[str, Strategy] = {
    **{name: always(*cooperation) for name, cooperation in MEMORY_ONE.items()},
    "random-tabular": random_tabular,
}


def find_strategy(name: str) -> Strategy:
    """The strategy of this name.

    Raises:
        ConfigurationError: it is unknown or gives no five probabilities.
    """
    if name in STRATEGIES:
        return STRATEGIES[name]
    strategy = load_plugin("population.fixed", name, group="coalactl.strategies", builtin=STRATEGIES)
    if not _is_strategy(strategy):
        raise ConfigurationError(f"population.fixed: {name!r} is no function from a key to five probabilities")
    return strategy


def _is_strategy(given: object) -> bool:
    try:
        return callable(given) and getattr(jax.eval_shape(given, jax.random.key(0)), "shape", None) == (5,)
    except (TypeError, ValueError):  # it takes something else than a key, or gives something else than an array
        return False
