"""What a training came to, in a sentence, by the criteria of reports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from coalactl.agents import learns_by_a2c, naive_groups
from coalactl.criteria import CONSIDERABLY, COOPERATES, DEFECTS, is_the_dilemma
from coalactl.summary import Means

# What always defecting earns a step against naive learners in the presets of the dilemma, by their learning rate:
# there M-FOS and batch-unaware agents come to it (docs/algorithm.md).
_BY_DEFECTING = {0.005: 0.33, 0.01: 0.22}
_LEARNERS_SEE = {"batch_size": 16, "inner_episodes": 20, "inner_episode_length": 10}


def in_a_sentence(config: Mapping[str, Any], seeds: Sequence[Means]) -> str:
    """One or two clauses; empty of a run without measures of that kind. Several seeds are told by how many do it."""
    naive = list(_against_naive(config, seeds))
    among = list(_among_meta(config, seeds))
    return "; ".join([*naive, *among])


def _against_naive(config: Mapping[str, Any], seeds: Sequence[Means]) -> Iterator[str]:
    pairs = [(_value(means, "reward_vs_naive"), _value(means, "coplayer_reward_vs_naive")) for means in seeds]
    known = [(own, theirs) for own, theirs in pairs if own is not None and theirs is not None]
    if not known:
        return
    own, theirs = (sum(values) / len(known) for values in zip(*known, strict=True))
    defecting = _by_defecting(config)
    lead = f"{'' if len(known) == 1 else 'on average '}it earns {_apart(own - theirs)} a step than its naive learners"
    if defecting is None:
        yield lead
        return
    shaping = [_shapes(*each, defecting) for each in known]
    compared = f"{lead} and {_apart(own - defecting)} than always defecting would"
    yield f"{compared}: {_told(shaping, 'it shapes them', 'it does not shape them')}"


def _among_meta(config: Mapping[str, Any], seeds: Sequence[Means]) -> Iterator[str]:
    rewards = [_value(means, "reward_vs_meta") for means in seeds]
    known = [reward for reward in rewards if reward is not None]
    if not known or not is_the_dilemma(config):
        return
    mean = sum(known) / len(known)
    earned = f"among meta agents it earns {_number(mean)} of the 1 that mutual cooperation gives"
    if all(reward < DEFECTS for reward in known):
        yield f"{earned}: they defect"
        return
    yield f"{earned}: {_told([reward > COOPERATES for reward in known], 'they cooperate', 'they do not cooperate')}"


def _shapes(own: float, theirs: float, defecting: float) -> bool:
    """As in the claim on Fig. 5A: ahead of its learners, and considerably ahead of those who defect."""
    return own > theirs and own - defecting > CONSIDERABLY


def _by_defecting(config: Mapping[str, Any]) -> float | None:
    rollout = config.get("rollout", {})
    same = all(rollout.get(key) == value for key, value in _LEARNERS_SEE.items())
    same = same and learns_by_a2c(config) and not naive_groups(config)
    return _BY_DEFECTING.get(config.get("naive", {}).get("learning_rate")) if same and is_the_dilemma(config) else None


def _told(which: Sequence[bool], yes: str, no: str) -> str:
    if len(which) == 1 or not any(which):
        return yes if any(which) else no
    return f"{yes} on {sum(which)} of {len(which)} seeds"


def _value(means: Means, column: str) -> float | None:
    return means.trained.get(column)


def _apart(difference: float) -> str:
    return f"{_number(abs(difference))} {'more' if difference >= 0 else 'less'}"


def _number(value: float) -> str:
    return f"{value:.2f}"
