"""The card of an agent file: what it holds, how that was made and how it plays, for people to read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from coalactl.agents import agents_of, full_label, meta_agents
from coalactl.paths import typed
from coalactl.words import quantity
from coalactl_core.measures import KINDS, rewards_vs

Config = Mapping[str, Any]

_WIDTH = 10
_LONGEST = 60


class Training(NamedTuple):
    """What of a training its files say: ``step`` iterations of its configuration, and environment steps."""

    config: Config
    provenance: Mapping[str, Any]
    step: int
    environment_steps: int


def card_of(training: Training, measures: Mapping[str, Any]) -> str:
    """The lines of the card."""
    rows = [*_what(training), *_made(training.provenance), *_plays(measures)]
    return "\n".join(f"{name:<{_WIDTH}}{text}".rstrip() for name, text in rows) + "\n"


def _what(training: Training) -> Iterator[tuple[str, str]]:
    config, run = training.config, training.config.get("run", {})
    game, count = config.get("environment", {}), meta_agents(config)
    who = "1 agent that plays" if count == 1 else f"{count} agents of one training that play"
    yield "what", f"{who} {game.get('name', 'matrix-game')}"
    groups = agents_of(config)
    methods = [f"{len(group.numbers)} {full_label(group.method)}" for group in groups]
    yield "method", full_label(groups[0].method) if len(groups) == 1 else ", ".join(methods)
    if preset := training.provenance.get("preset"):
        yield "preset", str(preset)
    yield "seed", str(run.get("seed"))
    steps = f"{training.step} of {run.get('iterations')} iterations"
    yield "step", f"{steps}, {quantity(training.environment_steps)} environment steps"


def _made(provenance: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    command = provenance.get("command")
    if isinstance(command, Sequence) and not isinstance(command, str):
        yield "made by", " ".join(typed(str(word)) for word in command)
    packages = provenance.get("packages")
    versions = packages if isinstance(packages, Mapping) else {}
    named = [f"{name} {versions[name]}" for name in ("coalactl", "jax") if name in versions]
    source = provenance.get("source")
    revision = (
        [f"source {str(source['revision'])[:12]}"] if isinstance(source, Mapping) and "revision" in source else []
    )
    if told := [*named, *revision, *([str(provenance["started"])[:10]] if "started" in provenance else [])]:
        yield "with", ", ".join(told)


def _plays(measures: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Rewards a step: by evaluation and opponent, or without any those of the last iterations of the training."""
    evaluations = measures.get("evaluations", {})
    if evaluations:
        yield "plays", "reward a step, its own and its co-player's, means over agents"
    elif lines := list(_trained(measures.get("training", {}))):
        yield "plays", "reward a step, its own and its co-player's, in the last tenth of the training"
        yield from (("", line) for line in lines)
    for name, told in evaluations.items():
        yield "", f"pool {name}, {told.get('episodes')} meta-episodes of each agent, seed {told.get('seed')}"
        for opponent, (own, other) in rewards_in(told).items():
            yield "", f"  {opponent:<30}{own:>8.3f}{other:>8.3f}"


def _trained(means: Mapping[str, float]) -> Iterator[str]:
    for kind in KINDS:
        own, other = (means.get(column) for column in rewards_vs(kind))
        if own is not None and other is not None:
            yield f"  {kind:<30}{own:>8.3f}{other:>8.3f}"


def rewards_in(told: Mapping[str, Any]) -> dict[str, tuple[float, float]]:
    """Of an evaluation the rewards a step of agent and co-player, means over agents, by opponent."""
    sums: dict[str, dict[str, list[float]]] = {}
    for _, kind, opponent, metric, mean, *_ in told["rows"]:
        if metric in _REWARDS:
            sums.setdefault(" ".join((kind, opponent)).strip()[:_LONGEST], {}).setdefault(metric, []).append(mean)
    return {
        opponent: tuple(sum(means[metric]) / len(means[metric]) for metric in _REWARDS)  # type: ignore[misc]
        for opponent, means in sums.items()
        if means.keys() == {*_REWARDS}
    }


_REWARDS = ("reward", "coplayer_reward")
