"""The games of this project, by name: words about each, and where its code is. Imports neither JAX nor pydantic.

Configuration, command line and reports read this table. What other packages bring is named by an entry point of the
group ``coalactl.environments`` or as ``module:Name``; of their games reports show all measures.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple


class Game(NamedTuple):
    """A game: where it is built, and what reports show of it.

    ``build`` is written ``module:Name``: a function of its table of settings and the length of an inner episode.
    """

    build: str
    measures: Mapping[str, str]
    """The columns that tables of final measures show, where they were measured, with their headings; in that order."""
    table: str = ""
    """What its tables of final measures are called, where its measures go with no other game's."""
    title: str = ""
    """Its name in words, where it has such tables."""
    units: str = ""
    """What its measures are a step."""
    actions: tuple[str, ...] = ()
    """What its actions are called, in their order; a variant may have fewer."""
    own_measures: tuple[str, ...] = ()
    """What is measured beside rewards: the names that its environment describes and derives."""
    memory_one: bool = False
    """Whether memory-one strategies play it."""
    few_observations: bool = False
    """Whether its observations can be numbered, so that policies use tables."""


# Of a symmetric matrix game of two actions: own payoff by own action (row) and the other's (column); 0 cooperates.
Payoffs = tuple[tuple[float, float], tuple[float, float]]
# The paper's iterated prisoner's dilemma (App. B.1), [[R, S], [T, P]].
PRISONERS_DILEMMA: Payoffs = ((1.0, -1.0), (2.0, 0.0))

MATRIX_GAME: Literal["matrix-game"] = "matrix-game"
CLEANUP_LITE: Literal["cleanup-lite"] = "cleanup-lite"
COIN_GAME: Literal["coin-game"] = "coin-game"

GAMES: Mapping[str, Game] = MappingProxyType(
    {
        MATRIX_GAME: Game(
            build="coalactl_core.envs.matrix_game:build",
            measures={
                "reward_vs_naive": "reward vs naive",
                "coplayer_reward_vs_naive": "naive's reward",
                "reward_vs_meta": "reward vs meta",
                "reward_vs_fixed": "reward vs fixed",
                "coplayer_reward_vs_fixed": "fixed's reward",
                "defection_first_vs_naive": "defection vs naive, first",
                "defection_last_vs_naive": "defection vs naive, last",
                "coplayer_defection_last_vs_naive": "naive's defection, last",
                "defection_first_vs_fixed": "defection vs fixed, first",
                "defection_last_vs_fixed": "defection vs fixed, last",
            },
            actions=("cooperate", "defect"),
            own_measures=("defection",),
            memory_one=True,
            few_observations=True,
        ),
        CLEANUP_LITE: Game(
            build="coalactl_core.envs.cleanup_lite:build",
            measures={
                "reward_vs_naive": "reward vs naive",
                "coplayer_reward_vs_naive": "naive's reward",
                "cleaning_discrepancy_vs_naive": "cleaning discrepancy vs naive",
                "cleaning_vs_naive": "cleaning vs naive",
                "coplayer_cleaning_vs_naive": "naive's cleaning",
                "zapped_vs_naive": "zaps by naive",
                "coplayer_zapped_vs_naive": "zaps at naive",
                "reward_vs_meta": "reward vs meta",
                "cleaning_discrepancy_vs_meta": "cleaning discrepancy vs meta",
                "cleaning_vs_meta": "cleaning vs meta",
                "zapped_vs_meta": "zaps vs meta",
            },
            actions=("right", "left", "up", "down", "zap", "nothing"),
            own_measures=(
                *("harvest", "cleaning", "zapping", "zapped", "pollution_level", "apple_level"),
                "cleaning_discrepancy",
            ),
            table="cleanup",
            title="CleanUp-lite",
            units="rewards, dirt removed and zaps that hit a step. "
            "Where nobody cleans there is no cleaning discrepancy either",
        ),
        COIN_GAME: Game(
            build="coalactl_core.envs.coin_game:build",
            measures={
                "reward_vs_naive": "reward vs naive",
                "coplayer_reward_vs_naive": "naive's reward",
                "own_coins_vs_naive": "own coins vs naive",
                "other_coins_vs_naive": "coins taken from naive",
                "coplayer_own_coins_vs_naive": "naive's own coins",
                "coplayer_other_coins_vs_naive": "coins lost to naive",
                "reward_vs_meta": "reward vs meta",
                "own_coins_vs_meta": "own coins vs meta",
                "other_coins_vs_meta": "coins taken from meta",
            },
            actions=("right", "left", "down", "up", "stay"),
            own_measures=("own_coins", "other_coins"),
            table="coins",
            title="the coin game",
            units="rewards, and coins of one's own colour and of the other's, a step",
        ),
    }
)

_OTHER = Game(build="", measures={})


def words_of(name: str) -> Game:
    """The row of a game; of one of another package, of which nothing is known, a row that says nothing."""
    return GAMES.get(name, _OTHER)
