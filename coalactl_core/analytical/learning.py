"""One iteration of an analytical experiment: every meta agent of every seed takes one exact gradient step (App. C)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key, UInt

from coalactl_core.analytical.evaluation import ExactReport, report_on
from coalactl_core.analytical.games import RepeatedGame
from coalactl_core.analytical.objectives import (
    NaiveStep,
    Objective,
    Opposition,
    Weights,
    look_ahead,
    mean_look_ahead,
    mean_shaping,
    mixed_gradient,
    summed_look_ahead,
    summed_shaping,
)
from coalactl_core.analytical.starts import initial_policies, naive_starts
from coalactl_core.configuration.analytical import AnalyticalExperiment
from coalactl_core.learning.optimizers import OPTIMIZERS, Optimizer, apply_gradients, fresh_learner
from coalactl_core.numbers.schedules import all_at, points_of, schedule_of
from coalactl_core.types import Learner, Metrics, Number, Scheduled


class Rates(NamedTuple):
    """Numbers of the meta agents' optimiser."""

    learning_rate: Number
    adam_epsilon: Number
    max_grad_norm: Number


class AnalyticalHyperparameters(NamedTuple):
    """All numbers that are data to the program, at one iteration."""

    rates: Rates
    p_naive: Number
    naive_rate: Number
    fixed: Float[Array, "strategies"]


class AnalyticalState(NamedTuple):
    """Everything that one run is, between iterations; ``seeds`` and ``agents`` lead with the seeds of the run.

    An iteration's random numbers come from a seed and the iteration alone.
    """

    step: Int[Array, "*runs"]
    numbers: Scheduled[AnalyticalHyperparameters]
    seeds: UInt[Array, "*runs seeds"]
    agents: Learner


class Dilemma(NamedTuple):
    """The static parts of the program of one experiment."""

    game: Callable[[], RepeatedGame]
    agents: int
    objective: Objective
    learners: int
    naive_scale: float
    look_aheads: int
    naive_steps: int
    fixed: tuple[tuple[float, ...], ...]
    evaluate_every: int
    restarts: tuple[int, ...]
    fresh: Callable[[Float[Array, "5"]], Learner]
    climb: Callable[[Learner, Float[Array, "5"], Rates], tuple[Learner, Float[Array, ""]]]


_LOOK_AHEADS: dict[str, Objective] = {"last": look_ahead, "mean": mean_look_ahead, "sum": summed_look_ahead}


def build_dilemma(experiment: AnalyticalExperiment) -> Dilemma:
    """The static parts, every choice made."""
    meta, naive, population = experiment.meta, experiment.naive, experiment.population
    objectives: dict[str, Objective] = {
        "shaping": {"mean": mean_shaping, "sum": summed_shaping}[meta.objective],
        "lola-dice": _LOOK_AHEADS[experiment.lola.objective],
    }
    environment, optimizer = experiment.environment, OPTIMIZERS[meta.optimizer]
    return Dilemma(
        game=lambda: RepeatedGame(jnp.asarray(environment.payoffs, float), jnp.asarray(environment.discount, float)),
        agents=population.meta,
        objective=objectives[meta.method],
        learners=naive.learners,
        naive_scale=naive.initial_scale,
        look_aheads={"shaping": naive.steps, "lola-dice": experiment.lola.look_aheads}[meta.method],
        naive_steps=naive.steps,
        fixed=tuple(fixed.cooperation(environment.payoffs) for fixed in population.fixed),
        evaluate_every=experiment.run.evaluate_every,
        restarts=meta.restart_optimizer_at,
        fresh=partial(fresh_learner, optimizer),
        climb=partial(_ascend, optimizer),
    )


def initial_state(seed: UInt[Array, ""], *, experiment: AnalyticalExperiment, dilemma: Dilemma) -> AnalyticalState:
    """A fresh run, whose seeds count from ``seed`` on."""
    seeds = seed + jnp.arange(experiment.run.seeds, dtype=jnp.uint32)

    def start(seed: UInt[Array, ""]) -> Learner:
        policies = initial_policies(_key(seed, 0), dilemma.agents, experiment.meta)
        return jax.vmap(dilemma.fresh)(policies)

    numbers = jax.tree.map(jnp.asarray, _numbers(experiment))
    return AnalyticalState(step=jnp.int32(0), numbers=numbers, seeds=seeds, agents=jax.vmap(start)(seeds))


def train_step(state: AnalyticalState, dilemma: Dilemma) -> tuple[AnalyticalState, Metrics]:
    """One iteration of one run: all meta agents update simultaneously, against each other as they were (App. C).

    Every ``evaluate_every`` iterations the agents are reported on before they change; in between measures are NaN.
    """
    numbers = all_at(state.numbers, state.step)
    game = dilemma.game()
    keys = jax.vmap(_key, (0, None))(state.seeds, state.step + 1)
    # One for each agent's naive learners, and one for the random policies of the report.
    parts = jax.vmap(lambda key: jax.random.split(key, dilemma.agents + 1))(keys)
    learner_keys, report_keys = parts[:, :-1], parts[:, -1]
    met = jax.vmap(partial(_opposition, dilemma=dilemma))(learner_keys, state.agents.params)
    learned = jax.vmap(partial(_learn, numbers=numbers, game=game, dilemma=dilemma, step=state.step))
    agents, grad_norms = learned(state.agents, met)

    def report(_: None) -> ExactReport:
        report_one = partial(report_on, game=game, naive=NaiveStep(numbers.naive_rate, dilemma.naive_steps))
        random = jax.vmap(lambda key: jax.random.split(key, dilemma.agents))(report_keys)
        return jax.vmap(jax.vmap(report_one))(state.agents.params, met, random)

    shapes = jax.eval_shape(report, None)
    due = state.step % dilemma.evaluate_every == 0
    silence = jax.tree.map(lambda leaf: jnp.full(leaf.shape, jnp.nan, leaf.dtype), shapes)
    measured = jax.lax.cond(due, report, lambda _: silence, None)
    metrics = Metrics(
        iteration=state.step,
        scalars={**measured.scalars, "grad_norm": grad_norms},
        # One kind of opponent is played through inner episodes: naive learners.
        episodes={name: values[:, :, None] for name, values in measured.episodes.items()},
    )
    return state._replace(step=state.step + 1, agents=agents), metrics


def _learn(
    agents: Learner,
    met: Opposition,
    *,
    numbers: AnalyticalHyperparameters,
    game: RepeatedGame,
    dilemma: Dilemma,
    step: Int[Array, ""],
) -> tuple[Learner, Float[Array, "agents"]]:
    """The update of all agents of one seed, and the norms of their gradients."""
    rest = 1 - jnp.sum(numbers.fixed)
    weights = Weights(rest * numbers.p_naive, rest * (1 - numbers.p_naive), numbers.fixed)
    naive = NaiveStep(numbers.naive_rate, dilemma.look_aheads)

    def update(agent: Learner, met: Opposition) -> tuple[Learner, Float[Array, ""]]:
        if dilemma.restarts:
            again = jnp.any(step == jnp.asarray(dilemma.restarts))
            fresh = dilemma.fresh(agent.params)
            agent = jax.tree.map(lambda new, old: jnp.where(again, new, old), fresh, agent)
        gradient = mixed_gradient(agent.params, met, game, naive, weights, dilemma.objective)
        return dilemma.climb(agent, gradient, numbers.rates)

    return jax.vmap(update)(agents, met)


def _opposition(keys: Key[Array, "agents"], policies: Float[Array, "agents 5"], dilemma: Dilemma) -> Opposition:
    """Whom each agent of one seed meets, leading with agents: fresh naive learners of its own, all the others."""
    agents = dilemma.agents
    starts = jax.vmap(partial(naive_starts, learners=dilemma.learners, scale=dilemma.naive_scale))
    others = np.asarray([[other for other in range(agents) if other != agent] for agent in range(agents)], int)
    fixed = jnp.asarray(dilemma.fixed, policies.dtype).reshape(len(dilemma.fixed), 5)
    return Opposition(
        learners=starts(keys),
        others=policies[others],
        fixed=jnp.broadcast_to(fixed, (agents, *fixed.shape)),
    )


def _ascend(
    optimizer: Optimizer, agent: Learner, gradient: Float[Array, "5"], rates: Rates
) -> tuple[Learner, Float[Array, ""]]:
    step = apply_gradients(optimizer, agent, -gradient, rates)
    return step.learner, step.grad_norm


def _key(seed: UInt[Array, ""], number: Int[Array, ""] | int) -> Key[Array, ""]:
    """0 draws the start, k + 1 what happens in iteration k."""
    return jax.random.fold_in(jax.random.key(seed), number)


def _numbers(experiment: AnalyticalExperiment) -> Scheduled[AnalyticalHyperparameters]:
    meta, naive, population = experiment.meta, experiment.naive, experiment.population
    values = {name: getattr(meta, name) for name in Rates._fields}
    points = max(map(points_of, [*values.values(), population.p_naive, naive.learning_rate]))
    rate = schedule_of(naive.learning_rate, points)
    if naive.returns == "raw":  # η ∂J = η / (1 - γ) ∂(1 - γ) J
        rate = rate._replace(values=rate.values / (1 - experiment.environment.discount))
    rates: dict[str, Any] = {name: schedule_of(value, points) for name, value in values.items()}
    others: dict[str, Any] = {"p_naive": schedule_of(population.p_naive, points), "naive_rate": rate}
    return AnalyticalHyperparameters(
        rates=Rates(**rates),
        **others,
        fixed=np.asarray([fixed.weight for fixed in population.fixed], float),  # type: ignore[arg-type]
    )
