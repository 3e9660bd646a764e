"""Fig. 4D: how A2C extorts within a game."""

from coalactl.papers.in_context.roles import A2C
from coalactl.papers.in_context.steps import extortion_within_games

EXHIBIT = extortion_within_games("4D", A2C)
