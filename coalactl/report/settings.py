"""Runs by setting, method and seed: what is compared with what."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any, NamedTuple

import pandas as pd

from coalactl.agents import NO_CRITIC, Agents, agents_with, is_judged_with_critic, method_of
from coalactl.errors import UserError
from coalactl.presets import read_preset, shipped_presets
from coalactl.report.configurations import as_run, in_words, own_keys, setting_keys
from coalactl.report.evaluations import by_step, within
from coalactl.report.finished import Run
from coalactl.summary import last_tenth

_MOST_NAMED, _LONGEST_SLUG, _STAMP = 3, 32, 4


@dataclass(frozen=True)
class Group:
    """One method with the same values, on different seeds: runs, or of pools that mix methods its agents in them."""

    label: str
    agents: Agents
    runs: tuple[Run, ...]
    full: str
    """What the label stands for."""
    short: str
    """What it is called where there is little room."""

    @property
    def method(self) -> str:
        """How its agents learn."""
        return self.agents.method

    @property
    def critic(self) -> str:
        """Its agents' critic of the batch, or ``none``."""
        return self.agents.critic

    @property
    def seeds(self) -> tuple[int, ...]:
        """All training seeds, in order."""
        return tuple(sorted(seed for run in self.runs for seed in run.seeds))

    @cached_property
    def final(self) -> pd.DataFrame:
        """A row a seed: means over agents and the last tenth of the iterations."""
        return pd.concat([run.final for run in self.runs]).sort_index()

    @cached_property
    def untrained(self) -> pd.DataFrame:
        """A row a seed: means over agents at iteration 0."""
        return pd.concat([run.untrained for run in self.runs]).sort_index()

    def values(self, column: str, untrained: bool = False) -> dict[int, float]:
        """Each seed's value of a measure, where it has one."""
        rows = self.untrained if untrained else self.final
        known = rows[column].dropna() if column in rows else pd.Series(dtype=float)
        return {int(seed): float(value) for seed, value in known.items()}  # type: ignore[call-overload]

    def newest(self, column: str) -> dict[int, float]:
        """Each seed's value at the last iteration that was measured, of its first agent: a draw, not a mean."""
        values: dict[int, float] = {}
        for run in self.runs:
            rows = run.measured(column)
            if column in rows:
                first = rows[rows["agent"] == rows["agent"].min()]
                newest = first.dropna(subset=[column]).groupby("seed")[column].last()
                values.update({int(seed): float(value) for seed, value in newest.items()})
        return values

    def least(self, column: str) -> dict[int, float]:
        """Each seed's value over the last tenth of the iterations, of that agent which has least of it."""
        values: dict[int, float] = {}
        for run in self.runs:
            rows = run.measured(column)
            if column in rows:
                known = rows.dropna(subset=[column])
                late = known[known["iteration"] >= min(known["iteration"].max(), last_tenth(run.status.iterations))]
                by_seed = late.groupby(["seed", "agent"])[column].mean().groupby("seed").min()
                values.update({int(seed): float(value) for seed, value in by_seed.items()})
        return values

    def curve(self, column: str) -> pd.DataFrame:
        """A row an iteration, a column a seed."""
        curves = [run.curve(column) for run in self.runs]
        return pd.concat([curve for curve in curves if not curve.empty] or [pd.DataFrame()], axis=1).sort_index()

    def evaluated(self, name: str, metric: str, opponent: str = "naive") -> pd.DataFrame:
        """The same as ``within``, from evaluations of that name."""
        curves = {run.seeds[0]: within(run.evaluations[name], metric, opponent) for run in self.runs}
        return pd.DataFrame(curves).sort_index(axis=1)

    def by_step(self, name: str, metric: str, opponent: str) -> pd.DataFrame:
        """A row a step within an inner episode, a column a seed, of the runs that have such an evaluation."""
        curves = {
            run.seeds[0]: by_step(run.by_step[name], metric, opponent) for run in self.runs if name in run.by_step
        }
        return pd.DataFrame(curves).sort_index(axis=1)

    def within(self, metric: str, opponent: str = "naive", untrained: bool = False) -> pd.DataFrame:
        """A row an inner episode, a column a seed: means over agents and the last tenth of the iterations."""
        rows = pd.concat([run.within_untrained if untrained else run.within for run in self.runs])
        rows = rows[(rows["metric"] == metric) & (rows["opponent"] == opponent)]
        return rows.pivot_table(index="inner_episode", columns="seed", values="value")


class Setting(NamedTuple):
    """An environment, pool and length of training, and the methods that were trained in it."""

    name: str
    preset: str
    config: Mapping[str, Any]
    """Of its first run, complete."""
    keys: Mapping[str, Any]
    """The values that make it this setting."""
    groups: Mapping[str, Group]
    full: str
    """What the name stands for."""
    short: str
    """What it is called where there is little room."""
    slug: str
    """What it is called in names of files: of its own values alone, so that settings beside it change nothing."""

    @property
    def is_analytical(self) -> bool:
        """Whether all values are exact and one run holds many seeds."""
        return self.config.get("kind") == "analytical"

    @property
    def game(self) -> str:
        """The name of its environment."""
        return str(self.config["environment"].get("name", ""))

    def variants(self) -> tuple[Group, ...]:
        """Each method with each critic of the batch; of several values of its own those with the most seeds, newest."""
        by_variant: dict[tuple[str, str], Group] = {}
        for group in sorted(self.groups.values(), key=_weight):
            by_variant[group.method, group.critic] = group
        return tuple(by_variant.values())

    def group(self, method: str) -> Group | None:
        """The runs that a method is judged by.

        Of COALA-PG those with the critic of the batch that the setting's preset has, or others where there are none of
        these. Of other methods those without one: their claims are on what was printed.
        """
        variants = [group for group in self.variants() if group.method == method]
        if not is_judged_with_critic(method):
            return next((group for group in variants if group.critic == NO_CRITIC), None)
        wanted = _critic_of(self.preset, method) if len(variants) > 1 else ""
        return max(variants, key=lambda group: (group.critic == wanted, _weight(group)), default=None)

    def beside(self) -> Setting:
        """The same without the runs that a method is judged by, where it has others with another critic, or none."""
        variants = self.variants()
        judged = {group.method: self.group(group.method) for group in variants if is_judged_with_critic(group.method)}
        hidden = {
            (method, group.critic)
            for method, group in judged.items()
            if group is not None and sum(other.method == method for other in variants) > 1
        }
        kept = {label: group for label, group in self.groups.items() if (group.method, group.critic) not in hidden}
        return self._replace(groups=kept)


def _weight(group: Group) -> tuple[int, str]:
    return len(group.seeds), str(group.runs[-1].provenance.get("started", ""))


def group_runs(runs: Sequence[Run]) -> tuple[Setting, ...]:
    """Settings by name, in each the methods, in each the seeds."""
    by_setting: dict[str, list[Run]] = {}
    for run in runs:
        by_setting.setdefault(_key(setting_keys(run.config)), []).append(run)
    settings = _told_apart([_setting(members) for members in by_setting.values()])
    return tuple(sorted(settings, key=lambda setting: setting.name))


def _told_apart(settings: Sequence[Setting]) -> Iterator[Setting]:
    """Settings of one name, as variants of one's own file have, with the values in which they differ."""
    counts: dict[str, int] = {}
    holders = {setting.slug: setting for setting in sorted(settings, key=_begun, reverse=True)}
    for setting in settings:
        common = _common([other.keys for other in settings if other.name == setting.name])
        own = [f"{key.rpartition('.')[2]} {in_words(setting.keys[key])}" for key in setting.keys if key not in common]
        rest = f" and {len(own) - _MOST_NAMED} more" if len(own) > _MOST_NAMED else ""
        name = ", ".join([setting.name, *own[:_MOST_NAMED]]) + rest
        counts[name] = counts.get(name, 0) + 1
        name = name if counts[name] == 1 else f"{name} ({counts[name]})"
        named = setting._replace(name=name, full=name)
        is_holder = holders[setting.slug] is setting
        yield named if is_holder else named._replace(slug=slug_of(setting.slug, setting.keys))


def _begun(setting: Setting) -> tuple[str, str]:
    """When its first run was started: it keeps its file names, whatever variants of one's own file come later."""
    started = (str(run.provenance.get("started", "")) for group in setting.groups.values() for run in group.runs)
    return min(started), _key(setting.keys)


def _setting(runs: Sequence[Run]) -> Setting:
    first = runs[0]
    preset = str(first.provenance.get("preset") or first.status.preset or "custom")
    keys = setting_keys(first.config)
    other = _set_otherwise(preset, method_of(first.config), keys)
    name = _setting_name(preset, other)
    groups = {group.label: group for group in _groups(runs)}
    slug = slug_of(preset, other)
    return Setting(name, preset, first.config, keys, groups, full=name, short=name, slug=slug)


def slug_of(name: str, other: Mapping[str, Any] = MappingProxyType({})) -> str:
    """``ipd-mixed-quick-1f0c``: a name for files, and where something was set otherwise what stands for that."""
    words = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    if len(words) > _LONGEST_SLUG:
        words = f"{words[: _LONGEST_SLUG - _STAMP - 1].rstrip('-')}-{_stamp(words)}"
    return f"{words}-{_stamp(_key(other))}" if other else words


def _stamp(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_STAMP]


def _set_otherwise(preset: str, method: str, keys: Mapping[str, Any]) -> dict[str, Any]:
    """The values that are not those of the shipped preset; none of one's own file."""
    shipped = shipped_run(preset, method)
    reference = setting_keys(shipped) if shipped else {}
    return {key: keys[key] for key in keys if key in reference and keys[key] != reference[key]}


def _setting_name(preset: str, other: Mapping[str, Any]) -> str:
    """``ipd-mixed-quick, p_naive 0``: the preset, and what was set otherwise."""
    if not other:
        return preset
    words = [f"{key.rpartition('.')[2]} {in_words(value)}" for key, value in list(other.items())[:_MOST_NAMED]]
    rest = f" and {len(other) - _MOST_NAMED} more" if len(other) > _MOST_NAMED else ""
    return f"{preset}, {', '.join(words)}{rest}"


def shipped_run(preset: str, method: str) -> dict[str, Any]:
    """The configuration of a shipped preset's run with a method; empty where there is no such preset."""
    for shipped in shipped_presets():
        if shipped.name == preset:
            try:
                return as_run(read_preset(shipped), method)
            except UserError:
                return {}
    return {}


def _critic_of(preset: str, method: str) -> str:
    """The critic of the batch that a shipped preset has for a method; ``none`` where there is no such preset."""
    return agents_with(shipped_run(preset, method), method).critic


def _groups(runs: Sequence[Run]) -> Iterator[Group]:
    variants: dict[tuple[str, str], list[tuple[Agents, Run]]] = {}
    for run in runs:
        for agents, part in run.by_agents():
            variants.setdefault((agents.name, _key(own_keys(run.config, agents))), []).append((agents, part))
    values = {variant: own_keys(members[0][1].config, members[0][0]) for variant, members in variants.items()}
    named: dict[str, list[Mapping[str, Any]]] = {}
    for (name, _), table in values.items():
        named.setdefault(name, []).append(table)
    common_to = {name: _common(tables) for name, tables in named.items()}
    for (name, key), members in sorted(variants.items(), key=lambda item: item[0]):
        own, common = values[name, key], common_to[name]
        words = ", ".join(f"{key.rpartition('.')[2]} {in_words(own[key])}" for key in own if key not in common)
        label = f"{name} ({words})" if words else name
        members_runs = tuple(sorted((run for _, run in members), key=lambda run: run.seeds))
        yield Group(label, members[0][0], members_runs, full=label, short=label)


def _common(tables: Sequence[Mapping[str, Any]]) -> set[str]:
    """The keys with the same value in all tables."""
    return {key for key in tables[0] if all(key in table and table[key] == tables[0][key] for table in tables)}


def _key(values: Mapping[str, Any]) -> str:
    return repr(sorted(values.items()))
