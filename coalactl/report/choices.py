"""Tables of values: what was selected beside the paper's, what differs from its configuration, and its open points."""

from __future__ import annotations

import re
from collections import ChainMap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from coalactl.agents import NO_CRITIC, Agents, agents_with
from coalactl.errors import UserError
from coalactl.presets import read_text, shipped_presets
from coalactl.report.configurations import in_words, own_keys, run_keys, shared_key
from coalactl.report.exhibits import Printed, Results, Values
from coalactl.report.labels import legend
from coalactl.report.measures import groups_of
from coalactl.report.reading import SweepFound
from coalactl.report.roles import Role, roles_of
from coalactl.report.settings import Group, Setting, shipped_run
from coalactl.report.tables import Table

_NOT_PRINTED, _NONE = "not in the paper", "–"
_LINE = re.compile(r"""^(?P<key>[a-z_]+)\s*=.*?#\s*(?P<words>(?:our choice|OPEN|our addition)\b.*)$""")


def choice_tables(
    settings: Sequence[Setting], sweeps: Sequence[SweepFound], papers: Sequence[Results]
) -> Iterator[Table]:
    """The tables that there is something to say in."""
    tables = (
        *_hyperparameters(settings, papers),
        _selected(sweeps, papers),
        _differences(settings, papers),
        _open_points(settings, papers),
    )
    yield from (table for table in tables if table.rows)


class _Value(NamedTuple):
    """What a method has in a setting, beside the paper's."""

    setting: Setting
    group: Group
    key: str
    here: str
    paper: str


def _beside_the_papers(name: str, title: str, values: Sequence[_Value], note: str) -> Table:
    """A row a value in CSV; shown together where several methods have the same."""
    shown: dict[tuple[str, ...], list[str]] = {}
    sizes = {value.setting.short: len(value.setting.groups) for value in values}
    order = {value.key: index for index, value in reversed(list(enumerate(values)))}
    for value in sorted(values, key=lambda value: (value.setting.name, order[value.key])):
        shown.setdefault((value.setting.short, value.key, value.here, value.paper), []).append(value.group.short)
    printed = any(value.paper != _NONE for value in values)
    columns = ("setting", "key", "here", *(["paper"] if printed else []), "methods")
    cells = (
        (*row[: len(columns) - 1], "all" if 1 < sizes[row[0]] == len(methods) else "; ".join(methods))
        for row, methods in shown.items()
    )
    return Table(
        name=name,
        title=title if printed else title.partition(" beside ")[0],
        columns=("setting", "method", "key", "here", "paper"),
        rows=tuple((one.setting.name, one.group.label, one.key, one.here, one.paper) for one in values),
        shown_columns=columns,
        shown=tuple(cells),
        words=len(columns),
        keys=3,
        note=note if printed else "",
        legend=legend(list({value.setting.name: value.setting for value in values}.values())),
    )


def _hyperparameters(settings: Sequence[Setting], papers: Sequence[Results]) -> Iterator[Table]:
    """What papers print, beside what it is about; games that no paper has stand in the first table beside nothing."""
    covered = [table for paper in papers for table in paper.printed.tables]
    sampled = [setting for setting in settings if not setting.is_analytical]
    for paper in papers:
        for table in paper.printed.tables:
            values: list[_Value] = []
            for setting, group in groups_of(sampled):
                if table.covers(setting):
                    values += _values(setting, group, _printed(table.values(setting, group), paper.printed))
                elif table is covered[0] and not any(other.covers(setting) for other in covered):
                    keys = {**paper.printed.of_preset("", group.method), **paper.printed.ours}
                    values += _values(setting, group, dict.fromkeys(keys, _NONE))
            yield _beside_the_papers(table.name, table.title, values, table.note)


def _printed(values: Values, printed: Printed) -> Values:
    """With our settings beside those that a paper prints; nothing where it prints nothing."""
    return {**values, **dict.fromkeys(printed.ours, _NOT_PRINTED)} if values else {}


def _values(setting: Setting, group: Group, printed: Values) -> Iterator[_Value]:
    used = _used(own_keys(group.runs[0].config, group.agents), group.agents)
    for key, value in printed.items():
        yield _Value(setting, group, key, in_words(used[key]) if key in used else "–", in_words(value))


def _selected(sweeps: Sequence[SweepFound], papers: Sequence[Results]) -> Table:
    rows = []
    for sweep in sweeps:
        for method, chosen in sorted(sweep.selection.items()):
            preset = str(sweep.tables.get("preset", ""))
            paper = dict(ChainMap(*(dict(one.printed.of_preset(preset, method)) for one in papers)))
            for key, value in chosen.get("values", {}).items():
                if key != "meta.method":
                    beside = in_words(paper[key]) if key in paper else "–"
                    rows.append((sweep.name, method, key, in_words(value), beside, chosen.get("trial", "")))
    columns = ("sweep", "method", "key", "selected", "paper", "trial")
    selections = [one.printed.selection for one in papers if one.printed.selection]
    title = ", beside ".join(["What sweeps selected", *selections])
    return Table("selected", title, columns, tuple(rows), columns, tuple(rows), words=6, keys=3)


def _differences(settings: Sequence[Setting], papers: Sequence[Results]) -> Table:
    differing: list[_Value] = []
    for setting, role, printed in _experiments(settings, papers):
        for group in setting.groups.values():
            values = _used(run_keys(setting.config, group.agents), group.agents)
            paper = {**printed.ours, **_paper_keys(role.presets[0], group.method)}
            differing += [
                _Value(setting, group, key, in_words(values[key]), in_words(paper[shared_key(key)]))
                for key in values
                if shared_key(key) in paper and values[key] != paper[shared_key(key)] and key != "meta.method"
            ]
    return _beside_the_papers(
        "differences",
        "What differs from the paper's configuration",
        differing,
        "Beside the preset of the paper's size, or for analytical settings the shipped one. Settings and methods that "
        "are not listed differ in nothing.",
    )


def _experiments(settings: Sequence[Setting], papers: Sequence[Results]) -> Iterator[tuple[Setting, Role, Printed]]:
    """Which experiment each setting is, of the first paper that has one whose preset it is, or that it fits."""
    owners = {id(role): paper.printed for paper in papers for role in paper.roles}
    for setting in settings:
        for role in roles_of(setting, [role for paper in papers for role in paper.roles])[:1]:
            yield setting, role, owners[id(role)]


def _paper_keys(preset: str, method: str) -> dict[str, Any]:
    """The values of a method's agents in a shipped preset's run; none where there is no such preset."""
    config = shipped_run(preset, method)
    if not config:
        return {}
    return run_keys(config, agents_with(config, method))


def _used(values: Mapping[str, Any], agents: Agents) -> dict[str, Any]:
    """Without what is read with a critic of the batch alone, of agents that have none."""
    return {key: value for key, value in values.items() if agents.critic != NO_CRITIC or key != "meta.episode_lambda"}


def _open_points(settings: Sequence[Setting], papers: Sequence[Results]) -> Table:
    """By key and value the settings that have taken it, with some of their methods or all."""
    taken: dict[tuple[str, str, str], list[tuple[Setting, list[Group]]]] = {}
    for setting, role, printed in _experiments(settings, papers):
        points = {**printed.why, **open_points(role.presets[0])}
        for row, groups in _taken(setting, points).items():
            taken.setdefault(row, []).append((setting, groups))
    columns = ("key", "value", "why", "settings")
    return Table(
        name="open-choices",
        title="Points that the paper leaves open, and what was taken",
        columns=columns,
        rows=tuple(
            (*row, "; ".join(_where(*one, short=False) for one in takers)) for row, takers in sorted(taken.items())
        ),
        shown_columns=columns,
        shown=tuple(
            (*row, "; ".join(_where(*one, short=True) for one in takers)) for row, takers in sorted(taken.items())
        ),
        words=4,
        keys=3,
        note="From the comments of the presets; docs/algorithm.md has those that are no setting.",
        legend=legend(list({one.name: one for takers in taken.values() for one, _ in takers}.values())),
    )


def _where(setting: Setting, groups: Sequence[Group], *, short: bool) -> str:
    """The setting, and those of its methods that are meant, where not all are."""
    methods = "; ".join(group.short if short else group.label for group in groups)
    name = setting.short if short else setting.name
    return name if len(groups) == len(setting.groups) else f"{name} ({methods})"


def _taken(setting: Setting, points: Mapping[str, str]) -> dict[tuple[str, str, str], list[Group]]:
    """The methods of a setting by the value that they have taken: (key, value, why)."""
    taken: dict[tuple[str, str, str], list[Group]] = {}
    for group in setting.groups.values():
        values = _used(run_keys(setting.config, group.agents), group.agents)
        for key in filter(values.__contains__, points):
            taken.setdefault((key, in_words(values[key]), points[key]), []).append(group)
    return taken


def open_points(preset: str) -> dict[str, str]:
    """The settings of a shipped preset whose comment says that the paper leaves them open, with that comment."""
    points: dict[str, str] = {}
    for shipped in shipped_presets():
        if shipped.name == preset:
            try:
                lines = read_text(shipped).splitlines()
            except UserError:
                return {}
            section = ""
            for line in lines:
                if line.startswith("["):
                    section = line.strip("[] ")
                elif match := _LINE.match(line):
                    points[f"{section}.{match['key']}"] = match["words"].strip()
    return points
