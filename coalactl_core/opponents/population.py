"""Who meets whom: hierarchical draws of opponents, and the parameters that they start with (§5.1, App. B.2)."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float, Int, Key

from coalactl_core.configuration.population import PopulationConfig
from coalactl_core.configuration.sizes import RolloutConfig
from coalactl_core.envs.base import Environment, MemoryOneGame, TellsStrategies
from coalactl_core.errors import ConfigurationError
from coalactl_core.opponents.automata import is_memory_one, padded, stacked
from coalactl_core.opponents.strategies import Strategy, find_strategy
from coalactl_core.types import (
    CARRIED,
    FIXED,
    FORGOTTEN,
    META,
    NAIVE,
    Automata,
    Learner,
    Opponents,
    Params,
    PopulationHyperparameters,
)


class Population(NamedTuple):
    """The static side of a pool: sizes and which kinds of opponents can occur.

    ``crossings``: how each meta agent's memory crosses inner episodes, where that differs among them (else empty).
    ``draws``: how many automata each opponent has drawn, one for each trajectory, or 0: one for all.
    """

    meta: int
    naive: int
    meta_batch_size: int
    has_naive: bool
    has_meta: bool
    strategies: tuple[Strategy, ...]
    stratified: bool
    dynamic_naive: bool
    crossings: tuple[int, ...] = ()
    draws: int = 0

    @property
    def kinds(self) -> tuple[int, ...]:
        """The kinds of opponents that can occur."""
        present = {NAIVE: self.has_naive, META: self.has_meta, FIXED: bool(self.strategies)}
        return tuple(kind for kind, occurs in present.items() if occurs)


def build_population(config: PopulationConfig, sizes: RolloutConfig, environment: Environment) -> Population:
    """The pool of a ``[population]`` table, for iterations of these sizes.

    Raises:
        ConfigurationError: a fixed strategy is unknown or does not fit the environment.
    """
    if config.fixed and not isinstance(environment, MemoryOneGame):
        raise ConfigurationError("population.fixed: fixed strategies play two-action matrix games only")
    find = partial(find_strategy, episode_length=environment.episode_length, inner_episodes=sizes.inner_episodes)
    strategies = tuple(find(fixed.strategy) for fixed in config.fixed)
    if isinstance(environment, TellsStrategies):
        for fixed, strategy in zip(config.fixed, strategies, strict=True):
            if not is_memory_one(strategy.draw(jax.random.key(0))):
                raise ConfigurationError(
                    f"environment.opponent: 'told' given; {fixed.strategy!r} of population.fixed is no memory-one "
                    "strategy, of which alone agents can be told, use 'hidden'"
                )
    return Population(
        meta=config.meta_agents,
        naive=config.naive_agents,
        meta_batch_size=sizes.meta_batch_size,
        has_naive=config.has_naive,
        has_meta=config.has_meta,
        strategies=strategies,
        stratified=config.stratified,
        dynamic_naive=config.dynamic_naive,
        draws=sizes.batch_size if config.fixed_drawn == "trajectory" else 0,
    )


def sample_opponents(
    key: Key[Array, ""],
    agent: Int[Array, ""],
    meta_params: Params,
    naive: Learner,
    hyper: PopulationHyperparameters,
    population: Population,
) -> Opponents:
    """The opponents of one meta agent: first the kind, then uniformly within it, with replacement, never itself."""
    kind_key, naive_key, meta_key, strategy_key = jax.random.split(key, 4)
    shape = (population.meta_batch_size,)
    drawn_kinds, strategies = _draw_kinds(kind_key, hyper, population)
    naive_index = jax.random.randint(naive_key, shape, 0, population.naive)
    # Among the others: those behind oneself move up by one.
    meta_index = jax.random.randint(meta_key, shape, 0, max(population.meta - 1, 1))
    meta_index = (meta_index + (meta_index >= agent)) % population.meta
    params = _gather(meta_params, naive.params, drawn_kinds, naive_index, meta_index, population)
    return opponents_of(
        drawn_kinds,
        jnp.select([drawn_kinds == NAIVE, drawn_kinds == META], [naive_index, meta_index], strategies),
        params,
        automata=_automata(strategy_key, strategies, population),
        crossing=_crossing(drawn_kinds, meta_index, population),
    )


def opponents_of(
    kind: Int[Array, "*meta_batch"],
    number: Int[Array, "*meta_batch"],
    params: Params,
    *,
    automata: Automata | None = None,
    crossing: Int[Array, "*meta_batch"] | None = None,
) -> Opponents:
    """Opponents with these parameters, whose optimisers are fresh."""
    return Opponents(kind=kind, number=number, learner=Learner(params), automata=automata, crossing=crossing)


def naive_set(key: Key[Array, ""], naive: Learner, meta_params: Params, population: Population) -> Learner:
    """The naive initialisations of this iteration: as they are, or each one of the meta agents if dynamic.

    OPEN in the paper which; here uniformly at random.
    """
    if not population.dynamic_naive:
        return naive
    chosen = jax.random.randint(key, (population.naive,), 0, population.meta)
    return naive._replace(params=jax.tree.map(lambda leaf: leaf[chosen], meta_params))


def _draw_kinds(
    key: Key[Array, ""], hyper: PopulationHyperparameters, population: Population
) -> tuple[Int[Array, "meta_batch"], Int[Array, "meta_batch"]]:
    """Kind of each opponent, and which fixed strategy it would be.

    With stratification the meta-batch is cut at rounded cumulative shares instead of drawn.
    """
    size = population.meta_batch_size
    learning_share = 1 - jnp.sum(hyper.fixed_weights)
    shares = jnp.concatenate([learning_share * jnp.stack([hyper.p_naive, 1 - hyper.p_naive]), hyper.fixed_weights])
    bounds = jnp.cumsum(shares) / jnp.sum(shares)
    draws = (jnp.arange(size) + 0.5) / size if population.stratified else jax.random.uniform(key, (size,), dtype=float)
    if population.stratified:
        bounds = jnp.round(bounds * size) / size
    cell = jnp.sum(draws[:, None] >= bounds[None, :-1], -1)
    return jnp.minimum(cell, FIXED), jnp.maximum(cell - FIXED, 0)


def _gather(
    meta_params: Params,
    naive_params: Params,
    kinds: Int[Array, "meta_batch"],
    naive_index: Int[Array, "meta_batch"],
    meta_index: Int[Array, "meta_batch"],
    population: Population,
) -> Params:
    """Network parameters of each opponent; those of a fixed strategy are never used."""
    if not population.has_meta:
        return jax.tree.map(lambda leaf: leaf[naive_index], naive_params)
    if not population.has_naive:
        return jax.tree.map(lambda leaf: leaf[meta_index], meta_params)

    def choose(
        naive: Float[Array, "naive *leaf"], meta: Float[Array, "agents *leaf"]
    ) -> Float[Array, "meta_batch *leaf"]:
        is_naive = (kinds == NAIVE).reshape(-1, *(1,) * (naive.ndim - 1))
        return jnp.where(is_naive, naive[naive_index], meta[meta_index])

    return jax.tree.map(choose, naive_params, meta_params)


def _crossing(
    kinds: Int[Array, "meta_batch"], meta_index: Int[Array, "meta_batch"], population: Population
) -> Int[Array, "meta_batch"] | None:
    if not population.crossings:
        return None
    of_agents = jnp.asarray(population.crossings)[meta_index]
    return jnp.select([kinds == NAIVE, kinds == META], [FORGOTTEN, of_agents], CARRIED)


def _automata(key: Key[Array, ""], chosen: Int[Array, "meta_batch"], population: Population) -> Automata | None:
    """The automaton of each opponent, were it a fixed strategy: a row of one table, or drawn by its own key.

    A mapped choice between functions would compute all of them for each opponent; so only those that draw are called.
    Where each trajectory has one of its own they lead with (meta_batch, batch).
    """
    strategies, draws = population.strategies, population.draws
    if not strategies:
        return None
    keys = jax.random.split(key, population.meta_batch_size)
    if draws:
        keys = jax.vmap(lambda key: jax.random.split(key, draws))(keys).reshape(-1)
        chosen = jnp.repeat(chosen, draws)
    # Those of strategies that draw stand in for what is drawn below.
    table = stacked([strategy.draw(keys[0]) for strategy in strategies])
    states = table.cooperation.shape[-1]
    automata = jax.tree.map(lambda leaf: leaf[chosen], table)
    for number, strategy in enumerate(strategies):
        if strategy.is_drawn:
            drawn = padded(jax.vmap(strategy.draw)(keys), states)
            automata = _choose(chosen == number, drawn, automata)
    if not draws:
        return automata
    return jax.tree.map(lambda leaf: leaf.reshape(population.meta_batch_size, draws, *leaf.shape[1:]), automata)


def _choose(mask: Bool[Array, "opponents"], chosen: Automata, otherwise: Automata) -> Automata:
    return jax.tree.map(
        lambda new, old: jnp.where(mask.reshape(-1, *(1,) * (new.ndim - 1)), new, old), chosen, otherwise
    )
