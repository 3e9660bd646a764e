"""Repeated matrix games of two actions: the iterated prisoner's dilemma and its kin (App. B.1)."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Int, Key

from coalactl_core.configuration.environments import MatrixGameConfig, seats_differ
from coalactl_core.configuration.memory_one import STATES
from coalactl_core.envs.base import Environment
from coalactl_core.games import PRISONERS_DILEMMA, Payoffs

_JOINT_ACTIONS = 4
# What is told of a strategy that never, or always, cooperates in a state: its logarithm is finite.
_LEAST = 1e-3
_NOBODY = -1.0


class MatrixGame(NamedTuple):
    """A matrix game, repeated for an inner episode.

    Action 0 cooperates (c), action 1 defects (d); in kindred games, whatever stands in the second row. The state is the
    last joint action seen from player 0's side: 0 = start, 1 = CC, 2 = CD, 3 = DC, 4 = DD. Each player observes it from
    its own side (own action first), one-hot. Every inner episode starts in state 0, which hides the last joint action
    of the episode before (OPEN between §5.1 and App. B; here as App. B has it).

    ``payoffs_second``: those of player 1, by its own action and the other's; None: the same.
    ``recalls``: from the second inner episode on, that joint action is shown beside the start, both features being 1;
    states 5 to 8 are the start after CC, CD, DC and DD.
    """

    payoffs: Payoffs = PRISONERS_DILEMMA
    payoffs_second: Payoffs | None = None
    episode_length: int = 10
    recalls: bool = False

    @property
    def observation_size(self) -> int:
        """One feature for the start and one for each joint action."""
        return 5

    @property
    def num_actions(self) -> int:
        """Cooperate and defect."""
        return 2

    def reset(self, key: Key[Array, ""]) -> Int[Array, ""]:
        """The state before the first joint action."""
        del key
        return jnp.int8(0)

    def step(
        self, key: Key[Array, ""], state: Int[Array, ""], actions: Int[Array, "2"]
    ) -> tuple[Int[Array, ""], Float[Array, "2"], None]:
        """Pay both players and remember what they did."""
        del key, state
        own, other = actions[0], actions[1]
        # As floats of the default type, so that the game is exact in float64 too.
        first = jnp.asarray(self.payoffs, dtype=float)
        second = first if self.payoffs_second is None else jnp.asarray(self.payoffs_second, dtype=float)
        rewards = jnp.stack([first[own, other], second[other, own]])
        return (1 + 2 * own + other).astype(jnp.int8), rewards, None

    def observe(self, state: Int[Array, ""], player: int) -> Float[Array, "5"]:
        """The state from the player's own side: for player 1 CD and DC change places."""
        number = self.observe_number(state, player)
        if self.recalls:
            return jnp.asarray(self.vocabulary, dtype=float)[number]
        return jax.nn.one_hot(number, self.observation_size, dtype=float)

    @property
    def vocabulary(self) -> Float[np.ndarray, "vocabulary 5"]:
        """The start and the four joint actions, one-hot; then the start after each, if it is recalled."""
        single = np.eye(self.observation_size, dtype=np.float32)
        return np.concatenate([single, single[:1] + single[1:]]) if self.recalls else single

    def observe_number(self, state: Int[Array, ""], player: int) -> Int[Array, ""]:
        """The state as the player numbers it."""
        mirrored = [0, 1, 3, 2, 4, 5, 7, 6, 8] if self.recalls else [0, 1, 3, 2, 4]
        return jnp.asarray(mirrored, dtype=jnp.int8)[state] if player == 1 else state

    @property
    def last_step(self) -> Float[np.ndarray, "vocabulary 3"] | None:
        """Own last action, one-hot, and what it was paid, the same in both seats; a start that recalls tells it too."""
        if self.payoffs_second is not None:
            return None
        own, other = np.divmod(np.arange(_JOINT_ACTIONS), 2)
        paid = np.asarray(self.payoffs, np.float32)[own, other]
        told = np.concatenate([np.eye(2, dtype=np.float32)[own], paid[:, None]], -1)
        return np.concatenate([np.zeros_like(told[:1]), *[told] * (1 + self.recalls)])

    @property
    def before_first(self) -> Int[np.ndarray, ""]:
        """The start: nothing to recall."""
        return np.zeros((), np.int8)

    def recall(self, state: Int[Array, ""], last: Int[Array, ""]) -> Int[Array, ""]:
        """The start after the last joint action."""
        return jnp.where(last == 0, state, _JOINT_ACTIONS + last).astype(jnp.int8)

    def forget(self, state: Int[Array, "*lead"]) -> Int[Array, "*lead"]:
        """The start as the first inner episode has it."""
        return jnp.where(state > _JOINT_ACTIONS, 0, state).astype(jnp.int8)

    def outcome(self, state: Int[Array, "*lead"]) -> Int[Array, "*lead"]:
        """The state as the first inner episode has it, by which memory-one strategies go."""
        return self.forget(state)

    def describe(self, state: Int[Array, ""], actions: Int[Array, "2"], events: None) -> dict[str, Float[Array, "2"]]:
        """Whether each player defected."""
        del state, events
        return {"defection": (actions == 1).astype(float)}


class ToldState(NamedTuple):
    """The last joint action, and the co-player's chances of cooperating, below 0 where nothing is told of it."""

    outcome: Int[Array, "*lead"]
    cooperation: Float[Array, "*lead states"]


class ToldGame(NamedTuple):
    """A matrix game in which the first player is told whom it meets, before the first step (arXiv:2602.16301).

    Of a fixed memory-one strategy that is the log-probabilities of both actions in each of its five states, of anybody
    else zeros. They stand beside the observation at the start, where that paper puts them before it, and are zeros
    afterwards. All else is the game's own.
    """

    game: MatrixGame

    @property
    def payoffs(self) -> Payoffs:
        """Player 0's."""
        return self.game.payoffs

    @property
    def observation_size(self) -> int:
        """The game's features and two log-probabilities for each state of a strategy."""
        return self.game.observation_size + self.game.num_actions * len(STATES)

    @property
    def num_actions(self) -> int:
        """Cooperate and defect."""
        return self.game.num_actions

    @property
    def episode_length(self) -> int:
        """Steps of one inner episode."""
        return self.game.episode_length

    def reset(self, key: Key[Array, ""]) -> ToldState:
        """The state before the first joint action, against nobody of whom anything is told."""
        return ToldState(self.game.reset(key), jnp.full(len(STATES), _NOBODY, np.float16))

    def tell(self, state: ToldState, cooperation: Float[Array, "states"]) -> ToldState:
        """The state in a meeting with a strategy that cooperates with these chances, or with nobody's, below 0."""
        return state._replace(cooperation=cooperation.astype(np.float16))

    def step(
        self, key: Key[Array, ""], state: ToldState, actions: Int[Array, "2"]
    ) -> tuple[ToldState, Float[Array, "2"], None]:
        """As in the game."""
        outcome, rewards, events = self.game.step(key, state.outcome, actions)
        return state._replace(outcome=outcome), rewards, events

    def observe(self, state: ToldState, player: int) -> Float[Array, "features"]:
        """The game's features, and what the first player is told at the start."""
        seen = self.game.observe(state.outcome, player)
        cooperation = state.cooperation.astype(seen.dtype)
        chances = jnp.clip(jnp.concatenate([cooperation, 1 - cooperation]), _LEAST, 1.0)
        is_told = (player == 0) & (state.outcome == 0) & (cooperation[0] >= 0)
        return jnp.concatenate([seen, jnp.where(is_told, jnp.log(chances), 0.0)])

    def outcome(self, state: ToldState) -> Int[Array, "*lead"]:
        """The last joint action."""
        return self.game.outcome(state.outcome)

    def describe(self, state: ToldState, actions: Int[Array, "2"], events: None) -> dict[str, Float[Array, "2"]]:
        """Whether each player defected."""
        return self.game.describe(state.outcome, actions, events)


def build(config: MatrixGameConfig, episode_length: int) -> Environment:
    """The game of an ``[environment]`` table."""
    first, second = config.tables
    game = MatrixGame(
        payoffs=first,
        payoffs_second=second if seats_differ(config) else None,
        episode_length=episode_length,
        recalls=config.boundary == "last-joint-action",
    )
    return ToldGame(game) if config.opponent == "told" else game
