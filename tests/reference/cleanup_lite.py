"""CleanUp-lite in plain Python, written from App. B.1 as the project reads it: sets of cells, players as objects.

The chance of a step is given: numbers between 0 and 1 (an event happens below its probability), which of the free cells
from the top, as a share of 65536, and which player gets what both are after.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

MOVES = {0: (0, 1), 1: (0, -1), 2: (-1, 0), 3: (1, 0)}  # right, left, up, down
ZAP = 4


@dataclass
class Rules:
    rows: int = 5
    columns: int = 4
    p_pollution: float = 0.35
    pollution_threshold: float = 3.0
    p_zap: float = 0.9
    zap_range: int = 2
    zap_metric: str = "manhattan"
    t_zap: int = 5
    order_of_moving: str = "last"


@dataclass
class Player:
    row: int
    column: int
    frozen: int = 0


@dataclass
class World:
    rules: Rules
    players: list[Player]
    dirt: set[int] = field(default_factory=set)  # rows of the river
    apples: set[int] = field(default_factory=set)  # rows of the orchard

    def step(self, actions: list[int], chance: dict[str, Any]) -> dict[str, list[bool]]:
        """One step; tells who harvested, cleaned and hit the other."""
        active = [player.frozen == 0 for player in self.players]
        if self.rules.order_of_moving == "first":
            self.move(actions, active)
        self.grow_dirt(chance)
        self.grow_apple(chance)
        harvested = self.collect(self.apples, 0, active, chance["first"])
        cleaned = self.collect(self.dirt, self.rules.columns - 1, active, chance["first"])
        hits = [self.zaps(me, actions, active, chance) for me in (0, 1)]
        for me, player in enumerate(self.players):
            if hits[1 - me]:
                player.frozen = self.rules.t_zap
            elif player.frozen > 0:
                player.frozen -= 1
        if self.rules.order_of_moving == "last":
            self.move(actions, [active[me] and not hits[1 - me] for me in (0, 1)])
        return {"harvested": harvested, "cleaned": cleaned, "zapped": hits}

    def grow_dirt(self, chance: dict[str, Any]) -> None:
        clean = [row for row in range(self.rules.rows) if row not in self.dirt]
        if clean and chance["pollution"] < self.rules.p_pollution:
            self.dirt.add(clean[int(chance["dirt_place"] / 65536 * len(clean))])

    def grow_apple(self, chance: dict[str, Any]) -> None:
        empty = [row for row in range(self.rules.rows) if row not in self.apples]
        p_apple = 1 - min(1, len(self.dirt) / self.rules.pollution_threshold)
        if empty and chance["apple"] < p_apple:
            self.apples.add(empty[int(chance["apple_place"] / 65536 * len(empty))])

    def collect(self, lying: set[int], column: int, active: list[bool], first: int) -> list[bool]:
        got = [False, False]
        for me in (first, 1 - first):
            player = self.players[me]
            if active[me] and player.column == column and player.row in lying:
                lying.remove(player.row)
                got[me] = True
        return got

    def zaps(self, me: int, actions: list[int], active: list[bool], chance: dict[str, Any]) -> bool:
        mine, other = self.players[me], self.players[1 - me]
        apart = [abs(mine.row - other.row), abs(mine.column - other.column)]
        distance = {"manhattan": sum(apart), "chebyshev": max(apart)}[self.rules.zap_metric]
        tries = actions[me] == ZAP and active[me] and active[1 - me]
        return tries and distance <= self.rules.zap_range and bool(chance["zaps"][me] < self.rules.p_zap)

    def move(self, actions: list[int], able: list[bool]) -> None:
        for me, player in enumerate(self.players):
            if able[me] and actions[me] in MOVES:
                down, right = MOVES[actions[me]]
                if 0 <= player.row + down < self.rules.rows:
                    player.row += down
                if 0 <= player.column + right < self.rules.columns:
                    player.column += right

    def observation(self, me: int) -> np.ndarray:
        """My position, the other's, each cell's apple, dirt or nothing, whether I am zapped, whether the other is."""
        rows, columns = self.rules.rows, self.rules.columns
        seen = [self.players[me], self.players[1 - me]]
        positions = np.zeros((2, rows, columns))
        objects = np.zeros((rows, columns, 3))
        for place, player in enumerate(seen):
            positions[place, player.row, player.column] = 1
        objects[:, :, 2] = 1
        for kind, lying, column in ((0, self.apples, 0), (1, self.dirt, columns - 1)):
            for row in lying:
                objects[row, column] = np.eye(3)[kind]
        return np.concatenate([positions.ravel(), objects.ravel(), [float(player.frozen > 0) for player in seen]])
