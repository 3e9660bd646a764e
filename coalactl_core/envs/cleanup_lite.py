"""CleanUp-lite: two players share a river that soils and an orchard that bears while the river is clean (App. B.1)."""

from __future__ import annotations

from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float, Int, Key, UInt

from coalactl_core.configuration.environments import CleanUpLiteConfig

RIGHT, LEFT, UP, DOWN, ZAP, NOOP = range(6)

# Where in the order of a step the players move; how far apart two cells are.
Order = Literal["last", "first"]
Metric = Literal["manhattan", "chebyshev"]

# Places among free cells are drawn as whole numbers below this, so that scaling them to few cells is exact.
PLACES = 1 << 16


class CleanUpState(NamedTuple):
    """Eight bytes on the paper's grid. ``dirt`` and ``apples`` have a bit a row of the river and the orchard.

    ``frozen``: how many of the next steps a player will not act in.
    """

    rows: Int[Array, "players"]
    columns: Int[Array, "players"]
    dirt: UInt[Array, ""]
    apples: UInt[Array, ""]
    frozen: Int[Array, "players"]


class Draws(NamedTuple):
    """All chance of one step. What is a float is uniform on [0, 1), and the event happens where it is below its odds.

    Of n free cells from the top, that at ``place * n // PLACES`` is taken. ``first`` is the player that gets what both
    stand on.
    """

    pollution: Float[Array, ""]
    dirt_place: Int[Array, ""]
    apple: Float[Array, ""]
    apple_place: Int[Array, ""]
    zaps: Float[Array, "players"]
    first: Int[Array, ""]


class CleanUpEvents(NamedTuple):
    """What each player did in a step; ``zapped``: whether its zap hit the other."""

    harvested: Bool[Array, "players"]
    cleaned: Bool[Array, "players"]
    zapped: Bool[Array, "players"]


class CleanUpLite(NamedTuple):
    """The two-player grid world of App. B.1; actions are right, left, up, down, zap and nothing.

    In this order: the river (right-most column) soils, the orchard (left-most) bears, players harvest, clean, zap, and
    move (or move before all that, ``order_of_moving``). A frozen player does none of these.

    OPEN in the paper, and chosen here: 5 rows of 4 columns; distance of a zap (``zap_metric``); of two players on one
    apple or patch one gets it, at random; both of two zaps at once may hit; players may share a cell; a move off the
    grid stays; a hit takes effect at once, so that a player hit before it moves stays, and lasts through the
    ``t_zap`` steps that follow.
    """

    episode_length: int = 64
    rows: int = 5
    columns: int = 4
    initial_dirt: int = 3
    p_pollution: float = 0.35
    pollution_threshold: float = 3.0
    p_zap: float = 0.9
    zap_range: int = 2
    zap_metric: Metric = "manhattan"
    t_zap: int = 5
    order_of_moving: Order = "last"

    @property
    def observation_size(self) -> int:
        """Both positions and three kinds of objects by cell, and two flags."""
        return 5 * self.rows * self.columns + 2

    @property
    def num_actions(self) -> int:
        """Four moves, zap, nothing."""
        return 6

    def reset(self, key: Key[Array, ""]) -> CleanUpState:
        """Players on random cells, no apples, the first dirt on random river cells."""
        row_key, column_key, dirt_key = jax.random.split(key, 3)
        dirt = jnp.uint32(0)
        for place in jax.random.randint(dirt_key, (self.initial_dirt,), 0, PLACES):
            dirt |= _free_cell(dirt, self.rows, place)
        return CleanUpState(
            rows=jax.random.randint(row_key, (2,), 0, self.rows, jnp.int8),
            columns=jax.random.randint(column_key, (2,), 0, self.columns, jnp.int8),
            dirt=dirt.astype(self._cells_type),
            apples=jnp.zeros((), self._cells_type),
            frozen=jnp.zeros(2, jnp.int8),
        )

    def step(
        self, key: Key[Array, ""], state: CleanUpState, actions: Int[Array, "2"]
    ) -> tuple[CleanUpState, Float[Array, "2"], CleanUpEvents]:
        """One step; an apple harvested is a reward of 1."""
        return self.advance(state, actions, self.draws(key))

    def draws(self, key: Key[Array, ""]) -> Draws:
        """The chance of one step from 128 random bits: four numbers of 24 bits, two of 16 and 15, and a bit."""
        words = jax.random.bits(key, (4,), jnp.uint32)
        odds = (words >> 8).astype(float) * 2.0**-24
        rest = words & 255
        return Draws(
            pollution=odds[0],
            dirt_place=(rest[0] << 8 | rest[1]).astype(jnp.int32),
            apple=odds[1],
            apple_place=(rest[2] << 8 | rest[3] & 254).astype(jnp.int32),
            zaps=odds[2:],
            first=(rest[3] & 1).astype(jnp.int32),
        )

    def advance(
        self, state: CleanUpState, actions: Int[Array, "2"], draws: Draws
    ) -> tuple[CleanUpState, Float[Array, "2"], CleanUpEvents]:
        """The step that these draws make; without chance of its own."""
        awake = state.frozen == 0
        if self.order_of_moving == "first":
            state = self._moved(state, actions, awake)
        dirt, apples = self._grown(state, draws)
        harvested, apples = _take(apples, state.rows, awake & (state.columns == 0), draws.first)
        cleaned, dirt = _take(dirt, state.rows, awake & (state.columns == self.columns - 1), draws.first)
        zapped = awake & awake[::-1] & (actions == ZAP) & self._near(state) & (draws.zaps < self.p_zap)
        hit = zapped[::-1]
        state = state._replace(
            dirt=dirt.astype(self._cells_type),
            apples=apples.astype(self._cells_type),
            frozen=jnp.where(hit, self.t_zap, jnp.maximum(state.frozen, 1) - 1).astype(jnp.int8),
        )
        if self.order_of_moving == "last":
            state = self._moved(state, actions, awake & ~hit)
        return state, harvested.astype(float), CleanUpEvents(harvested=harvested, cleaned=cleaned, zapped=zapped)

    def observe(self, state: CleanUpState, player: int) -> Float[Array, "features"]:
        """One-hot positions, own first; apple, dirt or nothing in each cell; who is frozen, oneself first."""
        mine = jnp.asarray([player, 1 - player])
        cells = jnp.arange(self.rows * self.columns)
        at = (state.rows.astype(jnp.int32) * self.columns + state.columns)[mine]
        positions = at[:, None] == cells
        row, column = cells // self.columns, cells % self.columns
        apple = (column == 0) & _bit(state.apples, row)
        dirt = (column == self.columns - 1) & _bit(state.dirt, row)
        objects = jnp.stack([apple, dirt, ~(apple | dirt)], -1)
        flags = state.frozen[mine] > 0
        return jnp.concatenate([positions.ravel(), objects.ravel(), flags]).astype(float)

    def describe(
        self, state: CleanUpState, actions: Int[Array, "2"], events: CleanUpEvents
    ) -> dict[str, Float[Array, "2"]]:
        """Apples harvested, dirt removed, zaps that hit and that were taken, and what lies around before the step.

        A player removes at most one patch in a step, so that ``cleaning`` is both dirt removed and steps that did.
        """
        del actions
        measures = {
            "harvest": events.harvested,
            "cleaning": events.cleaned,
            "zapping": events.zapped,
            "zapped": events.zapped[::-1],
            "pollution_level": jnp.broadcast_to(_count(state.dirt), 2),
            "apple_level": jnp.broadcast_to(_count(state.apples), 2),
        }
        return {name: values.astype(float) for name, values in measures.items()}

    def derive(self, means: dict[str, Float[Array, "2"]]) -> dict[str, Float[Array, "2"]]:
        """Cleaning discrepancy: how far apart the two players' shares of steps that removed dirt are.

        The shares are means over the steps and the B trajectories of one inner episode of one meta-episode; the
        absolute differences are then averaged over inner episodes and opponents like any measure. So roles that swap
        between inner episodes count as unfair, and roles that differ between the trajectories of one pair do not.
        """
        cleaning = means["cleaning"]
        return {"cleaning_discrepancy": jnp.abs(cleaning - cleaning[::-1])}

    @property
    def _cells_type(self) -> jnp.dtype:
        """The smallest type with a bit for each row."""
        return jnp.dtype(jnp.uint8 if self.rows <= 8 else jnp.uint16 if self.rows <= 16 else jnp.uint32)

    def _grown(self, state: CleanUpState, draws: Draws) -> tuple[UInt[Array, ""], UInt[Array, ""]]:
        """Dirt and apples once the river soiled and the orchard bore."""
        dirt, apples = state.dirt.astype(jnp.uint32), state.apples.astype(jnp.uint32)
        soils = draws.pollution < self.p_pollution
        dirt |= jnp.where(soils, _free_cell(dirt, self.rows, draws.dirt_place), 0)
        # p_apple = 1 - min(1, P / threshold), without a division: rounding cannot make 0 a little more.
        bears = draws.apple * self.pollution_threshold < self.pollution_threshold - _count(dirt)
        apples |= jnp.where(bears, _free_cell(apples, self.rows, draws.apple_place), 0)
        return dirt, apples

    def _near(self, state: CleanUpState) -> Bool[Array, ""]:
        """Whether the players are within the range of a zap."""
        rows, columns = (jnp.abs(axis[0] - axis[1]) for axis in (state.rows, state.columns))
        distance = rows + columns if self.zap_metric == "manhattan" else jnp.maximum(rows, columns)
        return distance <= self.zap_range

    def _moved(self, state: CleanUpState, actions: Int[Array, "2"], able: Bool[Array, "2"]) -> CleanUpState:
        """The players that are able to, a cell further."""
        down = (actions == DOWN).astype(jnp.int8) - (actions == UP)
        right = (actions == RIGHT).astype(jnp.int8) - (actions == LEFT)
        return state._replace(
            rows=jnp.clip(state.rows + jnp.where(able, down, 0), 0, self.rows - 1).astype(jnp.int8),
            columns=jnp.clip(state.columns + jnp.where(able, right, 0), 0, self.columns - 1).astype(jnp.int8),
        )


def _free_cell(taken: UInt[Array, ""], cells: int, place: Int[Array, ""]) -> UInt[Array, ""]:
    """One of the cells that are not taken, as a bit; no bit where all are."""
    free = ~taken & jnp.uint32((1 << cells) - 1)
    before = place * _count(free) >> 16
    for skipped in range(cells - 1):
        # Taking 1 off borrows from the lowest bit: `and` then clears it.
        free = jnp.where(skipped < before, free & (free - 1), free)
    return free & -free


def _take(
    cells: UInt[Array, ""], rows: Int[Array, "2"], there: Bool[Array, "2"], first: Int[Array, ""]
) -> tuple[Bool[Array, "2"], UInt[Array, ""]]:
    """Which players take what lies in their cells, and what is left; ``there``: who is in this column and acts."""
    takes = there & _bit(cells, rows)
    contested = takes[0] & takes[1] & (rows[0] == rows[1])
    takes &= ~contested | (jnp.arange(2) == first)
    taken = jnp.where(takes, jnp.uint32(1) << rows.astype(jnp.uint32), 0)
    return takes, cells & ~(taken[0] | taken[1])


def _bit(cells: UInt[Array, ""], rows: Int[Array, "*shape"]) -> Bool[Array, "*shape"]:
    return (cells.astype(jnp.uint32) >> rows.astype(jnp.uint32)) & 1 == 1


def _count(cells: UInt[Array, ""]) -> Int[Array, ""]:
    return jax.lax.population_count(cells).astype(jnp.int32)


def build(config: CleanUpLiteConfig, episode_length: int) -> CleanUpLite:
    """The game of an ``[environment]`` table."""
    return CleanUpLite(episode_length=episode_length, **config.model_dump(exclude={"name"}))
