"""The vocabulary of the engine: names of axes and the records that its parts exchange.

Axes, in this order where several meet: ``runs`` (seeds and grid points), ``agents`` (meta agents of one run),
``meta_batch`` (opponents of one agent in one iteration), ``steps`` (of one meta-trajectory, M·T) or ``episode_steps``
(of one inner episode, T), ``batch`` (the B trajectories that a naive co-player learns from), ``players`` (0 is the ego
agent, 1 the co-player). Most functions are written for one run, one agent or one opponent and mapped by their callers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, NamedTuple, TypeAlias, TypeVar

import numpy as np
from jax import Array
from jaxtyping import Bool, Float, Int, Key, Num, PyTree, Shaped

from coalactl_core.measures import KINDS
from coalactl_core.methods import CROSSINGS

Params: TypeAlias = PyTree[Float[Array, "..."]]
PolicyCarry = Any
# What an optimiser keeps between steps: a tree of arrays of its own.
OptState = Any
EnvironmentState: TypeAlias = PyTree[Shaped[Array, "..."]]

# Any tree of arrays, where a function gives back what it takes.
Tree = TypeVar("Tree")

# What a sweep may vary, at one iteration, for one agent of one run: data to the compiled program.
Number = Float[Array, ""]
Flag = Bool[Array, ""]
# The same record before it is evaluated at an iteration: a Schedule in place of each Number.
Values = TypeVar("Values")
Scheduled = Annotated[Values, "a Schedule in place of each Number"]

# Kinds of opponents, as they stand in Opponents.kind: indices in measures.KINDS.
NAIVE, META, FIXED = range(len(KINDS))

# How a memory crosses from one inner episode to the next: indices in methods.CROSSINGS.
CARRIED, FORGOTTEN, SHARED = range(len(CROSSINGS))


class Schedule(NamedTuple):
    """A number over training iterations: ``values[k]`` from iteration ``starts[k]`` on, or linear in between."""

    starts: Int[Array, "*lead points"]
    values: Float[Array, "*lead points"]
    linear: Bool[Array, "*lead"]


class CreditAssignment(NamedTuple):
    """How an estimator spreads rewards over the batch that a naive co-player learns from; a row of the table."""

    average_future_episodes: bool | Flag
    normalize_current_episode: bool | Flag
    sum_over_batch: bool | Flag


class CriticHyperparameters(NamedTuple):
    """How one meta agent uses the critic of the batch; ``used``: whether its credit comes from it."""

    used: Flag
    episode_lambda: Number


class MetaHyperparameters(NamedTuple):
    """Numbers of one meta agent's learning; ``critic`` is None in a pool without a critic of the batch."""

    credit_assignment: CreditAssignment
    credit_from_returns: Flag
    value_targets_average_future: Flag
    normalize_advantages: Flag
    clip: Number
    value_clip: Number
    value_coefficient: Number
    entropy: Number
    discount: Number
    td_lambda: Number
    gae_lambda: Number
    reward_scale: Number
    meta_opponent_weight: Number
    adam_epsilon: Number
    learning_rate: Number
    max_grad_norm: Number
    critic: CriticHyperparameters | None = None


class NaiveHyperparameters(NamedTuple):
    """Numbers of the naive co-players' learning; ``own``: those that not every algorithm has a use for, by key.

    Where a pool has several ways of learning, all lead with its groups (:mod:`coalactl_core.opponents.mixed`).
    """

    normalize_advantages: Flag
    value_coefficient: Number
    entropy: Number
    discount: Number
    td_lambda: Number
    gae_lambda: Number
    reward_scale: Number
    adam_epsilon: Number
    learning_rate: Number
    max_grad_norm: Number
    own: dict[str, Number]


class PopulationHyperparameters(NamedTuple):
    """Numbers of the draw of opponents."""

    p_naive: Number
    fixed_weights: Float[Array, "strategies"]


class Hyperparameters(NamedTuple):
    """All numbers that a sweep may vary, of one run at one iteration; leaves of ``meta`` lead with ``agents``.

    ``rules``: those of the settings tables of the rules that agents learn by, by table and key. A state holds them
    :data:`Scheduled`, which :func:`coalactl_core.numbers.hyperparameters.at_iteration` evaluates.
    """

    meta: MetaHyperparameters
    naive: NaiveHyperparameters
    population: PopulationHyperparameters
    rules: dict[str, dict[str, Number]]


class Learner(NamedTuple):
    """Parameters and optimiser state of one agent that learns (None: fresh); ``state``: what else its rule keeps."""

    params: Params
    opt_state: OptState | None = None
    state: Any = None


class MetaAgents(NamedTuple):
    """The meta agents of a run; ``params`` lead with all of them.

    What else their rules keep differs in form by rule: ``opt_states`` and ``states`` have an entry for each group of
    agents that learn by one program, and lead with the agents of the group.
    """

    params: Params
    opt_states: tuple[OptState, ...]
    states: tuple[Any, ...]


class TrainState(NamedTuple):
    """Everything that one run is, between iterations; ``naive`` have no optimiser states where these start afresh."""

    key: Key[Array, "*runs"]
    step: Int[Array, "*runs"]
    hyperparameters: Scheduled[Hyperparameters]
    meta: MetaAgents
    naive: Learner


class Summary(NamedTuple):
    """Where each run stands, on the host; ``parameters`` are the meta agents', leading with (runs, agents)."""

    step: Int[np.ndarray, "runs"]
    parameters: PyTree


class Sizes(NamedTuple):
    """How large the program of an engine is; counts are those of one run.

    ``call_capacity``: iterations that one call of ``advance`` holds at most. ``steps_per_iteration``: of the
    environment, over all meta agents; 0 where nothing is sampled. ``parameter_count``: trainable ones of one agent.
    ``metric_count``: numbers that an iteration adds to a run's metric files, roughly, for an environment has measures
    of its own. ``kinds`` and ``seeds`` lie along these axes of metrics: the kinds of opponents that can occur, and the
    seeds that a run holds (empty where it has one, and its metrics no such axis).
    """

    call_capacity: int
    steps_per_iteration: int
    parameter_count: int
    metric_count: int
    kinds: tuple[str, ...]
    seeds: tuple[int, ...] = ()


class Memory(NamedTuple):
    """What a process needs that trains so many runs of an engine.

    ``needed(runs)``: resident bytes, roughly. ``fitting_change(runs, limit)``: what to set so that they fit into so
    many bytes; {} if they do, None if nothing helps.
    """

    needed: Callable[[int], int]
    fitting_change: Callable[[int, int], dict[str, int] | None]


class Automata(NamedTuple):
    """Fixed strategies with memory, as :class:`coalactl_core.configuration.automata.Automaton` describes one.

    All have as many states, those behind their own are never reached; ``outcomes`` are CC, CD, DC and DD, own action
    first.
    """

    cooperation: Float[Array, "*lead states"]
    following: Int[Array, "*lead states outcomes"]
    carried: Bool[Array, "*lead"]


class Opponents(NamedTuple):
    """The opponents of one agent in one iteration.

    ``number`` counts within the kind: naive initialisation, meta agent or fixed strategy. ``learner``: as they stand at
    the start of the meta-episode (without an optimiser state: they start with a fresh one). ``automata`` are the fixed
    strategies (None in a pool without them), one for each opponent or, with an axis more, for each of its trajectories.
    ``crossing``: how networks' memories cross from one inner episode to the next (None: those of naive ones are
    forgotten, others' cross as their seat says).
    """

    kind: Int[Array, "*meta_batch"]
    number: Int[Array, "*meta_batch"]
    learner: Learner
    automata: Automata | None = None
    crossing: Int[Array, "*meta_batch"] | None = None


class Trajectory(NamedTuple):
    """What the ego agent saw, did and earned; ``states`` are the environment's compact states before each step.

    Rewards are in the environment's scale; ``log_probs`` and ``values`` are those of the acting policy.
    """

    states: EnvironmentState
    actions: Int[Array, "*lead steps batch"]
    rewards: Float[Array, "*lead steps batch"]
    log_probs: Float[Array, "*lead steps batch"]
    values: Float[Array, "*lead steps batch"]


class Pairing(NamedTuple):
    """What goes on across inner episodes in one pairing: the co-player's learning, and memories of ``batch``.

    ``last`` holds the last states of the inner episode before, in an environment that recalls them (None in others).
    ``strategy_state``: the states of a fixed strategy (None in a pool without them).
    """

    learner: Learner
    ego_carry: PolicyCarry
    coplayer_carry: PolicyCarry
    last: EnvironmentState | None = None
    strategy_state: Int[Array, "*meta_batch batch"] | None = None


class Played(NamedTuple):
    """Meta-episodes of one agent: what its rule keeps of them, and what is reported.

    ``kept`` leads with (meta_batch, inner_episodes). ``outcomes`` holds means over the batch and the steps of each
    inner episode, for both players. ``learners``: the opponents at the end, where they had an optimiser state at the
    start.
    """

    kept: Any
    outcomes: dict[str, Float[Array, "*lead inner_episodes players"]]
    learners: Learner | None = None


class MetaEpisode(NamedTuple):
    """One meta-episode as a score-function estimator takes it: B meta-trajectories, and what is reported of them."""

    trajectory: Trajectory
    outcomes: dict[str, Float[Array, "*lead inner_episodes players"]]


class Experience(NamedTuple):
    """The inner episodes that a naive co-player learns from in one update.

    ``likelihood`` is that of all actions up to each step, as a multiple of what it was when they were sampled: 1, of
    interest only to who differentiates through the update (None where nobody does). ``memory`` is the co-player's
    before the first step (None: fresh).
    """

    observations: Num[Array, "*opponents episode_steps batch *features"]
    actions: Int[Array, "*opponents episode_steps batch"]
    rewards: Float[Array, "*opponents episode_steps batch"]
    likelihood: Float[Array, "*opponents episode_steps batch"] | None = None
    memory: PolicyCarry = None


class Targets(NamedTuple):
    """What a score-function learner regresses on and reinforces."""

    advantages: Float[Array, "*lead steps batch"]
    value_targets: Float[Array, "*lead steps batch"]
    weight: Float[Array, "*lead"]


class Metrics(NamedTuple):
    """Measurements of training iterations; NaN where there is nothing to report."""

    iteration: Int[Array, "*lead"]
    scalars: dict[str, Float[Array, "*lead agents"]]
    episodes: dict[str, Float[Array, "*lead agents kinds inner_episodes"]]
