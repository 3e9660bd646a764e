"""The groups of a run's meta agents, each of which learns by one program: what is theirs, and in whose order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Key

from coalactl_core.loops.chunks import Map
from coalactl_core.play.meta_episodes import play_meta_episodes
from coalactl_core.play.rollout import Rollout
from coalactl_core.rules.seam import Met, Numbers, Report, Rule
from coalactl_core.types import Hyperparameters, Learner, MetaAgents, Opponents, Params, Played, Tree

# The stream of a run's key that rules begin with, beside those that training splits it into.
_BEGINNING = 19


class RuleGroup(NamedTuple):
    """Agents, by number, with their rule, play as they know it, and the table of the rule's own settings."""

    agents: tuple[int, ...]
    rule: Rule
    rollout: Rollout
    table: str


def fresh_agents(
    key: Key[Array, ""], params: Params, groups: Sequence[RuleGroup], *, trained: bool = False
) -> MetaAgents:
    """Agents that have not learnt yet; ``params`` lead with their number, ``key`` is the run's.

    ``trained``: the parameters are of others that have.
    """
    keys = jax.random.split(jax.random.fold_in(key, _BEGINNING), jax.tree.leaves(params)[0].shape[0])
    begin = [(trained and group.rule.init_trained) or group.rule.init for group in groups]
    learners = [
        jax.vmap(init)(_of(keys, group.agents), _of(params, group.agents))
        for init, group in zip(begin, groups, strict=True)
    ]
    return _with_learners(learners, groups)


def play_groups(
    key: Key[Array, ""],
    agents: MetaAgents,
    opponents: Opponents,
    hyper: Hyperparameters,
    groups: Sequence[RuleGroup],
    map_agents: Map,
) -> tuple[Played, ...]:
    """The meta-episodes of one iteration, of each group by itself; opponents lead with all agents."""
    keys = jax.random.split(key, opponents.kind.shape[0])

    def of_group(group: RuleGroup) -> Played:
        def play(agent: tuple[Key[Array, ""], Params, Opponents]) -> Played:
            return play_meta_episodes(*agent, hyper.naive, group.rollout, group.rule.keep)

        played: Played = map_agents(play, _of((keys, agents.params, opponents), group.agents))
        return played

    return tuple(map(of_group, groups))


def learn_groups(
    key: Key[Array, ""],
    agents: MetaAgents,
    played: Sequence[Played],
    opponents: Opponents,
    hyper: Hyperparameters,
    groups: Sequence[RuleGroup],
    map_agents: Map,
) -> tuple[MetaAgents, Report]:
    """The agents after one iteration, and a report with one number an agent: NaN in columns of others' rules."""
    keys = jax.random.split(key, opponents.kind.shape[0])

    def of_group(index: int) -> tuple[Learner, Report]:
        group = groups[index]
        learners = Learner(_of(agents.params, group.agents), agents.opt_states[index], agents.states[index])
        settings = hyper.rules.get(group.table, {})

        def learn(agent: Any) -> tuple[Learner, Report]:
            key, learner, (kept, outcomes), opponents, own = agent
            return group.rule.update(key, learner, Met(kept, outcomes, opponents), Numbers(own, hyper.naive, settings))

        play = played[index].kept, played[index].outcomes
        own_keys, met, own = _of((keys, opponents, hyper.meta), group.agents)
        learnt: tuple[Learner, Report] = map_agents(learn, (own_keys, learners, play, met, own))
        return learnt

    learners, reports = zip(*map(of_group, range(len(groups))), strict=True)
    return _with_learners(learners, groups), _all_columns(reports, groups)


def in_order(parts: Sequence[Tree], groups: Sequence[RuleGroup]) -> Tree:
    """What the groups have, leading with each one's agents, leading with all agents by number."""
    if len(parts) == 1:
        return parts[0]
    order = np.argsort([agent for group in groups for agent in group.agents])
    return jax.tree.map(lambda *leaves: jnp.concatenate(leaves)[order], *parts)


def _of(tree: Tree, agents: tuple[int, ...]) -> Tree:
    """What the agents have of something that leads with all of them; all in one group are taken as they are."""
    count = jax.tree.leaves(tree)[0].shape[0]
    return tree if agents == tuple(range(count)) else jax.tree.map(lambda leaf: leaf[np.asarray(agents)], tree)


def _with_learners(learners: Sequence[Learner], groups: Sequence[RuleGroup]) -> MetaAgents:
    return MetaAgents(
        params=in_order([learner.params for learner in learners], groups),
        opt_states=tuple(learner.opt_state for learner in learners),
        states=tuple(learner.state for learner in learners),
    )


def _all_columns(reports: Sequence[dict[str, Array]], groups: Sequence[RuleGroup]) -> Report:
    """Every group's columns, which lead with its agents, for all agents."""
    columns = dict.fromkeys(name for report in reports for name in report)

    def column(name: str) -> Float[Array, "agents"]:
        like = next(report[name] for report in reports if name in report)
        parts = [
            report.get(name, jnp.full((len(group.agents),), jnp.nan, like.dtype))
            for report, group in zip(reports, groups, strict=True)
        ]
        return in_order(parts, groups)

    return {name: column(name) for name in columns}
