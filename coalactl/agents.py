"""Who trains in a run, told by its configuration as plain tables; needs neither JAX nor pydantic."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

Config = Mapping[str, Any]

NO_CRITIC = "none"


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
        return self.method if self.critic == NO_CRITIC else f"{self.method}, batch critic"


def agents_of(config: Config) -> tuple[Agents, ...]:
    """All meta agents; more than one entry where the pool mixes methods, or values of one method."""
    shared = dict(config.get("meta", {}))
    groups = config.get("population", {}).get("meta", 1)
    if not isinstance(groups, list):
        return (Agents(str(shared.get("method", "unknown")), tuple(range(groups)), shared),)
    found: list[Agents] = []
    first = 0
    for group in groups:
        method, end = str(group.get("method", "")), first + int(group.get("count", 1))
        meta, numbers = {**shared, **group.get("settings", {}), "method": method}, tuple(range(first, end))
        alike = next((place for place, other in enumerate(found) if other.meta == meta), None)
        if alike is None:
            found.append(Agents(method, numbers, meta))
        else:
            found[alike] = found[alike]._replace(numbers=(*found[alike].numbers, *numbers))
        first = end
    return tuple(found)


def agents_with(config: Config, method: str) -> Agents:
    """The first meta agents of a method; where none has it, the first of all."""
    found = agents_of(config)
    return next((agents for agents in found if agents.method == method), found[0])


def names_of(config: Config) -> tuple[str, ...]:
    """How the meta agents learn, each way once, as lists and reports have it."""
    return tuple(dict.fromkeys(agents.name for agents in agents_of(config)))


def method_of(config: Config) -> str:
    """The method of the meta agents; several in one pool are joined by ``+``."""
    return "+".join(dict.fromkeys(agents.method for agents in agents_of(config)))


def meta_agents(config: Config) -> int:
    """How many meta agents train."""
    return sum(len(agents.numbers) for agents in agents_of(config))
