"""From an experiment to the static parts of its program: every choice is made here, once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from coalactl_core.configuration.experiment import SequenceExperiment
from coalactl_core.envs.base import Environment
from coalactl_core.envs.registry import build_environment
from coalactl_core.errors import ConfigurationError
from coalactl_core.layout.compute import chosen_shards
from coalactl_core.loops.chunks import Map, agent_map
from coalactl_core.methods import CROSSINGS, find_method
from coalactl_core.nets.policy import Policy, Unpack
from coalactl_core.opponents.mixed import mixed
from coalactl_core.opponents.population import Population, build_population
from coalactl_core.opponents.registry import build_coplayers
from coalactl_core.opponents.seam import Coplayer
from coalactl_core.play.policies import crossing_within, observe_of, packed_policy
from coalactl_core.play.rollout import Rollout, Seat
from coalactl_core.rules.score_function import updater_of
from coalactl_core.rules.seam import Setting, build_rule
from coalactl_core.training.gradient_balance import Balance
from coalactl_core.training.groups import RuleGroup


class Pieces(NamedTuple):
    """The static parts of the program of one experiment.

    ``rollout``: play as naive co-players know it; a group has it as its agents do. ``unpack`` names the
    parameters of an agent's vector; ``balance`` is None where gradient balance is not measured. ``keeps_optimizers``:
    whether naive co-players' optimisers go on from one meta-episode to the next. ``coplayers``: how each group of naive
    agents learns, of which the rollout's is made.
    """

    rollout: Rollout
    population: Population
    groups: tuple[RuleGroup, ...]
    map_agents: Map
    unpack: Unpack
    coplayers: tuple[Coplayer, ...]
    balance: Balance | None = None
    keeps_optimizers: bool = False

    def rollout_of(self, agent: int) -> Rollout:
        """Play as an agent knows it, against whomever."""
        return next(group.rollout for group in self.groups if agent in group.agents)._replace(meets_agents=True)

    def with_learning(self, learns: bool) -> Pieces:
        """The parts of a program in which naive co-players learn in play, or do not."""
        groups = tuple(group._replace(rollout=group.rollout._replace(learns=learns)) for group in self.groups)
        return self._replace(rollout=self.rollout._replace(learns=learns), groups=groups)


def build_pieces(experiment: SequenceExperiment) -> Pieces:
    """The parts of an experiment whose ``[compute]`` is settled, see :func:`compute.with_chosen_compute`.

    Raises:
        ConfigurationError: a plugin is unknown, or parts of the configuration do not fit each other.
    """
    environment = build_environment(experiment)
    population = build_population(experiment.population, experiment.rollout, environment)
    policy, unpack = packed_policy(experiment, environment)
    learners = experiment.naive_learners
    coplayers = build_coplayers(learners, policy, environment)
    naive = mixed(coplayers, [group.agents for group in learners])
    rollout = _rollout(experiment, environment, policy, naive)
    groups = _groups(experiment, rollout, population.kinds)
    map_agents = agent_map(experiment.compute.layout.agent_chunk)
    crossings = _crossings(groups)
    if len(set(crossings)) == 1:
        rollout = rollout._replace(crossing=crossings[0])
    else:
        population = population._replace(crossings=crossings)
    return Pieces(
        rollout=rollout,
        population=population,
        groups=groups,
        map_agents=map_agents,
        unpack=unpack,
        coplayers=coplayers,
        balance=_balance(experiment, rollout, population, map_agents),
        keeps_optimizers=population.has_naive and experiment.naive.optimizer_state == "kept",
    )


def _groups(experiment: SequenceExperiment, rollout: Rollout, kinds: tuple[int, ...]) -> tuple[RuleGroup, ...]:
    """Every group's rule, and play as its agents know it: opponents say for themselves what they remember."""
    groups = []
    for group in experiment.groups:
        method, said = find_method(group.method), experiment.crossing_of(group.method)
        play = rollout._replace(crossing=CROSSINGS.index(said)) if said else rollout
        rule = build_rule(method.rule, Setting(experiment, group, play, kinds, experiment.settings_of(group.method)))
        crossing = play.crossing if rule.crossing is None else rule.crossing
        if said and crossing != play.crossing:
            raise ConfigurationError(
                f"meta.method: {group.method!r} says that memories are {said}, its rule that they are "
                f"{CROSSINGS[crossing]}; let one of the two say it"
            )
        play = play._replace(crossing=crossing_within(experiment, crossing))
        groups.append(RuleGroup(group.agents, rule, play, method.table))
    if len({group.rollout.crossing for group in groups}) == 1:
        return tuple(groups)
    remembering = Seat(observe=rollout.observe, policy=rollout.policy)
    return tuple(group._replace(rollout=group.rollout._replace(coplayer=remembering)) for group in groups)


def _crossings(groups: Sequence[RuleGroup]) -> tuple[int, ...]:
    """How each agent's memory, by number, crosses from one inner episode to the next."""
    by_agent = {agent: group.rollout.crossing for group in groups for agent in group.agents}
    return tuple(by_agent[agent] for agent in sorted(by_agent))


def _balance(
    experiment: SequenceExperiment, rollout: Rollout, population: Population, map_agents: Map
) -> Balance | None:
    """What measures gradient balance; co-players learn there also where the pool has no naive ones."""
    diagnostics = experiment.diagnostics
    if not diagnostics.gradient_balance_every:
        return None
    return Balance(
        every=diagnostics.gradient_balance_every,
        portions=diagnostics.gradient_balance_meta_batch // population.meta_batch_size,
        rollout=rollout._replace(learns=True),
        updater=updater_of(experiment, experiment.groups[0].meta, rollout),
        population=population,
        map_agents=map_agents,
    )


def _rollout(experiment: SequenceExperiment, environment: Environment, policy: Policy, naive: Coplayer) -> Rollout:
    """The static side of a rollout."""
    return Rollout(
        environment=environment,
        observe=observe_of(environment, policy),
        policy=policy,
        batch_size=experiment.rollout.batch_size,
        inner_episodes=experiment.rollout.inner_episodes,
        naive=naive,
        naive_chunk=experiment.compute.layout.naive_chunk,
        learns=experiment.population.has_naive,
        shards=chosen_shards(experiment),
        meets_agents=experiment.population.has_meta or experiment.rollout.inner_episodes == 1,
    )
