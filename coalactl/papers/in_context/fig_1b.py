"""Fig. 1B: A2C's learners cooperate in a mixed pool."""

from coalactl.papers.in_context.mixed_pools import over_training
from coalactl.papers.in_context.roles import A2C

EXHIBIT = over_training("1B", A2C, "A2C")
