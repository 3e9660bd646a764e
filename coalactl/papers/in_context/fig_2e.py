"""Fig. 2E: two extorters of PPI come to cooperate (step 3)."""

from coalactl.papers.in_context.roles import PPI
from coalactl.papers.in_context.steps import extorters

EXHIBIT = extorters("2E", PPI)
