"""Fig. 4A: A2C against random memory-one strategies (step 1)."""

from coalactl.papers.in_context.roles import A2C
from coalactl.papers.in_context.steps import tabular

EXHIBIT = tabular("4A", A2C)
