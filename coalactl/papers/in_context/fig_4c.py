"""Fig. 4C: A2C extorts a frozen in-context learner (step 2)."""

from coalactl.papers.in_context.roles import A2C
from coalactl.papers.in_context.steps import extortion

EXHIBIT = extortion("4C", A2C)
