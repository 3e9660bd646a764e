"""From a pool to the opponents of each agent, and how many meta-episodes it plays against each."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple

from coalactl.errors import UserError
from coalactl.evaluation.contestants import Contestant, Entry
from coalactl.evaluation.pools import STRATEGY_KINDS, OpponentConfig, Pool
from coalactl_core.configuration.memory_one import classic
from coalactl_core.errors import ConfigurationError
from coalactl_core.games import words_of
from coalactl_core.opponents.strategies import STRATEGIES, Strategy, always, find_strategy

RANDOM = "random-tabular"


class Opponent(NamedTuple):
    """One opponent: a network (``number`` of the naive initialisations or agents of run ``run``) or a strategy.

    ``name`` is the number within the kind, the strategy's name, or the other run's label and agent.
    """

    kind: str
    name: str
    weight: float
    run: int
    number: int = 0
    strategy: Strategy | None = None


def check_fits(pool: Pool, entries: Sequence[Entry]) -> None:
    """Raises :class:`UserError` where a kind of the pool, or a strategy of it, cannot play the game of a run."""
    for entry in entries:
        for kind in pool.kinds:
            game = entry.experiment.environment.name
            if kind in STRATEGY_KINDS and not words_of(game).memory_one:
                raise UserError(
                    f"--pool {pool.name}: {kind!r} opponents are memory-one strategies, which play two-action matrix "
                    f"games only; {entry.run.path} plays {game!r}"
                )
    for opponent in pool.opponents:
        if opponent.strategy is not None:
            _find(opponent.strategy, pool)


def opponents_of(
    index: int, agent: int, contestants: Sequence[Contestant], pool: Pool, p_naive: float
) -> list[Opponent]:
    """The opponents of an agent of the run at ``index``; weights add up to 1."""
    kinds = pool.of_run(p_naive)
    total = sum(kind.weight for kind in kinds)
    opponents = []
    for kind in kinds:
        of_kind = _of_kind(kind, index, agent, contestants, pool)
        own = sum(opponent.weight for opponent in of_kind)
        opponents += [each._replace(weight=each.weight / own * kind.weight / total) for each in of_kind]
    return opponents


def meta_episodes(weights: Sequence[float], episodes: int) -> list[int]:
    """How many of the meta-episodes each opponent gets: by its weight, rounded so that all add up, at least one.

    There are as many as opponents, or more.
    """
    rest = episodes - len(weights)
    # Each beyond the first: what its weight asks for, as far as that is not met by the one that all have.
    wanted = [max(weight * episodes - 1, 0) for weight in weights]
    scale = rest / sum(wanted) if rest else 0
    bounds = [round(bound * scale) for bound in accumulate(wanted, initial=0)]
    return [1 + after - before for before, after in pairwise(bounds)]


def _of_kind(
    kind: OpponentConfig, index: int, agent: int, contestants: Sequence[Contestant], pool: Pool
) -> list[Opponent]:
    own = contestants[index]
    if kind.kind == "naive":
        return [Opponent("naive", str(number), 1.0, index, number) for number in range(len(own.naive))]
    if kind.kind == "meta":
        # One that is alone meets a copy of itself.
        others = [number for number in range(len(own.agents)) if number != agent] or [agent]
        return [Opponent("meta", str(number), 1.0, index, number) for number in others]
    if kind.kind == "cross":
        return [
            Opponent("cross", f"{other.entry.label}/agent-{number}", 1.0 / len(other.agents), run, number)
            for run, other in enumerate(contestants)
            for number in range(len(other.agents))
            if run != index
        ]
    return [
        Opponent(kind.kind, name, 1.0, index, strategy=strategy)
        for name, strategy in _strategies(kind, own, pool).items()
    ]


def _strategies(kind: OpponentConfig, contestant: Contestant, pool: Pool) -> dict[str, Strategy]:
    if kind.strategy is not None:
        return {kind.strategy: _find(kind.strategy, pool)}
    if kind.kind == "tabular":
        return {RANDOM: STRATEGIES[RANDOM]}
    # Of other games there are none, and check_fits lets none pass.
    known = {} if contestant.payoffs is None else classic(contestant.payoffs)
    return {name: always(*cooperation) for name, cooperation in known.items()}


def _find(name: str, pool: Pool) -> Strategy:
    try:
        return find_strategy(name)
    except ConfigurationError as error:
        raise UserError(f"--pool {pool.name}: {str(error).replace('population.fixed', 'strategy')}") from error
