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

from coalactl_core.configuration.memory_one import MEMORY_ONE
from coalactl_core.contracts import Part, described
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
    part = Part("population.fixed", name, getattr(strategy, "__module__", None) or "")
    if not callable(strategy):
        raise part.complaint(f"it is {described(strategy)}; a function from a key to five probabilities expected")
    probabilities = part.traced("as a function from a key to five probabilities it", strategy, jax.random.key(0))
    part.require_floats("it", probabilities, (5,))
    return strategy
