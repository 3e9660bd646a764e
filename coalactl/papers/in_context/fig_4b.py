"""Fig. 4B: A2C's best responses within a game."""

from coalactl.papers.in_context.roles import A2C
from coalactl.papers.in_context.steps import best_responses

EXHIBIT = best_responses("4B", A2C)
