"""Fig. 2F: what two extorters of PPI do before they train against each other."""

from coalactl.papers.in_context.roles import PPI
from coalactl.papers.in_context.steps import extorters_begin

EXHIBIT = extorters_begin("2F", PPI)
