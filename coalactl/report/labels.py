"""What settings and methods are called in tables: as the user says, else shortly, with a legend for long names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path

from coalactl.errors import UserError
from coalactl.report.settings import Group, Setting, slug_of
from coalactl.report.tables import Table

LONGEST = 32
"""Letters of a name that stands in tables as it is."""

Labels = Mapping[str, Path]
"""Where the runs are that a name stands for."""


def named(settings: Sequence[Setting], labels: Labels) -> tuple[Setting, ...]:
    """The settings, by name, with the names that tables have for them and for their methods.

    Raises :class:`UserError` where the runs at a label's path are neither all of a setting nor all of a method in it.
    """
    for name, path in labels.items():
        settings = _labelled(settings, name, path.resolve())
    short = _short_names({setting.name: setting.preset for setting in settings}, labels)
    groups = [group for setting in settings for group in setting.groups.values()]
    short_groups = _short_names({group.label: group.agents.name for group in groups}, labels)
    done = (
        setting._replace(
            short=short[setting.name],
            groups={label: replace(group, short=short_groups[label]) for label, group in setting.groups.items()},
        )
        for setting in settings
    )
    return tuple(sorted(done, key=lambda setting: setting.name))


def legend(settings: Sequence[Setting]) -> dict[str, str]:
    """What names that are not the full ones stand for."""
    groups = [group for setting in settings for group in setting.groups.values()]
    names = [(setting.short, setting.full) for setting in settings] + [(group.short, group.full) for group in groups]
    return {short: full for short, full in names if short != full}


def legend_table(settings: Sequence[Setting]) -> Table:
    """The legend of all tables."""
    rows = tuple(legend(settings).items())
    columns = ("name", "stands for")
    title = "Settings and methods that have shorter names in tables"
    return Table("settings", title, columns, rows, columns, rows, words=2, keys=1)


def _labelled(settings: Sequence[Setting], name: str, path: Path) -> list[Setting]:
    """The settings with a name for what the runs at and below the path are."""
    option = f"--label {name}={path}"
    meant = [setting for setting in settings if any(_below(group, path) for group in setting.groups.values())]
    if not meant:
        raise UserError(f"{option}: there is no run of this report")
    if len(meant) > 1:
        raise UserError(f"{option}: its runs are of {len(meant)} settings, {meant[0].full} among them; label each")
    (setting,) = meant
    groups = [group for group in setting.groups.values() if _below(group, path)]
    if all(_below(group, path) == len(group.runs) for group in setting.groups.values()):
        new = setting._replace(name=name, slug=slug_of(name))
        if not new.slug or new.slug in {other.slug for other in settings if other is not setting}:
            raise UserError(f"{option}: that name gives no file name of its own; choose another")
    elif len(groups) == 1 and _below(groups[0], path) == len(groups[0].runs):
        if name in setting.groups:
            raise UserError(f"{option}: another method has that name in {setting.full}; choose another")
        new = setting._replace(groups=dict(_renamed(setting.groups, groups[0].label, name)))
    else:
        raise UserError(f"{option}: its runs are neither all of {setting.full} nor all of one method in it")
    return [new if other is setting else other for other in settings]


def _below(group: Group, path: Path) -> int:
    return sum(run.directory.path.is_relative_to(path) for run in group.runs)


def _renamed(groups: Mapping[str, Group], label: str, name: str) -> Iterator[tuple[str, Group]]:
    for group in groups.values():
        new = replace(group, label=name) if group.label == label else group
        yield new.label, new


def _short_names(starts: Mapping[str, str], labels: Labels) -> dict[str, str]:
    """By name: itself where it is short or the user's, else what it starts with and a letter of its own."""
    short = {name: name for name in starts if len(name) <= LONGEST or name in labels}
    numbers: dict[str, Iterator[int]] = {}
    for name, start in sorted(starts.items()):
        if name not in short:
            tried = (f"{start} ({_letters(number)})" for number in numbers.setdefault(start, count()))
            short[name] = next(one for one in tried if one not in starts)
    return short


def _letters(number: int) -> str:
    """From a to z, then aa."""
    more, last = divmod(number, 26)
    return (_letters(more - 1) if more else "") + chr(ord("a") + last)
