"""Warm starts: fresh runs whose agents begin at policies that others have learnt."""

from __future__ import annotations

import numpy as np
from jaxtyping import PyTree

from coalactl_core.analytical.engine import AnalyticalEngine
from coalactl_core.analytical.learning import AnalyticalState
from coalactl_core.errors import ConfigurationError


def with_parameters(engine: AnalyticalEngine, state: AnalyticalState, parameters: PyTree) -> AnalyticalState:
    """The state with other policies and fresh optimisers: as many as it has agents of all seeds, or one for all.

    So two agents of 32 seeds may start at those of 64 seeds of one agent.

    Raises:
        ConfigurationError: the number of policies is another.
    """
    logits, own = np.asarray(parameters["logits"]), np.asarray(state.agents.params)
    policies = logits.reshape(-1, logits.shape[-1])
    if len(policies) == 1:
        policies = np.broadcast_to(policies, (own[..., 0].size, own.shape[-1]))
    if policies.size != own.size:
        raise ConfigurationError(f"it has {len(policies)} policies (here {own[..., 0].size}, of all seeds)")
    return state._replace(agents=engine.fresh_agents(policies.reshape(own.shape)))
