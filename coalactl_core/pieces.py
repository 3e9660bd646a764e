"""From an experiment to the static parts of its program: every choice is made here, once."""

from __future__ import annotations

from typing import NamedTuple

from jax import Array
from jaxtyping import Key

from coalactl_core.batch_critic import build_batch_critic
from coalactl_core.chunks import Map, agent_map
from coalactl_core.compute import chosen_shards, table_copies
from coalactl_core.config import SequenceExperiment
from coalactl_core.envs.base import Environment, FewObservations
from coalactl_core.envs.registry import build_environment
from coalactl_core.gradient_balance import Balance
from coalactl_core.learners import MetaLearner, score_function_learner
from coalactl_core.lola import Lola, lola_learner
from coalactl_core.nets.policy import Policy, Prepared, Unpack, build_policy, packed
from coalactl_core.objectives import POLICY_LOSSES
from coalactl_core.optimizers import DIFFERENTIABLE_OPTIMIZERS, OPTIMIZERS
from coalactl_core.population import Population, build_population
from coalactl_core.rollout import Game, Record, play_inner_episode
from coalactl_core.types import Opponents, Pairing
from coalactl_core.update import Updater


class Pieces(NamedTuple):
    """The static parts of the program of one experiment.

    ``unpack`` names the parameters of an agent's vector; ``balance`` is None where gradient balance is not measured.
    """

    game: Game
    population: Population
    learner: MetaLearner
    map_agents: Map
    unpack: Unpack
    balance: Balance | None = None


def build_pieces(experiment: SequenceExperiment) -> Pieces:
    """The parts of an experiment whose ``[compute]`` is settled, see :func:`compute.with_chosen_compute`.

    Raises:
        ConfigurationError: a plugin is unknown, or parts of the configuration do not fit each other.
    """
    environment = build_environment(experiment)
    population = build_population(experiment.population, experiment.rollout.meta_batch_size, environment)
    policy, unpack = _packed_policy(experiment, environment)
    game = _game(experiment, environment, policy, learns=population.has_naive)
    map_agents = agent_map(int(experiment.compute.agent_chunk))
    updater = _updater(experiment, game)
    return Pieces(
        game=game,
        population=population,
        learner=_learner(experiment, game, updater, population, map_agents),
        map_agents=map_agents,
        unpack=unpack,
        balance=_balance(experiment, game, updater, population, map_agents),
    )


def _balance(
    experiment: SequenceExperiment, game: Game, updater: Updater, population: Population, map_agents: Map
) -> Balance | None:
    """What measures gradient balance; co-players learn there also where the pool has no naive ones."""
    diagnostics = experiment.diagnostics
    if not diagnostics.gradient_balance_every:
        return None
    return Balance(
        every=diagnostics.gradient_balance_every,
        portions=diagnostics.gradient_balance_meta_batch // population.meta_batch_size,
        game=game._replace(learns=True),
        updater=updater,
        population=population,
        map_agents=map_agents,
    )


def _packed_policy(experiment: SequenceExperiment, environment: Environment) -> tuple[Policy, Unpack]:
    """The policy for this environment, its parameters in one vector, and the function that names them again."""
    policy = build_policy(
        experiment.network,
        observation_size=environment.observation_size,
        num_actions=environment.num_actions,
        scan=experiment.compute.scan,
        vocabulary=environment.vocabulary if isinstance(environment, FewObservations) else None,
    )
    return packed(policy)


def _game(experiment: SequenceExperiment, environment: Environment, policy: Policy, *, learns: bool) -> Game:
    """The static side of a rollout; observations are numbers where the policy takes them."""
    few = environment if isinstance(environment, FewObservations) and policy.takes_indices else None
    return Game(
        environment=environment,
        observe=environment.observe if few is None else few.observe_number,
        policy=policy,
        batch_size=experiment.rollout.batch_size,
        inner_episodes=experiment.rollout.inner_episodes,
        naive_optimizer=OPTIMIZERS[experiment.naive.optimizer],
        naive_chunk=int(experiment.compute.naive_chunk),
        learns=learns,
        forgets=experiment.looks_ahead and experiment.lola.memory == "inner-episode",
        keeps_starts=experiment.looks_ahead,
        keeps_optimizers=learns and experiment.naive.optimizer_state == "kept",
        shards=chosen_shards(experiment),
    )


def _learner(
    experiment: SequenceExperiment, game: Game, updater: Updater, population: Population, map_agents: Map
) -> MetaLearner:
    """How the meta agents learn: by an estimator of the table, or by looking ahead."""
    if experiment.looks_ahead:
        return lola_learner(_lola(experiment, game), map_agents)
    name = experiment.batch_critic
    critic = None if name is None else build_batch_critic(name, game.environment)
    return score_function_learner(updater, population.kinds, map_agents, critic)


def _lola(experiment: SequenceExperiment, game: Game) -> Lola:
    """The static side of LOLA's look-aheads in this game."""
    config = experiment.lola

    def sample(prepared: Prepared, key: Key[Array, ""], opponent: Opponents, start: Pairing) -> Record:
        return play_inner_episode(prepared, key, opponent, start, game=game)[1]

    return Lola(
        game=game,
        sample=sample,
        look_aheads=config.look_aheads,
        look_ahead_optimizer=DIFFERENTIABLE_OPTIMIZERS[config.optimizer],
        continues=config.optimizer == experiment.naive.optimizer,
        baseline=config.baseline,
        optimizer=OPTIMIZERS[experiment.meta.optimizer],
        chunk=int(experiment.compute.meta_batch_chunk)
        * experiment.rollout.inner_episodes
        // (2 * config.look_aheads + 2),
    )


def _updater(experiment: SequenceExperiment, game: Game) -> Updater:
    """The static side of an update of what is played in this game."""
    meta, compute = experiment.meta, experiment.compute
    epochs, minibatches = meta.passes
    return Updater(
        observe=game.observe,
        policy=game.policy,
        inner_episode_length=experiment.rollout.inner_episode_length,
        policy_loss=POLICY_LOSSES[meta.algorithm],
        optimizer=OPTIMIZERS[meta.optimizer],
        epochs=epochs,
        minibatches=minibatches,
        chunk=int(compute.meta_batch_chunk),
        trajectory_chunk=int(compute.trajectory_chunk),
        rematerialize=compute.rematerialize,
        copies=table_copies(game.policy),
        bootstrap_end=meta.value_after_end == "last-value",
        shards=game.shards,
    )
