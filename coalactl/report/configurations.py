"""What a report reads from a run's ``config.toml``: what makes a setting, what a method's values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from coalactl.agents import TABLES, Agents, agents_of, meta_agents, naive_groups, table_of, unused_naive_keys
from coalactl.tables import flatten

# No result depends on them, or they are the seeds.
_BOOKKEEPING = ("run.seed", "run.seeds", "run.log_every", "run.checkpoint_every", "run.keep", "run.evaluate_every")


# The tables of a run's config.toml that belong to no rule.
_TREE = (
    *("kind", "run", "environment", "network", "rollout", "population", "meta", "naive", "diagnostics", "compute"),
    *TABLES,
)


def result_keys(config: Mapping[str, Any]) -> dict[str, Any]:
    """All values on which results depend, but for the seeds and the layout of the work.

    What only other algorithms of naive co-players have a use for is not among them: runs from before there were such
    keys are of one setting with those of today.
    """
    flat = {**flatten(config), **_naive_pool(config)}
    idle = {*_BOOKKEEPING, *(f"naive.{key}" for key in unused_naive_keys(config))}
    return {key: flat[key] for key in flat if key not in idle and not key.startswith("compute.")}


def _naive_pool(config: Mapping[str, Any]) -> dict[str, Any]:
    """Groups of naive agents as ``5 a2c + 5 q-learning``, and each one's own values."""
    groups = naive_groups(config)
    if not groups:
        return {}
    pool = " + ".join(f"{group.get('count', 1)} {group['algorithm']}" for group in groups)
    values = {
        f"population.naive.{index}.{key}": value
        for index, group in enumerate(groups)
        for key, value in group.get("settings", {}).items()
    }
    return {"population.naive": pool, **values}


def shared_key(key: str) -> str:
    """``naive.clip`` of ``population.naive.1.clip``, a group's own value in its place; of other keys themselves."""
    return f"naive.{key.rpartition('.')[2]}" if key.startswith("population.naive.") else key


def setting_keys(config: Mapping[str, Any]) -> dict[str, Any]:
    """What is fixed while methods are compared (App. B.4): all but the meta agents' own values.

    Analytical experiments are not compared by method, so that all their values make the setting. Where a pool mixes
    methods, the agents' values make it too: each agent meets the others.
    """
    keys = result_keys(config)
    if config.get("kind", "sequence") == "analytical":
        return keys
    all_agents = agents_of(config)
    own = ("meta", *_tables_of_rules(config))
    shared = {key: value for key, value in keys.items() if key.partition(".")[0] not in own}
    if len(all_agents) == 1:
        return {**shared, "population.meta": meta_agents(config)}
    pool = " + ".join(f"{len(agents.numbers)} {agents.name}" for agents in all_agents)
    values = {
        f"population.meta.{index}.{key}": value
        for index, agents in enumerate(all_agents)
        for key, value in agents.meta.items()
    }
    return {**shared, "population.meta": pool, **values}


def own_keys(config: Mapping[str, Any], agents: Agents) -> dict[str, Any]:
    """The values that meta agents have of their own, those of their rule's table among them."""
    table = _table_of(agents.method, config)
    rules = {key: value for key, value in result_keys(config).items() if key.partition(".")[0] == table}
    return {**{f"meta.{key}": value for key, value in agents.meta.items()}, **rules}


def _tables_of_rules(config: Mapping[str, Any]) -> set[str]:
    """Which tables of a run are settings of rules: of this project's, and of those that train in it."""
    return {*TABLES, *(_table_of(agents.method, config) for agents in agents_of(config))}


def _table_of(method: str, config: Mapping[str, Any]) -> str:
    """The table of a method's settings; of a package that is not at hand the one that nothing else has in a run."""
    table = table_of(method)
    return next((name for name in config if name not in _TREE), "") if table is None else table


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
