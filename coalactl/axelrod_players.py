"""Trained agents as players of the Axelrod library: ``player_of(load("runs/first"))`` plays its matches.

Needs the library, which takes some seconds to be imported.
"""

from __future__ import annotations

from typing import Any, ClassVar

import jax

from coalactl_core.envs.base import MemoryOneGame
from coalactl_core.play.agents import Agent
from coalactl_core.types import PolicyCarry

try:
    import axelrod
except ImportError as error:
    raise ImportError(f'Axelrod cannot be imported ({error}); pip install "coalactl[axelrod]"') from error

_ACTIONS = (axelrod.Action.C, axelrod.Action.D)


def player_of(agent: Agent, name: str | None = None, turns: int | None = None) -> TrainedPlayer:
    """The agent as a player of the library, called ``name``, by default ``agent-0`` or whatever its number is.

    A match is one inner episode, however long it is; with ``turns`` another inner episode begins after so many turns,
    and the agent remembers what is before by its own rule. It draws its actions by its probabilities, from the seed
    that the library gives it. The agent's C is the first of its game's actions, D the second.

    Raises:
        ValueError: the agent plays another game than a repeated matrix game of two actions, or ``turns`` is below 1.
    """
    game = agent.game
    if not isinstance(game.environment, MemoryOneGame) or game.num_actions != len(_ACTIONS):
        raise ValueError(f"agent: it plays {game.name}; players of Axelrod play matrix games of two actions")
    if turns is not None and turns < 1:
        raise ValueError(f"turns: {turns} given; an inner episode has at least 1, None: all of a match is one")
    return TrainedPlayer(agent, name or f"agent-{agent.number}", turns)


class TrainedPlayer(axelrod.Player):  # type: ignore[misc] # an extra, of which the checker knows nothing
    """A trained agent that plays matches of the library; made by :func:`player_of`.

    Clones share the agent, which does not change, and have a memory of their own. What it remembers follows from what
    was played, so that noise, which changes what was played, is seen as in training.
    """

    name = "Trained agent"
    classifier: ClassVar[dict[str, Any]] = {
        "memory_depth": float("inf"),
        "stochastic": True,
        "makes_use_of": set(),
        "long_run_time": False,
        "inspects_source": False,
        "manipulates_source": False,
        "manipulates_state": False,
    }

    def __init__(self, agent: Agent, name: str, turns: int | None) -> None:
        super().__init__()
        self.agent, self.name, self.turns = agent, name, turns
        self._memory = agent.start()

    def strategy(self, opponent: Any) -> Any:
        """Its next action; of the other player it knows what was played."""
        del opponent
        observation, memory = self._now()
        # The library's generator decides, so that its seeds do.
        key = jax.random.key(int(self._random.randint(2**31 - 1)))
        action, self._memory = self.agent.act(key, observation, memory)
        return _ACTIONS[int(action)]

    def cooperation(self) -> float:
        """With which probability it would cooperate next; nothing is remembered of being asked."""
        return float(self.agent.probabilities(*self._now())[0])

    def _now(self) -> tuple[Any, PolicyCarry]:
        """What it observes now, and what it remembers from before."""
        game, turn = self.agent.game, len(self.history)
        if turn == 0:
            return game.start(), self._memory
        last = self.history[-1].value, self.history.coplays[-1].value
        if self.turns is not None and turn % self.turns == 0:
            return game.start(last), self.agent.next_episode(self._memory)
        return game.after(*last), self._memory

    def __repr__(self) -> str:
        return self.name

    def __eq__(self, other: object) -> bool:
        """The same agent after the same moves: its memory follows from these."""
        return isinstance(other, TrainedPlayer) and (
            (self.agent, self.name, self.turns) == (other.agent, other.name, other.turns)
            and [*self.history] == [*other.history]
            and self.history.coplays == other.history.coplays
        )

    __hash__ = None  # type: ignore[assignment] # as all players there, it changes
