"""Fig. 1A: PPI's learners cooperate in a mixed pool."""

from coalactl.papers.in_context.mixed_pools import over_training
from coalactl.papers.in_context.roles import PPI

EXHIBIT = over_training("1A", PPI, "PPI")
