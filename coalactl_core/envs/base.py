"""What an environment is, and how one is found by name.

An environment is a static, hashable object with pure methods for *one* game of two players; the engine maps them over
its batches and resets them at inner-episode boundaries. Environments of other packages are named by an entry point in
the group ``coalactl.environments`` or as ``module:Name``; docs/environments.md shows one.
"""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import numpy as np
from jax import Array
from jaxtyping import Float, Int, Key

from coalactl_core.games import Payoffs
from coalactl_core.types import EnvironmentState


@runtime_checkable
class Environment(Protocol):
    """A two-player game with simultaneous moves."""

    @property
    def observation_size(self) -> int:
        """Features of one observation."""

    @property
    def num_actions(self) -> int:
        """Actions of each player."""

    @property
    def episode_length(self) -> int:
        """Steps of one inner episode, T."""

    def reset(self, key: Key[Array, ""]) -> EnvironmentState:
        """The state at the start of an inner episode; small integers where possible, since states are stored."""

    def step(
        self, key: Key[Array, ""], state: EnvironmentState, actions: Int[Array, "2"]
    ) -> tuple[EnvironmentState, Float[Array, "2"], Any]:
        """The next state, both players' rewards, and events for :meth:`describe`."""

    def observe(self, state: EnvironmentState, player: int) -> Float[Array, "features"]:
        """What a player sees; both see the game from their own side."""

    def describe(self, state: EnvironmentState, actions: Int[Array, "2"], events: Any) -> dict[str, Float[Array, "2"]]:
        """Measures of one step, for each player; the engine reports their means by inner episode."""


@runtime_checkable
class DerivesMeasures(Environment, Protocol):
    """An environment with measures of an inner episode that are no means over its steps."""

    def derive(self, means: dict[str, Float[Array, "2"]]) -> dict[str, Float[Array, "2"]]:
        """Further measures, for each player, from the means over the steps and trajectories of an inner episode."""


@runtime_checkable
class RecallsEnds(Environment, Protocol):
    """An environment whose inner episodes may start with a view of how the one before ended.

    The view is for who remembers that one: naive co-players, fixed strategies and everyone whose memory starts afresh
    see what :meth:`forget` leaves of a state.
    """

    @property
    def recalls(self) -> bool:
        """Whether they do; if not, every inner episode starts as the first one."""

    @property
    def before_first(self) -> EnvironmentState:
        """What stands for the last state where no inner episode was before."""

    def recall(self, state: EnvironmentState, last: EnvironmentState) -> EnvironmentState:
        """The start of an inner episode, as :meth:`reset` gives it, after one that ended in the last state."""

    def forget(self, state: EnvironmentState) -> EnvironmentState:
        """The state without what it shows of the inner episode before."""


@runtime_checkable
class MemoryOneGame(Environment, Protocol):
    """A matrix game of two actions, in which memory-one strategies play.

    A player observes the start or the last joint action, own action first, one-hot in the order of
    :data:`coalactl_core.configuration.memory_one.STATES`; action 0 cooperates.
    """

    @property
    def payoffs(self) -> Payoffs:
        """Player 0's payoff by own action (row) and the other's (column); player 1's too, if the game says no other."""

    def outcome(self, state: EnvironmentState) -> Int[Array, "*lead"]:
        """What player 0 goes by, as a number among ``STATES``; a start after a joint action is a start."""


@runtime_checkable
class TellsStrategies(MemoryOneGame, Protocol):
    """A matrix game in which the first player is told which memory-one strategy it meets."""

    def tell(self, state: EnvironmentState, cooperation: Float[Array, "states"]) -> EnvironmentState:
        """The start against a strategy with these chances of cooperating by state; below 0 those of anybody else."""


@runtime_checkable
class FewObservations(Environment, Protocol):
    """An environment with so few observations that they can be numbered; policies may then use tables."""

    @property
    def vocabulary(self) -> Float[np.ndarray, "vocabulary features"]:
        """All observations, each as :meth:`observe` gives it."""

    def observe_number(self, state: EnvironmentState, player: int) -> Int[Array, ""]:
        """The number of what a player sees: :meth:`observe` is this row of the vocabulary."""


@runtime_checkable
class TellsLastStep(FewObservations, Protocol):
    """An environment of which every observation tells what the player did and earned in the step before."""

    @property
    def last_step(self) -> Float[np.ndarray, "vocabulary actions+1"] | None:
        """Own last action, one-hot, and reward by observation, zeros at a start; None where they depend on the seat."""
