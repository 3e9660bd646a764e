"""Exported agents do what the agent does, for any batch, by what jax.export reads and nothing else."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from test_agents import COINS, GAME, HAWK, RECURRENT, agent_of

from coalactl_core.configuration.sizes import NetworkConfig
from coalactl_core.nets.registry import build_policy
from coalactl_core.play.exporting import PLATFORMS, exported, memory_of
from coalactl_core.types import CARRIED, FORGOTTEN, SHARED

pytest.importorskip("flatbuffers")
BATCH = 3


def read(data: bytes) -> Any:
    return jax.export.deserialize(bytearray(data))


@pytest.mark.parametrize(
    ("policy", "crossing", "batch"),
    [
        pytest.param(HAWK, CARRIED, None, marks=pytest.mark.long),
        pytest.param(HAWK, FORGOTTEN, BATCH, marks=pytest.mark.long),
        (RECURRENT, SHARED, None),
    ],
)
def test_it_does_what_the_agent_does(policy: Any, crossing: int, batch: int | None) -> None:
    agent = agent_of(GAME, policy, crossing)
    programs = {name: read(data) for name, data in exported(agent, batch).items()}
    assert {program.platforms for program in programs.values()} == {PLATFORMS}
    draws = np.random.default_rng(0)
    for count in (BATCH,) if batch else (1, BATCH):
        seen = jnp.zeros(count, jnp.int32)
        memory, own = programs["start"].call(seen), agent.start(count)
        assert {name: leaf.shape[1:] for name, leaf in memory.items()} == {
            name: leaf.shape for name, leaf in memory_of(agent).items()
        }
        for step in range(6):
            if step == 3:
                memory, own = programs["next_episode"].call(memory), agent.next_episode(own)
            expected = agent.probabilities(seen, own)
            _, own = agent.act(jax.random.key(step), seen, own)
            found, memory = programs["act"].call(seen, memory)
            np.testing.assert_allclose(found, expected, atol=1e-6)  # single precision
            seen = jnp.asarray(draws.integers(5, size=count), jnp.int32)
    if batch:
        with pytest.raises(ValueError, match="shape"):
            programs["act"].call(seen[:1], jax.tree.map(lambda leaf: leaf[:1], memory))


def test_features_are_taken_where_the_game_has_these() -> None:
    network = NetworkConfig(width=4, heads=2, depth=1, mlp_width=4)
    sizes = {"observation_size": COINS.observation_size, "num_actions": COINS.num_actions}
    agent = agent_of(COINS, build_policy(network, scan="sequential", vocabulary=None, **sizes))
    act = read(exported(agent)["act"])
    keys = jax.random.split(jax.random.key(0), BATCH)
    seen = jax.vmap(lambda key: agent.game.observe(agent.game.reset(key), 0))(keys)
    memory = agent.start(BATCH)
    named = dict(zip(memory_of(agent), jax.tree.leaves(memory), strict=True))
    found, _ = act.call(jnp.asarray(seen, jnp.float32), named)
    np.testing.assert_allclose(found, agent.probabilities(seen, memory), atol=1e-6)  # single precision
