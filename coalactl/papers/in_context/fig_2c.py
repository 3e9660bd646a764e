"""Fig. 2C: PPI extorts a frozen in-context learner (step 2)."""

from coalactl.papers.in_context.roles import PPI
from coalactl.papers.in_context.steps import extortion

EXHIBIT = extortion("2C", PPI)
