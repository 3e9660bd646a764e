"""Fig. 2B: PPI's best responses within a game."""

from coalactl.papers.in_context.roles import PPI
from coalactl.papers.in_context.steps import best_responses

EXHIBIT = best_responses("2B", PPI)
