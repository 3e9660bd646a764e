"""The network of an experiment, for the game that it plays."""

from __future__ import annotations

from coalactl_core.configuration.experiment import SequenceExperiment
from coalactl_core.envs.base import Environment, FewObservations
from coalactl_core.nets.policy import Policy, Unpack, packed
from coalactl_core.nets.registry import build_policy


def packed_policy(
    experiment: SequenceExperiment, environment: Environment, outputs: int | None = None
) -> tuple[Policy, Unpack]:
    """A policy for this environment, its parameters in one vector, and the function that names them again.

    ``outputs``: how many logits it has, where they are not those of the actions.

    Raises:
        ConfigurationError: the network is unknown or does not give what a policy must.
    """
    policy = build_policy(
        experiment.network,
        observation_size=environment.observation_size,
        num_actions=environment.num_actions if outputs is None else outputs,
        scan=experiment.compute.scan,
        vocabulary=environment.vocabulary if isinstance(environment, FewObservations) else None,
    )
    return packed(policy)
