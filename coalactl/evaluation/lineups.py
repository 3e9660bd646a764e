"""From a pool to the opponents of each agent, and how many meta-episodes it plays against each."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, NamedTuple

from coalactl.errors import UserError
from coalactl.evaluation.contestants import Contestant, Entry
from coalactl.evaluation.learners import NaiveLearner, built, learning_by, numbers_of
from coalactl.evaluation.pools import AGENT_KINDS, AXELROD, STRATEGY_KINDS, OpponentConfig, Pool
from coalactl_core.configuration.environments import seats_differ
from coalactl_core.configuration.experiment import SequenceExperiment
from coalactl_core.configuration.memory_one import classic
from coalactl_core.configuration.strategies import RANDOM_TABULAR, WITH_MEMORY
from coalactl_core.errors import ConfigurationError
from coalactl_core.games import words_of
from coalactl_core.opponents.asked import AskedStrategy
from coalactl_core.opponents.axelrod_library import PREFIX, tournament_names
from coalactl_core.opponents.strategies import KEY, OnlyAskedError, Strategy, always, find_asked, find_strategy

if TYPE_CHECKING:
    from coalactl_core.opponents.seam import Coplayer


class Opponent(NamedTuple):
    """One opponent: a network (``number`` of the naive initialisations or agents of run ``run``) or a strategy.

    A strategy is an automaton (``strategy``), or one that Python is to ask (``asked``).

    ``name`` is the number within the kind, the strategy's name, or the other run's label and agent; of naive ones that
    learn in several ways the learner's name stands before it. ``learner`` is a naive one's place in the run's.
    """

    kind: str
    name: str
    weight: float
    run: int
    number: int = 0
    strategy: Strategy | None = None
    learner: int = 0
    asked: AskedStrategy | None = None


def check_fits(pool: Pool, entries: Sequence[Entry]) -> None:
    """Raises :class:`UserError` where a kind of the pool, or a strategy of it, cannot play the game of a run.

    So does a learner whose values are none of ``[naive]``, or that is called as naive agents of the run are.
    """
    for entry in entries:
        own = _called(entry.experiment) if _meets_its_own(pool) else ()
        for learner in pool.learners:
            learning_as(learner, entry.experiment, pool)
            if learner.called in own:
                raise UserError(
                    f"--pool {pool.name}: learner {learner.called!r}: naive agents of {entry.run.path} are called "
                    f"{learner.called!r}, too; give it a name"
                )
        for kind in pool.kinds:
            game = entry.experiment.environment.name
            if kind in STRATEGY_KINDS and not words_of(game).memory_one:
                raise UserError(
                    f"--pool {pool.name}: {kind!r} opponents are strategies, which play two-action matrix games only; "
                    f"{entry.run.path} plays {game!r}"
                )
            check_seats(kind, entry, f"--pool {pool.name}", "--pool naive")
        for opponent in pool.opponents:
            if opponent.kind == AXELROD:
                _of_axelrod(pool)
            if opponent.strategy is not None:
                sizes = entry.experiment.rollout
                _find(opponent.strategy, pool, sizes.inner_episode_length, sizes.inner_episodes)


def check_seats(kind: str, entry: Entry, option: str, remedy: str) -> None:
    """Raises :class:`UserError` where agents would be met in a seat whose game none of them has learnt."""
    if kind in AGENT_KINDS and seats_differ(entry.experiment.environment):
        raise UserError(
            f"{option}: {kind!r} opponents are agents, in the second seat, where none learns, and "
            f"{entry.run.path} pays it by another table (environment.payoffs_second); use {remedy}"
        )


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
        return _naive(kind, index, own, pool)
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
        _with_strategy(Opponent(kind.kind, name, 1.0, index), strategy)
        for name, strategy in _strategies(kind, own, pool).items()
    ]


def _with_strategy(opponent: Opponent, strategy: Strategy | AskedStrategy) -> Opponent:
    if isinstance(strategy, AskedStrategy):
        return opponent._replace(asked=strategy)
    return opponent._replace(strategy=strategy)


def _naive(kind: OpponentConfig, index: int, own: Contestant, pool: Pool) -> list[Opponent]:
    """Each initialisation, learning as in training or as a learner of the pool does."""
    groups = own.entry.experiment.naive_learners
    learners = [place for place, group in enumerate(groups) for _ in range(group.agents)]
    named = [*_called(own.entry.experiment)]
    if kind.learner is not None:
        learners = [len(groups) + pool.learners.index(kind)] * len(learners)
        named = [*named, *(each.called for each in pool.learners)]
    return [
        Opponent("naive", f"{named[place]}/{number}".lstrip("/"), 1.0, index, number, learner=place)
        for number, place in enumerate(learners)
    ]


def _called(experiment: SequenceExperiment) -> tuple[str, ...]:
    """What each group of a run's naive agents is called, nothing where all learn alike."""
    groups = experiment.naive_learners
    return tuple(group.config.algorithm for group in groups) if len(groups) > 1 else ("",)


def _meets_its_own(pool: Pool) -> bool:
    """Whether agents meet their run's naive agents as these learn in training, beside learners of the pool."""
    return any(kind.kind == "naive" and kind.learner is None for kind in pool.opponents)


def with_learners(contestants: Sequence[Contestant], pool: Pool) -> list[Contestant]:
    """The contestants with the pool's learners behind their own; those of one program share a co-player.

    Raises :class:`UserError`: a learner cannot play the game of a run.
    """
    plays: dict[str, Coplayer] = {}

    def learner_of(contestant: Contestant, learner: OpponentConfig) -> NaiveLearner:
        learning = learning_as(learner, contestant.entry.experiment, pool)
        form = json.dumps(learning.static_choices, default=str)
        if form not in plays:
            plays[form] = built(learning).naive
        return NaiveLearner(plays[form], numbers_of(learning, contestant.step))

    return [
        each._replace(learners=(*each.learners, *(learner_of(each, learner) for learner in pool.learners)))
        for each in contestants
    ]


def learning_as(learner: OpponentConfig, experiment: SequenceExperiment, pool: Pool) -> SequenceExperiment:
    """The experiment of a run in which naive agents learn as a learner of the pool does."""
    whose = f"--pool {pool.name}: learner {learner.called!r}"
    return learning_by(experiment, learner.learner or "", learner.set or {}, whose)


def _strategies(kind: OpponentConfig, contestant: Contestant, pool: Pool) -> dict[str, Strategy | AskedStrategy]:
    if kind.kind == "classic":
        return {name: always(*cooperation) for name, cooperation in classic(contestant.payoffs).items()}
    names = {"tabular": (RANDOM_TABULAR,), "memory": WITH_MEMORY}.get(kind.kind, (kind.strategy or "",))
    if kind.kind == AXELROD:
        names = _of_axelrod(pool)
    rollout = contestant.rollouts[0]
    return {name: _find(name, pool, rollout.environment.episode_length, rollout.inner_episodes) for name in names}


def _of_axelrod(pool: Pool) -> tuple[str, ...]:
    """The names of the library's strategies that are met; raises :class:`UserError` where it is not installed."""
    try:
        return tuple(PREFIX + name for name in tournament_names())
    except ValueError as error:
        raise UserError(f"--pool {pool.name}: {error}") from error


def _find(name: str, pool: Pool, episode_length: int, inner_episodes: int) -> Strategy | AskedStrategy:
    try:
        return find_strategy(name, episode_length=episode_length, inner_episodes=inner_episodes)
    except OnlyAskedError:
        return find_asked(name)
    except ConfigurationError as error:
        raise UserError(f"--pool {pool.name}: {str(error).replace(KEY, 'strategy')}") from error
