"""Fig. 3A: PPI's learners of the mixed pool within a game."""

from coalactl.papers.in_context.mixed_pools import within_games
from coalactl.papers.in_context.roles import PPI

EXHIBIT = within_games("3A", PPI, "PPI")
