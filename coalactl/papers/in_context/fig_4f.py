"""Fig. 4F: what two extorters of A2C do before they train against each other."""

from coalactl.papers.in_context.roles import A2C
from coalactl.papers.in_context.steps import extorters_begin

EXHIBIT = extorters_begin("4F", A2C)
