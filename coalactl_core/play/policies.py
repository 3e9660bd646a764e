"""How an agent of an experiment plays, apart from its parameters: its network, what that takes, what it remembers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jax import Array
from jaxtyping import Float, Num

from coalactl_core.configuration.experiment import SequenceExperiment
from coalactl_core.configuration.ppi import PpiConfig
from coalactl_core.configuration.sizes import NetworkConfig
from coalactl_core.envs.base import Environment, FewObservations, TellsLastStep
from coalactl_core.errors import ConfigurationError
from coalactl_core.methods import CROSSINGS
from coalactl_core.nets.policy import Policy, Unpack, on_numbers, packed
from coalactl_core.nets.registry import build_policy
from coalactl_core.nets.sequence_model import Revealed
from coalactl_core.play.planning import Planner
from coalactl_core.types import FORGOTTEN, EnvironmentState


def packed_policy(
    experiment: SequenceExperiment, environment: Environment, outputs: int | None = None
) -> tuple[Policy, Unpack]:
    """A policy for this environment, its parameters in one vector, and the function that names them again.

    ``outputs``: how many logits it has, where they are not those of the actions.

    Raises:
        ConfigurationError: the network is unknown or does not give what a policy must.
    """
    vocabulary = _vocabulary(experiment.network, environment)
    policy = build_policy(
        experiment.network,
        observation_size=environment.observation_size if vocabulary is None else vocabulary.shape[-1],
        num_actions=environment.num_actions if outputs is None else outputs,
        scan=experiment.compute.scan,
        vocabulary=vocabulary,
        revealed=revealed_by(environment),
    )
    if experiment.network.inputs != "observation" and vocabulary is not None and not policy.takes_indices:
        policy = on_numbers(policy, vocabulary)
    planner = _planner(experiment)
    return packed(policy if planner is None else policy._replace(decide=planner.decide))


def revealed_by(environment: Environment) -> Revealed | None:
    """What the numbers of observations tell of the round before; None in games where they do not tell everything."""
    last_step = environment.last_step if isinstance(environment, TellsLastStep) else None
    if last_step is None:
        return None
    actions, rewards = last_step[:, :-1], last_step[:, -1]
    own = np.where(actions.any(-1), actions.argmax(-1), -1)
    return Revealed(actions=tuple(own.tolist()), rewards=tuple(rewards.tolist()))


def _planner(experiment: SequenceExperiment) -> Planner | None:
    """How agents look ahead before they act; all do so by the same numbers, since they have one network."""
    settings = [experiment.settings_of(method) for method in experiment.methods]
    config = next((each for each in settings if isinstance(each, PpiConfig)), None)
    if config is None:
        return None
    return Planner(beta=config.beta, samples=config.samples, horizon=config.horizon, discount=config.discount)


def stepping_policy(experiment: SequenceExperiment, environment: Environment) -> tuple[Policy, Unpack]:
    """As :func:`packed_policy`, for play step by step on any device: no sequence is scanned then.

    Raises:
        ConfigurationError: as :func:`packed_policy` does.
    """
    compute = experiment.compute.model_copy(update={"scan": "sequential"})
    return packed_policy(experiment.model_copy(update={"compute": compute}), environment)


def observe_of(environment: Environment, policy: Policy) -> Callable[[EnvironmentState, int], Num[Array, "*features"]]:
    """What a policy takes of a state, from a player's side: numbers of observations where it takes these."""
    if isinstance(environment, FewObservations) and policy.takes_indices:
        return environment.observe_number
    return environment.observe


def _vocabulary(network: NetworkConfig, environment: Environment) -> Float[np.ndarray, "vocabulary features"] | None:
    """All that a network may take in at a step, where that is little.

    Raises:
        ConfigurationError: it wants more than this environment's observations tell.
    """
    observations = environment.vocabulary if isinstance(environment, FewObservations) else None
    if network.inputs == "observation":
        return observations
    last_step = environment.last_step if isinstance(environment, TellsLastStep) else None
    if observations is None or last_step is None:
        raise ConfigurationError(
            f"network.inputs: {network.inputs!r} given; only observations of a matrix game that pays both seats alike "
            "tell the last action and reward, use 'observation'"
        )
    return np.concatenate([observations, last_step], -1)


def crossing_within(experiment: SequenceExperiment, crossing: int) -> int:
    """How memories cross inner episodes that by their rule do so.

    Agents that never meet a second inner episode know one alone, also where they play several later.
    """
    return FORGOTTEN if experiment.rollout.inner_episodes == 1 else crossing


def told_crossing(experiment: SequenceExperiment, agent: int) -> int | None:
    """How an agent's memory crosses inner episodes, as far as its method tells; None where only its rule says so."""
    said = experiment.crossing_of(experiment.methods[agent])
    return crossing_within(experiment, CROSSINGS.index(said)) if said else None
