"""Which of a paper's experiments a setting is, told by its configuration; and which settings a claim takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from coalactl.report.settings import Setting

Config = Mapping[str, Any]


class Role(NamedTuple):
    """One of a paper's experiments."""

    name: str
    presets: tuple[str, ...]
    """What makes it: the paper's size first, then one for a laptop."""
    fits: Callable[[Config], bool]
    kind: str


class Case(NamedTuple):
    """The settings that an exhibit and its claims are taken from."""

    roles: tuple[Role, ...]
    settings: Mapping[str, Setting]
    """By the role's name; roles without runs are not in it."""

    @property
    def name(self) -> str:
        """The names of its settings, or of the first of many; empty where nothing was run."""
        names = [setting.name for setting in self.settings.values()]
        return " + ".join(names) if len(names) < 3 else f"{names[0]} and {len(names) - 1} more"

    def missing(self, names: Sequence[str]) -> str:
        """What is not there of these roles, in words; empty where all have runs."""
        absent = next((role for role in self.roles if role.name in names and role.name not in self.settings), None)
        return "" if absent is None else f"no finished runs of {' or '.join(absent.presets)}"


def cases(roles: Sequence[Role], settings: Sequence[Setting]) -> Iterator[Case]:
    """One for each setting that is the first role's, with what is nearest to it for the others; at least one."""
    first, others = roles[0], roles[1:]
    leads = _candidates(first, settings)
    if first.kind == "analytical":
        leads = leads[:1]
    firsts: list[Setting | None] = [*leads] if leads else [None]
    for lead in firsts:
        chosen = {} if lead is None else {first.name: lead}
        for role in others:
            if candidates := _candidates(role, settings):
                chosen[role.name] = (
                    candidates[0] if lead is None or lead.is_analytical else max(candidates, key=_likeness(lead))
                )
        yield Case(tuple(roles), chosen)


def roles_of(setting: Setting, roles: Sequence[Role]) -> list[Role]:
    """Which of the experiments a setting is, those of its own preset first."""
    fitting = [role for role in roles if _candidates(role, [setting])]
    return sorted(fitting, key=lambda role: setting.preset not in role.presets)


def _candidates(role: Role, settings: Sequence[Setting]) -> list[Setting]:
    """Settings that fit, those of the role's own preset first, unchanged ones before others."""
    fitting = [
        setting
        for setting in settings
        if _kind(setting) == role.kind and role.fits({**setting.config, "preset": setting.preset})
    ]
    return sorted(fitting, key=lambda one: (one.preset not in role.presets, one.name != one.preset, one.name))


def _likeness(lead: Setting) -> Callable[[Setting], int]:
    """How many values a setting has in common with another."""
    return lambda other: sum(other.keys.get(key) == value for key, value in lead.keys.items())


def _kind(setting: Setting) -> str:
    return "analytical" if setting.is_analytical else "sequence"
