"""Fig. 2D: how PPI extorts within a game."""

from coalactl.papers.in_context.roles import PPI
from coalactl.papers.in_context.steps import extortion_within_games

EXHIBIT = extortion_within_games("2D", PPI)
