"""Warm starts: fresh runs whose agents begin at parameters that others have trained."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.flatten_util import ravel_pytree
from jaxtyping import ArrayLike, Float, Key, PyTree, Shaped

from coalactl_core.errors import ConfigurationError
from coalactl_core.training.engine import SequenceEngine
from coalactl_core.training.groups import fresh_agents
from coalactl_core.types import MetaAgents, TrainState


def with_parameters(engine: SequenceEngine, state: TrainState, parameters: PyTree) -> TrainState:
    """The state with other meta parameters, leading with (runs, agents), and fresh optimisers.

    One run or agent may become several.

    Raises:
        ConfigurationError: they are another network's, or of another number of agents.
    """

    def fresh(key: Key[Array, ""], parameters: PyTree) -> MetaAgents:
        return fresh_agents(key, _vectors(parameters), engine.pieces.groups, trained=True)

    fitting = _fitting(parameters, engine.summary(state).parameters)
    return state._replace(meta=jax.jit(jax.vmap(fresh))(state.key, fitting))


def with_naive(engine: SequenceEngine, state: TrainState, run: int, parameters: PyTree) -> TrainState:
    """The state in which the naive agents of one run start at others' parameters, taken in turn.

    ``parameters`` lead with (runs, agents), of one run.

    Raises:
        ConfigurationError: they are another network's.
    """
    vectors = _in_turn(engine, state, parameters, engine.pieces.population.naive)
    return state._replace(naive=state.naive._replace(params=state.naive.params.at[run].set(vectors)))


def with_meta(engine: SequenceEngine, state: TrainState, run: int, parameters: PyTree) -> TrainState:
    """The same of the meta agents of one run, with fresh optimisers."""
    vectors = _in_turn(engine, state, parameters, engine.pieces.population.meta)
    begun = fresh_agents(state.key[run], vectors, engine.pieces.groups, trained=True)
    return state._replace(meta=jax.tree.map(lambda leaf, own: leaf.at[run].set(own), state.meta, begun))


def _in_turn(
    engine: SequenceEngine, state: TrainState, parameters: PyTree, count: int
) -> Float[Array, "agents parameters"]:
    """So many agents with the parameters of others, of one run."""
    in_turn = jax.tree.map(lambda leaf: np.asarray(leaf)[:, np.arange(count) % leaf.shape[1]], parameters)
    own = jax.tree.map(lambda leaf: np.repeat(leaf[:1, :1], count, axis=1), engine.summary(state).parameters)
    return _vectors(jax.tree.map(lambda leaf: leaf[0], _fitting(in_turn, own)))


def _vectors(parameters: PyTree) -> Float[Array, "agents parameters"]:
    """Each agent's parameters as the one vector that the engine has them in."""
    return jax.vmap(lambda agent: ravel_pytree(agent)[0])(parameters)


def _fitting(theirs: PyTree, ours: PyTree) -> PyTree:
    """Parameters of other agents in the shapes of one's own."""
    if jax.tree.structure(theirs) != jax.tree.structure(ours):  # type: ignore[operator]
        raise ConfigurationError("it has another kind of network")

    def fit(theirs: Shaped[ArrayLike, "..."], ours: Shaped[np.ndarray, "runs agents ..."]) -> Shaped[Array, "..."]:
        theirs = jnp.asarray(theirs)
        if theirs.shape[2:] != ours.shape[2:]:
            raise ConfigurationError(f"it has a network of other sizes ({theirs.shape[2:]}, here {ours.shape[2:]})")
        if theirs.shape[0] not in (1, ours.shape[0]) or theirs.shape[1] not in (1, ours.shape[1]):
            raise ConfigurationError(f"it has {theirs.shape[1]} meta agents (here {ours.shape[1]})")
        return jnp.broadcast_to(theirs, ours.shape)

    return jax.tree.map(fit, theirs, ours)
