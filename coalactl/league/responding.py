"""Trains best responses to an entrant: a learner at the naive settings, and one that remembers the meta-episode."""

from __future__ import annotations

import zlib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd

from coalactl.league.entrants import LeagueGame, LoadedEntrant
from coalactl.report.league import RESPONSE_COLUMNS
from coalactl_core.layout.sharding import Shards
from coalactl_core.play.duels import Duel
from coalactl_core.play.responses import train_responses

# By what tables call them: whether they remember.
RESPONDERS = {"naive": False, "with memory": True}
# Of a training's meta-episodes, those at the end that are told.
_TOLD = 0.1


def respond(
    entrant: LoadedEntrant, responder: LoadedEntrant, game: LeagueGame, *, budget: int, seed: int
) -> pd.DataFrame:
    """The rows of all responses to one entrant: rewards a step over the last tenth of the budget, by seed.

    Each of the entrant's agents is frozen, and met by a response of its own.
    """
    duel = Duel(game.environment, (entrant.side, responder.side), game.batch_size, game.inner_episodes)
    devices, count = jax.device_count(), len(entrant.seeds) * entrant.agents
    # Some are trained twice, so that devices have as many each.
    rows = np.arange(count + -count % devices) % count
    players = (
        jax.tree.map(lambda leaf: jnp.asarray(leaf)[rows], entrant.players),
        jax.tree.map(lambda leaf: jnp.asarray(leaf)[np.zeros_like(rows)], responder.players),
    )
    parts = []
    for number, (name, remembers) in enumerate(RESPONDERS.items()):
        keys = jax.random.split(jax.random.fold_in(_key(entrant, seed), number), count)[rows]
        rewards = train_responses(
            keys, players, duel=duel, remembers=remembers, meta_episodes=budget, shards=Shards(devices)
        )
        parts.append(_rows(entrant, name, np.asarray(rewards, float)[:count], budget))
    return pd.concat(parts, ignore_index=True)


def _rows(entrant: LoadedEntrant, name: str, rewards: Any, budget: int) -> pd.DataFrame:
    late = rewards[:, -max(1, round(_TOLD * budget)) :].mean(axis=1)
    by_seed = late.reshape(len(entrant.seeds), entrant.agents).mean(axis=1)
    rows = pd.DataFrame({"seed": entrant.seeds, "responder": name, "reward": by_seed, "meta_episodes": budget})
    return rows[list(RESPONSE_COLUMNS)]


def _key(entrant: LoadedEntrant, seed: int) -> Any:
    return jax.random.fold_in(jax.random.key(seed), zlib.crc32(f"response to {entrant.name}".encode()))
