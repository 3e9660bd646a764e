"""The policy of a ``[network]`` table.

Networks of other packages are named by an entry point in the group ``coalactl.networks`` or as ``module:Name``: a
function of (network configuration, observation size, number of actions, scan) that returns a
:class:`~coalactl_core.nets.policy.Policy`.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from coalactl_core.configuration.sizes import NetworkConfig
from coalactl_core.contracts import Part, described
from coalactl_core.errors import ConfigurationError, first_line
from coalactl_core.nets.contract import check_policy
from coalactl_core.nets.gru_policy import MOST_TABULATED, gru_policy, tabulated_gru_policy
from coalactl_core.nets.hawk_policy import hawk_policy, tabulated_hawk_policy
from coalactl_core.nets.policy import Policy
from coalactl_core.nets.sequence_model import Revealed, sequence_model
from coalactl_core.nets.tabulated import Windows
from coalactl_core.plugins import load_plugin


def build_policy(
    config: NetworkConfig,
    *,
    observation_size: int,
    num_actions: int,
    scan: str,
    vocabulary: Float[np.ndarray, "vocabulary features"] | None = None,
    revealed: Revealed | None = None,
) -> Policy:
    """The policy of a ``[network]`` table; ``vocabulary`` holds all observations where they are a few.

    ``revealed``: what they tell of the round before, where they tell own action and reward.

    Raises:
        ConfigurationError: the network is unknown or does not give what a policy must.
    """
    if config.name == "hawk":
        if vocabulary is not None and Windows.fit(len(vocabulary)):
            return tabulated_hawk_policy(config, vocabulary, num_actions, scan)
        return hawk_policy(config, observation_size, num_actions, scan)
    if config.name == "gru":
        if vocabulary is not None and len(vocabulary) <= MOST_TABULATED:
            return tabulated_gru_policy(config, vocabulary, num_actions)
        return gru_policy(config, observation_size, num_actions)
    if config.name == "sequence-model":
        if revealed is None:
            raise ConfigurationError(
                "network.name: 'sequence-model' is for games of few observations that reveal own action and reward, "
                "repeated matrix games; use another network or environment.name = 'matrix-game'"
            )
        return sequence_model(config, num_actions, revealed)
    networks = ["hawk", "gru", "sequence-model"]
    build = load_plugin("network.name", config.name, group="coalactl.networks", builtin=networks)
    try:
        policy = build(config, observation_size, num_actions, scan)
    except Exception as error:  # A builder of another package: how it refuses sizes is its own affair.
        raise ConfigurationError(f"network.name: {config.name!r} builds no policy: {first_line(error)}") from error
    if not isinstance(policy, Policy):
        raise ConfigurationError(
            f"network.name: {config.name!r} gives {described(policy)}; a coalactl_core.nets.policy.Policy expected"
        )
    part = Part("network.name", config.name, getattr(build, "__module__", None) or "")
    check_policy(part, policy, observation_size=observation_size, num_actions=num_actions)
    return policy
