"""Who trains in a run, told by its configuration as plain tables; needs neither JAX nor pydantic."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from coalactl_core.coplayers import A2C, ALGORITHMS
from coalactl_core.errors import ConfigurationError
from coalactl_core.methods import METHODS, Method, find_method

Config = Mapping[str, Any]

NO_CRITIC = "none"
TABLES = tuple(sorted({method.table for method in METHODS.values()} - {""}))
"""Tables of the configuration that are settings of this project's methods."""


class Agents(NamedTuple):
    """The meta agents of a run that have the same method and the same values in ``[meta]``."""

    method: str
    numbers: tuple[int, ...]
    """As the metric files count them."""
    meta: Mapping[str, Any]
    """Their table ``[meta]``, with what their group sets."""

    @property
    def critic(self) -> str:
        """Their critic of the batch, or ``none``."""
        return str(self.meta.get("batch_critic", NO_CRITIC))

    @property
    def name(self) -> str:
        """The method as lists and reports have it: ``coala-pg``, or ``coala-pg, batch critic``."""
        return label_of(self.method) if self.critic == NO_CRITIC else f"{label_of(self.method)}, batch critic"


def learner_named_in(opponent: str) -> str:
    """The learner that the name of a naive opponent in an evaluation tells; empty where all are of one."""
    return opponent.rpartition("/")[0]


def label_of(method: str) -> str:
    """What a method is called: the name of one of this project, the label of another package's where it is at hand."""
    row = None if method in METHODS else _row(method)
    return method if row is None else row.label


def full_label(method: str) -> str:
    """What a method is called in running text: ``COALA-PG``."""
    row = _row(method)
    return method if row is None else row.label


def table_of(method: str) -> str | None:
    """The table of the configuration that holds a method's settings, or ``""``; None where it is not at hand."""
    row = _row(method)
    return None if row is None else row.table


def colour_of(method: str) -> str | None:
    """What a method of another package is drawn in, where that is at hand."""
    row = _row(method)
    return None if row is None else row.colour


def is_judged_with_critic(method: str) -> bool:
    """Whether claims on a method are judged by runs with the critic of the batch that their setting's preset has."""
    row = _row(method)
    return row is not None and row.judged_with_critic


def _row(method: str) -> Method | None:
    try:
        return find_method(method)
    except ConfigurationError:
        return None


def agents_of(config: Config) -> tuple[Agents, ...]:
    """All meta agents; more than one entry where the pool mixes methods, or values of one method."""
    shared = dict(config.get("meta", {}))
    groups = config.get("population", {}).get("meta", 1)
    if not isinstance(groups, list):
        return (Agents(str(shared.get("method", "unknown")), tuple(range(groups)), shared),)
    agents: list[Agents] = []
    first = 0
    for group in groups:
        method, end = str(group.get("method", "")), first + int(group.get("count", 1))
        meta, numbers = {**shared, **group.get("settings", {}), "method": method}, tuple(range(first, end))
        alike = next((index for index, other in enumerate(agents) if other.meta == meta), None)
        if alike is None:
            agents.append(Agents(method, numbers, meta))
        else:
            agents[alike] = agents[alike]._replace(numbers=(*agents[alike].numbers, *numbers))
        first = end
    return tuple(agents)


def agents_with(config: Config, method: str) -> Agents:
    """The first meta agents of a method; where none has it, the first of all."""
    all_agents = agents_of(config)
    return next((agents for agents in all_agents if agents.method == method), all_agents[0])


def names_of(config: Config) -> tuple[str, ...]:
    """How the meta agents learn, each way once, as lists and reports have it."""
    return tuple(dict.fromkeys(agents.name for agents in agents_of(config)))


def method_of(config: Config) -> str:
    """The method of the meta agents; several in one pool are joined by ``+``."""
    return "+".join(dict.fromkeys(agents.method for agents in agents_of(config)))


def learns_by_a2c(config: Config) -> bool:
    """Whether naive co-players learn as the paper's do, all of them."""
    return set(_naive_algorithms(config)) == {A2C}


def naive_groups(config: Config) -> tuple[Mapping[str, Any], ...]:
    """The groups of naive agents with their ``algorithm``, ``count`` and ``settings``; none where all learn alike."""
    groups = config.get("population", {}).get("naive")
    return tuple(groups) if isinstance(groups, list) else ()


def unused_naive_keys(config: Config) -> frozenset[str]:
    """Keys of ``[naive]`` that are of other algorithms than the co-players', if theirs are of this project.

    Groups of naive agents name their own algorithms, so that there the table's is idle too.
    """
    idle = {"algorithm"} if naive_groups(config) else set()
    own = [ALGORITHMS.get(algorithm) for algorithm in _naive_algorithms(config)]
    of_all = {key for algorithm in ALGORITHMS.values() for key in algorithm.keys}
    read = {key for algorithm in own if algorithm is not None for key in algorithm.keys}
    return frozenset(idle if None in own else idle | (of_all - read))


def _naive_algorithms(config: Config) -> tuple[str, ...]:
    groups = naive_groups(config) or (config.get("naive", {}),)
    return tuple(str(group.get("algorithm", A2C)) for group in groups)


def meta_agents(config: Config) -> int:
    """How many meta agents train."""
    return sum(len(agents.numbers) for agents in agents_of(config))
