"""What a report reads from a run's ``config.toml``: what makes a setting, what a method's values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from coalactl.agents import Agents, agents_of, meta_agents
from coalactl.tables import flatten

Flat = Mapping[str, Any]

# No result depends on them, or they are the seeds.
_BOOKKEEPING = ("run.seed", "run.seeds", "run.log_every", "run.checkpoint_every", "run.keep", "run.evaluate_every")
_METHODS_OWN = ("meta.", "lola.")


def result_keys(config: Mapping[str, Any]) -> dict[str, Any]:
    """All values on which results depend, but for the seeds and the layout of the work."""
    flat = flatten(config)
    return {key: flat[key] for key in flat if key not in _BOOKKEEPING and not key.startswith("compute.")}


def setting_keys(config: Mapping[str, Any]) -> dict[str, Any]:
    """What is fixed while methods are compared (App. B.4): all but the meta agents' own values.

    Analytical experiments are not compared by method, so that all their values make the setting. Where a pool mixes
    methods, the agents' values make it too: each agent meets the others.
    """
    keys = result_keys(config)
    if config.get("kind", "sequence") == "analytical":
        return keys
    shared = {key: value for key, value in keys.items() if not key.startswith(_METHODS_OWN)}
    found = agents_of(config)
    if len(found) == 1:
        return {**shared, "population.meta": meta_agents(config)}
    pool = " + ".join(f"{len(agents.numbers)} {agents.name}" for agents in found)
    values = {
        f"population.meta.{place}.{key}": value
        for place, agents in enumerate(found)
        for key, value in agents.meta.items()
    }
    return {**shared, "population.meta": pool, **values}


def own_keys(config: Mapping[str, Any], agents: Agents) -> dict[str, Any]:
    """The values that meta agents have of their own."""
    lola = {key: value for key, value in result_keys(config).items() if key.startswith("lola.")}
    return {**{f"meta.{key}": value for key, value in agents.meta.items()}, **lola}


def run_keys(config: Mapping[str, Any], agents: Agents) -> dict[str, Any]:
    """All values on which the results of these agents depend, the pool's and their own."""
    return {**setting_keys(config), **own_keys(config, agents)}


def as_run(tables: Mapping[str, Any], method: str) -> dict[str, Any]:
    """The tables of a preset as those of a run: what it has for the method, or for those in its pool, in its place."""
    by_method: Mapping[str, Any] = tables.get("for", {})
    config: dict[str, Any] = {name: table for name, table in tables.items() if name != "for"}
    groups = config.get("population", {}).get("meta")
    if isinstance(groups, list):
        own = [
            {**by_method.get(group.get("method"), {}).get("meta", {}), **group.get("settings", {})} for group in groups
        ]
        filled = [{**group, "settings": settings} for group, settings in zip(groups, own, strict=True)]
        return {**config, "population": {**config["population"], "meta": filled}}
    for section, table in by_method.get(method, {}).items():
        config[section] = {**config.get(section, {}), **table}
    return config


def scheduled(value: Any) -> list[float]:
    """The values that a number takes over training, in their order; one for a constant."""
    return list(_scheduled(value)) or [float("nan")]


def _scheduled(value: Any) -> Iterator[float]:
    if isinstance(value, int | float):
        yield float(value)
    elif isinstance(value, Mapping):
        points = value.get("points", value)
        if isinstance(points, Mapping):
            steps = sorted((int(step), at) for step, at in points.items() if str(step).isdecimal())
            yield from (float(at) for _, at in steps)


def in_words(value: Any) -> str:
    """A value as a table shows it: ``0.001``, ``{0: 1.0, 100: 4.0}``, ``yes``."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {in_words(entry)}" for key, entry in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(in_words(entry) for entry in value) + "]"
    return str(value)
