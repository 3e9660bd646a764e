"""What a report reads from a run's ``config.toml``: what makes a setting, what a method's values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

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

    Analytical experiments are not compared by method, so that all their values make the setting.
    """
    keys = result_keys(config)
    if config.get("kind", "sequence") == "analytical":
        return keys
    return {key: value for key, value in keys.items() if not key.startswith(_METHODS_OWN)}


def method_keys(config: Mapping[str, Any]) -> dict[str, Any]:
    """The meta agents' own values."""
    return {key: value for key, value in result_keys(config).items() if key.startswith(_METHODS_OWN)}


def method_of(config: Mapping[str, Any]) -> str:
    """The method of the meta agents; several in one pool are joined by ``+``."""
    groups = config.get("population", {}).get("meta")
    if isinstance(groups, list):
        return "+".join(dict.fromkeys(str(group.get("method", "")) for group in groups))
    return str(config.get("meta", {}).get("method", "unknown"))


def meta_agents(config: Mapping[str, Any]) -> int:
    """How many meta agents train."""
    groups = config.get("population", {}).get("meta", 1)
    return groups if isinstance(groups, int) else sum(int(group.get("count", 1)) for group in groups)


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
