"""The coin game in plain Python, written from the rules of docs/coin-game.md: coordinates, coins in a dictionary.

The chance of a step is given: for each colour a share, below 1, of the cells from the top where a coin may be placed.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

Cell = tuple[int, int]

GRID = [(row, column) for row in range(3) for column in range(3)]
STEPS = {0: (0, 1), 1: (0, -1), 2: (1, 0), 3: (-1, 0), 4: (0, 0)}  # right, left, down, up, stay


@dataclass
class World:
    """``coins``: where the coin of a colour lies, of those that lie on the grid."""

    players: list[Cell]
    coins: dict[int, Cell]
    number: int = 2
    placing: str = "free"

    def step(self, actions: list[int], shares: list[Fraction]) -> tuple[list[float], list[bool], list[bool]]:
        """Both rewards, who took a coin of its own colour, and who one of the other's."""
        for player, action in enumerate(actions):
            (row, column), (down, right) = self.players[player], STEPS[action]
            self.players[player] = ((row + down) % 3, (column + right) % 3)
        rewards, own, other = [0.0, 0.0], [False, False], [False, False]
        taken = set()
        for colour, cell in self.coins.items():
            for player, place in enumerate(self.players):
                if place != cell:
                    continue
                taken.add(colour)
                rewards[player] += 1
                if player == colour:
                    own[player] = True
                else:
                    other[player] = True
                    rewards[colour] -= 2
        for colour in taken:
            del self.coins[colour]
        for colour in sorted(taken if self.number == 2 else {1 - colour for colour in taken}):
            self.place(colour, shares[colour])
        return rewards, own, other

    def place(self, colour: int, share: Fraction) -> None:
        """A new coin in that share of the cells where one may lie."""
        barred = {*self.players, *self.coins.values()} if self.placing == "free" else set()
        cells = [cell for cell in GRID if cell not in barred]
        self.coins[colour] = cells[int(share * len(cells))]

    def observation(self, player: int) -> np.ndarray:
        """Four pictures of the grid: oneself, the other, one's coin, the other's."""
        pictures = np.zeros((4, 3, 3))
        for picture, cell in enumerate((self.players[player], self.players[1 - player])):
            pictures[picture][cell] = 1
        for picture, colour in ((2, player), (3, 1 - player)):
            if colour in self.coins:
                pictures[picture][self.coins[colour]] = 1
        return pictures.ravel()
