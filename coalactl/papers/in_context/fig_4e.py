"""Fig. 4E: two extorters of A2C come to cooperate (step 3)."""

from coalactl.papers.in_context.roles import A2C
from coalactl.papers.in_context.steps import extorters

EXHIBIT = extorters("4E", A2C)
