"""Two agents of a quick preset of the dilemma trained in self-play, and what they earn of others afterwards."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from coalactl.configuration import resolve
from coalactl.presets import find_preset, read_preset
from coalactl_core.configuration.memory_one import MEMORY_ONE
from coalactl_core.numbers.hyperparameters import numbers_at
from coalactl_core.opponents.strategies import always
from coalactl_core.play.evaluation import Lineup, evaluate, strategy_automata
from coalactl_core.training.engine import SequenceEngine, build_engine
from coalactl_core.types import FIXED, META, Params, TrainState

MEASURED = ("always-defect", "always-cooperate")


def trained(preset: str, seed: int) -> tuple[SequenceEngine, TrainState, np.ndarray]:
    """The preset's engine, its state at the end, and rewards among agents by iteration."""
    found = find_preset(preset)
    experiment = resolve(read_preset(found), found.label, {"run.seed": (seed, "--seed")}).experiment
    engine = build_engine(experiment)
    state, rewards = engine.init([seed]), []
    for done in range(0, experiment.run.iterations, engine.sizes.call_capacity):
        count = min(engine.sizes.call_capacity, experiment.run.iterations - done)
        state, metrics = engine.advance(state, count)
        rewards.append(np.asarray(metrics.scalars["reward_vs_meta"])[0, :count].mean(-1))
    return engine, state, np.concatenate(rewards)


def rewards_of(agent: int, params: Params, engine: SequenceEngine) -> dict[str, float]:
    """An agent's reward a step against each fixed strategy and against the other agent."""
    automata = strategy_automata(
        jax.random.key(0), [(always(*MEMORY_ONE[name]), 1) for name in (*MEASURED, "tit-for-tat")]
    )
    lineup = Lineup(
        kind=jnp.asarray([[FIXED] * len(MEASURED) + [META]]),
        member=jnp.asarray([[0] * len(MEASURED) + [1 - agent]]),
        automata=jax.tree.map(lambda leaf: leaf[None], automata),
    )
    own = jax.tree.map(lambda leaf: leaf[agent], params)
    hyper = numbers_at(engine.experiment, 0).naive
    met = evaluate(jax.random.key(1), own, params, lineup, hyper, rollout=engine.pieces.rollout)
    means = np.asarray(met.outcomes["reward"])[..., 0].mean(1)
    return dict(zip((*MEASURED, "each other"), means.tolist(), strict=True))
