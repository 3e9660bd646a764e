"""The tables of a league: every pair, the ranking against the field, and what best responses earn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations_with_replacement
from typing import NamedTuple

import numpy as np

from coalactl.report.crossed import field_interval, two_way_interval, with_components, within_interval
from coalactl.report.figures import Figure
from coalactl.report.heat_map import grid_of
from coalactl.report.league import League
from coalactl.report.statistics import Interval
from coalactl.report.tables import Cell, Table, number, span

_INTERVALS = "95% intervals over pairs of training seeds, which treat the seeds of either side as drawn at random"


class Pair(NamedTuple):
    """Two entrants, by number; rewards a step of both, their mean (welfare), and the first's less the second's."""

    first: int
    second: int
    seeds: str
    reward: Interval
    others: Interval
    welfare: Interval
    difference: Interval

    @property
    def exploits(self) -> int | None:
        """Who earns more than the other, beyond the interval of their difference."""
        if self.first == self.second:
            return None
        return self.first if self.difference.low > 0 else self.second if self.difference.high < 0 else None


class Ranked(NamedTuple):
    """An entrant against the field: means over all others, each counting the same; with whom it earns more or less.

    ``among_its_like``: agents of different seeds of one entrant; ``self_play``: those of one training, or copies.
    """

    entrant: int
    reward: Interval
    welfare: Interval
    among_its_like: Interval
    self_play: float
    exploits: tuple[int, ...]
    exploited_by: tuple[int, ...]


def pairs_of(league: League) -> list[Pair]:
    """Every pair once, own pairs too, in the order of the entrants."""
    return [_pair(league, *pair) for pair in combinations_with_replacement(range(len(league.entrants)), 2)]


def ranking_of(league: League, pairs: Sequence[Pair]) -> list[Ranked]:
    """By reward against the field, the best first."""
    standings = [_standing(league, number, pairs) for number in range(len(league.entrants))]
    return sorted(standings, key=lambda standing: -standing.reward.estimate)


def league_tables(league: League) -> Iterator[Table]:
    """Two tables, and a third where best responses were trained."""
    pairs = pairs_of(league)
    yield _pairs_table(league, pairs)
    yield _ranking_table(league, ranking_of(league, pairs))
    if league.responses:
        yield _responses_table(league)


def league_figure(league: League) -> Figure:
    """The heat map of all rewards, from the best entrant to the last."""
    pairs = pairs_of(league)
    order = [standing.entrant for standing in ranking_of(league, pairs)]
    rewards = {(pair.first, pair.second): pair.reward for pair in pairs}
    rewards |= {(pair.second, pair.first): pair.others for pair in pairs if pair.first != pair.second}
    cells = [[rewards[row, column][:3] for column in order] for row in order]
    return Figure(
        name=f"{league.slug}-rewards",
        title=f"Rewards of every pair, league {league.name}",
        caption="Reward a step of each row against each column, means over the meta-episode, both orders of seats and "
        "pairs of training seeds; entrants by their reward against the field. On the diagonal agents of different "
        f"seeds. Intervals stand in the table {league.slug}-pairs.",
        panels=(),
        grid=grid_of([league.entrants[each].name for each in order], cells, "reward a step"),
    )


def _pair(league: League, first: int, second: int) -> Pair:
    own, theirs = league.reward(first, second), league.reward(second, first).T
    rows, columns = (len(league.entrants[each].seeds) for each in (first, second))
    interval = within_interval if first == second else two_way_interval
    reward, welfare = interval(own), interval((own + theirs) / 2)
    return Pair(
        first=first,
        second=second,
        seeds=f"{rows}×{columns}" if first != second else f"{rows}×{max(rows - 1, 1)}",
        reward=reward,
        # Of an own pair both sides are the same.
        others=reward if first == second else interval(theirs),
        welfare=welfare,
        difference=with_components(0.0, [], 0) if first == second else interval(own - theirs),
    )


def _standing(league: League, entrant: int, pairs: Sequence[Pair]) -> Ranked:
    others = [other for other in range(len(league.entrants)) if other != entrant]
    own = [league.reward(entrant, other) for other in others]
    theirs = [league.reward(other, entrant).T for other in others]
    itself = league.reward(entrant, entrant)
    met = [pair for pair in pairs if pair.exploits is not None and entrant in (pair.first, pair.second)]
    return Ranked(
        entrant=entrant,
        reward=field_interval(own),
        welfare=field_interval([(one + two) / 2 for one, two in zip(own, theirs, strict=True)]),
        among_its_like=within_interval(itself),
        self_play=float(np.trace(itself)) / len(itself),
        exploits=tuple(_other(pair, entrant) for pair in met if pair.exploits == entrant),
        exploited_by=tuple(_other(pair, entrant) for pair in met if pair.exploits != entrant),
    )


def _other(pair: Pair, entrant: int) -> int:
    return pair.second if pair.first == entrant else pair.first


# --- as tables ------------------------------------------------------------------------------------------------------


def _pairs_table(league: League, pairs: Sequence[Pair]) -> Table:
    names = [entrant.name for entrant in league.entrants]
    measures = ("reward", "other_reward", "welfare", "difference")
    columns = [f"{name}{end}" for name in measures for end in ("", "_low", "_high")]
    rows: list[tuple[Cell, ...]] = []
    shown: list[tuple[str, ...]] = []
    for pair in pairs:
        intervals = (pair.reward, pair.others, pair.welfare, pair.difference)
        exploits = "" if pair.exploits is None else names[pair.exploits]
        words = (names[pair.first], names[pair.second])
        rows.append((*words, exploits, pair.seeds, *(cell for each in intervals for cell in each[:3])))
        in_cells = (*map(in_cell, intervals[:3]), "–" if pair.first == pair.second else in_cell(pair.difference))
        shown.append((*words, exploits or "–", pair.seeds, *in_cells))
    return Table(
        name=f"{league.slug}-pairs",
        title=f"Rewards of every pair, league {league.name}",
        columns=("entrant", "other", "exploits", "seeds", *columns),
        rows=tuple(rows),
        shown_columns=("entrant", "other", "exploits", "seeds", "reward", "other's", "welfare", "difference"),
        shown=tuple(shown),
        words=4,
        keys=2,
        note=f"Rewards a step, means over the meta-episode and both orders of seats; welfare is the mean of "
        f"both. {_INTERVALS}; "
        "who exploits earns more than the other beyond the interval of the difference. In a pair of an entrant with "
        "itself agents of different seeds meet.",
    )


def _ranking_table(league: League, ranking: Sequence[Ranked]) -> Table:
    names = [entrant.name for entrant in league.entrants]
    measures = ("reward", "welfare", "among_its_like")
    rows: list[tuple[Cell, ...]] = []
    shown: list[tuple[str, ...]] = []
    for rank, one in enumerate(ranking, 1):
        intervals = (one.reward, one.welfare, one.among_its_like)
        words = tuple(", ".join(names[each] for each in others) for others in (one.exploits, one.exploited_by))
        cells = [cell for each in intervals for cell in each[:3]]
        rows.append((rank, names[one.entrant], *words, *cells, one.self_play))
        in_cells = (*map(in_cell, intervals), number(one.self_play))
        shown.append((str(rank), names[one.entrant], *(each or "–" for each in words), *in_cells))
    return Table(
        name=f"{league.slug}-ranking",
        title=f"Against the field, league {league.name}",
        columns=(
            *("rank", "entrant", "exploits", "exploited_by"),
            *(f"{name}{end}" for name in measures for end in ("", "_low", "_high")),
            "self_play",
        ),
        rows=tuple(rows),
        shown_columns=("", "entrant", "exploits", "exploited by", "reward", "welfare", "among its like", "self-play"),
        shown=tuple(shown),
        words=4,
        keys=2,
        note="Means over all other entrants, each counting the same, of rewards a step. Among its like are agents of "
        f"different seeds, in self-play those of one training, or copies. {_INTERVALS}.",
    )


class Exploited(NamedTuple):
    """What a best response earned a step against an entrant, and how much that is more than the entrant's like does."""

    entrant: int
    responder: str
    meta_episodes: int
    reward: Interval
    more: Interval


def exploitability_of(league: League) -> Iterator[Exploited]:
    """By entrant and way of responding; the unit is the entrant's training seed."""
    for entrant, rows in league.responses.items():
        likes = _likes_by_seed(league.reward(entrant, entrant))
        for responder, found in rows.groupby("responder", sort=False):
            by_seed = found.groupby("seed")["reward"].mean()
            rewards = by_seed.loc[list(league.entrants[entrant].seeds)].to_numpy(float)
            yield Exploited(
                entrant=entrant,
                responder=str(responder),
                meta_episodes=int(found["meta_episodes"].iloc[0]),
                reward=two_way_interval(rewards[:, None]),
                more=two_way_interval((rewards - likes)[:, None]),
            )


def _likes_by_seed(table: np.ndarray) -> np.ndarray:
    """What agents of the other seeds earned against each seed; of one seed alone its copies."""
    count = len(table)
    if count == 1:
        return table[0]
    return np.array([np.delete(table[:, seed], seed).mean() for seed in range(count)])


def _responses_table(league: League) -> Table:
    names = [entrant.name for entrant in league.entrants]
    exploited = list(exploitability_of(league))
    named = [(one, (names[one.entrant], one.responder, str(one.meta_episodes))) for one in exploited]
    return Table(
        name=f"{league.slug}-exploitability",
        title=f"Exploitability, league {league.name}",
        columns=(
            *("entrant", "responder", "meta_episodes"),
            *(f"{name}{end}" for name in ("reward", "more") for end in ("", "_low", "_high")),
        ),
        rows=tuple((*words, *(cell for each in (one.reward, one.more) for cell in each[:3])) for one, words in named),
        shown_columns=("entrant", "responder", "budget", "its reward", "more than its like"),
        shown=tuple((*words, in_cell(one.reward), in_cell(one.more)) for one, words in named),
        words=3,
        keys=2,
        note="What a best response earns a step against the frozen entrant, trained for so many meta-episodes, and how "
        "much more that is than the entrant's like earns against it. A budget finds a lower bound. 95% t-intervals "
        "over the entrant's training seeds.",
    )


def in_cell(interval: Interval) -> str:
    """``0.88 [0.70, 1.06]``."""
    spread = span(interval.low, interval.high)
    return f"{number(interval.estimate)} {spread}" if spread else number(interval.estimate)
