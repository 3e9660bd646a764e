"""How an agent of an experiment plays, apart from its parameters: its network, what that takes, what it remembers."""

from __future__ import annotations

from collections.abc import Callable

from jax import Array
from jaxtyping import Num

from coalactl_core.configuration.experiment import SequenceExperiment
from coalactl_core.configuration.ppi import PpiConfig
from coalactl_core.envs.base import Environment, FewObservations, MemoryOneGame
from coalactl_core.methods import CROSSINGS
from coalactl_core.nets.policy import Policy, Unpack, packed
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
    policy = build_policy(
        experiment.network,
        observation_size=environment.observation_size,
        num_actions=environment.num_actions if outputs is None else outputs,
        scan=experiment.compute.scan,
        vocabulary=environment.vocabulary if isinstance(environment, FewObservations) else None,
        revealed=revealed_by(environment),
    )
    planner = _planner(experiment)
    return packed(policy if planner is None else policy._replace(decide=planner.decide))


def revealed_by(environment: Environment) -> Revealed | None:
    """What the numbers of observations tell of the round before; None in games where they do not tell everything.

    A start tells nothing, whatever it recalls.
    """
    if not isinstance(environment, FewObservations) or not isinstance(environment, MemoryOneGame):
        return None
    outcomes = [(own, other) for own in range(2) for other in range(2)]
    starts = len(environment.vocabulary) - 1 - len(outcomes)
    return Revealed(
        actions=(-1, *(own for own, _ in outcomes), *(-1,) * starts),
        rewards=(0.0, *(float(environment.payoffs[own][other]) for own, other in outcomes), *(0.0,) * starts),
    )


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


def crossing_within(experiment: SequenceExperiment, crossing: int) -> int:
    """How memories cross inner episodes that by their rule do so.

    Agents that never meet a second inner episode know one alone, also where they play several later.
    """
    return FORGOTTEN if experiment.rollout.inner_episodes == 1 else crossing


def told_crossing(experiment: SequenceExperiment, agent: int) -> int | None:
    """How an agent's memory crosses inner episodes, as far as its method tells; None where only its rule says so."""
    said = experiment.crossing_of(experiment.methods[agent])
    return crossing_within(experiment, CROSSINGS.index(said)) if said else None
