"""Fig. 3B: A2C's learners of the mixed pool within a game."""

from coalactl.papers.in_context.mixed_pools import within_games
from coalactl.papers.in_context.roles import A2C

EXHIBIT = within_games("3B", A2C, "A2C")
