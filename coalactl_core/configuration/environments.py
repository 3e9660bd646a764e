"""The ``[environment]`` table: games of this project, and those of other packages. Imports no JAX."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from coalactl_core.configuration.numbers import Section
from coalactl_core.games import CLEANUP_LITE, COIN_GAME, MATRIX_GAME, PRISONERS_DILEMMA, Payoffs

_Payoff = Annotated[float, Field(allow_inf_nan=False)]
_PayoffRow = Annotated[tuple[_Payoff, _Payoff], Field(strict=False)]
_Chance = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class PayoffsConfig(Section):
    """A symmetric two-player, two-action matrix game (App. B.1)."""

    name: Literal["matrix-game"] = MATRIX_GAME
    payoffs: Annotated[
        tuple[_PayoffRow, _PayoffRow],
        Field(strict=False, description="own payoff by own action (row) and the other's (column); 0 cooperates"),
    ] = PRISONERS_DILEMMA


class MatrixGameConfig(PayoffsConfig):
    """The matrix game, repeated for an inner episode; ``boundary``: what is seen there of the one before.

    ``opponent``: whether the first player is told which fixed strategy it meets.

    ``payoffs_second``: the table of the player in the second seat, by own action and the other's; empty: ``payoffs``.
    """

    payoffs_second: Annotated[tuple[_PayoffRow, ...], Field(strict=False)] = ()
    boundary: Literal["hidden", "last-joint-action"] = "hidden"
    opponent: Literal["hidden", "told"] = "hidden"

    @model_validator(mode="after")
    def _second_is_a_table(self) -> MatrixGameConfig:
        if len(self.payoffs_second) not in (0, 2):
            raise ValueError(
                f"environment.payoffs_second: {len(self.payoffs_second)} given; use two rows, own payoff by own action "
                "(row) and the other's, or [], the same as environment.payoffs"
            )
        return self

    @model_validator(mode="after")
    def _tells_one_thing(self) -> MatrixGameConfig:
        if self.opponent == "told" and self.boundary != "hidden":
            raise ValueError(
                f"environment.opponent: 'told' given; with environment.boundary {self.boundary!r} a start tells "
                "another thing, use 'hidden' for one of them"
            )
        return self

    @property
    def tables(self) -> tuple[Payoffs, Payoffs]:
        """The payoffs of the first and of the second player, each by own action and the other's."""
        if not self.payoffs_second:
            return self.payoffs, self.payoffs
        own, other = self.payoffs_second
        return self.payoffs, (own, other)


class CleanUpLiteConfig(Section):
    """CleanUp-lite, a river that soils and an orchard that bears while it is clean (App. B.1).

    A column of cells is held in the bits of a number, hence at most 32 rows; positions and frozen steps in 8 bits.
    """

    name: Literal["cleanup-lite"] = CLEANUP_LITE
    rows: Annotated[int, Field(ge=1, le=32)] = 5
    columns: Annotated[int, Field(ge=2, le=32)] = 4
    initial_dirt: Annotated[int, Field(ge=0, le=32)] = 3
    p_pollution: _Chance = 0.35
    pollution_threshold: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 3.0
    p_zap: _Chance = 0.9
    zap_range: Annotated[int, Field(ge=0, le=64)] = 2
    zap_metric: Literal["manhattan", "chebyshev"] = "manhattan"
    t_zap: Annotated[int, Field(ge=1, le=127)] = 5
    order_of_moving: Literal["last", "first"] = "last"

    @model_validator(mode="after")
    def _dirt_fits(self) -> CleanUpLiteConfig:
        if self.initial_dirt > self.rows:
            raise ValueError(
                f"environment.initial_dirt: {self.initial_dirt} patches do not fit into a river of "
                f"{self.rows} cells; use at most environment.rows"
            )
        return self


class CoinGameConfig(Section):
    """The coin game on a 3x3 torus: of one coin, as LOLA and its successors play it, or of one for each player."""

    name: Literal["coin-game"] = COIN_GAME
    coins: Annotated[int, Field(ge=1, le=2)] = 2
    placing: Literal["free", "anywhere"] = "free"
    stay: bool = False


class PluginEnvironmentConfig(BaseModel):
    """An environment of another package: an entry point's name or ``module:Name``; other keys go to it."""

    model_config = ConfigDict(frozen=True, extra="allow")

    name: str


# Games of this project, by name; the first is played where none is named.
ENVIRONMENTS: dict[str, type[MatrixGameConfig] | type[CleanUpLiteConfig] | type[CoinGameConfig]] = {
    MATRIX_GAME: MatrixGameConfig,
    CLEANUP_LITE: CleanUpLiteConfig,
    COIN_GAME: CoinGameConfig,
}


def seats_differ(environment: BaseModel) -> bool:
    """Whether a game of this project pays its two players by different tables."""
    return isinstance(environment, MatrixGameConfig) and environment.tables[0] != environment.tables[1]


def environment_tag(table: object) -> str:
    """Which table it is: the name of a game of this project, or "plugin"."""
    default = next(iter(ENVIRONMENTS))
    name = table.get("name", default) if isinstance(table, Mapping) else getattr(table, "name", default)
    return name if isinstance(name, str) and name in ENVIRONMENTS else "plugin"


EnvironmentConfig = Annotated[
    Annotated[MatrixGameConfig, Tag(MATRIX_GAME)]
    | Annotated[CleanUpLiteConfig, Tag(CLEANUP_LITE)]
    | Annotated[CoinGameConfig, Tag(COIN_GAME)]
    | Annotated[PluginEnvironmentConfig, Tag("plugin")],
    Discriminator(environment_tag),
]
