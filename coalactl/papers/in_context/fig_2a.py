"""Fig. 2A: PPI against random memory-one strategies (step 1)."""

from coalactl.papers.in_context.roles import PPI
from coalactl.papers.in_context.steps import tabular

EXHIBIT = tabular("2A", PPI)
