"""Where words begin: what counts as extorting, cooperating and defecting, in reports and in a run's last line.

Rewards are a step, in the iterated prisoner's dilemma of the paper: mutual cooperation 1, mutual defection 0.
"""

from __future__ import annotations

CONSIDERABLY = 0.1
COOPERATES, DEFECTS = 0.5, 0.1
