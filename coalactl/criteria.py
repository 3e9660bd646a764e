"""Where words begin: what counts as extorting, cooperating and defecting, in reports and in a run's last line.

Rewards are a step, in the iterated prisoner's dilemma of the paper: mutual cooperation 1, mutual defection 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from coalactl_core.games import MATRIX_GAME, PRISONERS_DILEMMA

CONSIDERABLY = 0.1
COOPERATES, DEFECTS = 0.5, 0.1
_DILEMMA = [list(row) for row in PRISONERS_DILEMMA]


def is_the_dilemma(config: Mapping[str, Any]) -> bool:
    """Whether a run is of the iterated prisoner's dilemma with the paper's payoffs."""
    environment = config.get("environment", {})
    tables = environment.get("payoffs"), environment.get("payoffs_second") or _DILEMMA
    return environment.get("name") == MATRIX_GAME and tables == (_DILEMMA, _DILEMMA)
