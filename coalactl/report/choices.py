"""Tables of values: what was selected beside the paper's, what differs from its configuration, and its open points."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from coalactl.agents import NO_CRITIC, Agents, agents_with
from coalactl.errors import UserError
from coalactl.presets import read_text, shipped_presets
from coalactl.report.configurations import in_words, own_keys, run_keys
from coalactl.report.labels import legend
from coalactl.report.measures import groups_of
from coalactl.report.reading import SweepFound
from coalactl.report.roles import ROLES, roles_of
from coalactl.report.settings import CLEANUP_LITE, MATRIX_GAME, Group, Setting, shipped_run
from coalactl.report.tables import Table

# Table 4: one set for each method, both settings of the iterated prisoner's dilemma.
TABLE_4: Mapping[str, Any] = {
    "meta.algorithm": "ppo",
    "meta.minibatches": 2,
    "meta.epochs": 4,
    "meta.clip": 0.2,
    "meta.value_coefficient": 0.5,
    "meta.entropy": 0.0,
    "meta.normalize_advantages": False,
    "meta.reward_scale": 0.05,
    "meta.discount": 1.0,
    "meta.td_lambda": 1.0,
    "meta.gae_lambda": 1.0,
    "meta.optimizer": "adam",
    "meta.adam_epsilon": 1e-5,
    "meta.learning_rate": 3e-4,
    "meta.max_grad_norm": 1.0,
}
# Table 7, both settings of CleanUp-lite: what differs from Table 4; by role, then by method, which goes before.
TABLE_7: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "cleanup-shaping": {
        "": {"meta.normalize_advantages": True},
        "coala-pg": {"meta.reward_scale": 0.1, "meta.learning_rate": 1e-3},
        "m-fos": {"meta.reward_scale": 1.0, "meta.learning_rate": 3e-3},
        "batch-unaware": {"meta.reward_scale": 1.0, "meta.learning_rate": 1e-3},
        "lola-dice": {
            **dict.fromkeys(("meta.clip", "meta.value_coefficient", "meta.adam_epsilon"), "–"),
            "meta.reward_scale": 1.0,
            "meta.optimizer": "sgd",
            "meta.learning_rate": 0.1,
            "meta.max_grad_norm": math.inf,
        },
    },
    "cleanup-mixed": {
        "": {
            "meta.algorithm": "a2c",
            **dict.fromkeys(("meta.minibatches", "meta.epochs", "meta.clip", "meta.value_coefficient"), "–"),
            "meta.normalize_advantages": True,
            "meta.reward_scale": 0.1,
            "meta.optimizer": "sgd",
            "meta.adam_epsilon": "–",
        },
        "coala-pg": {"meta.learning_rate": 0.1},
        "m-fos": {"meta.learning_rate": 0.03},
        "batch-unaware": {"meta.learning_rate": 0.03},
        "lola-dice": {"meta.learning_rate": 0.03},
    },
}
# Settings of ours that the paper does not have: what comes to the paper's algorithm, and why there is another.
OURS: Mapping[str, Any] = {"meta.batch_critic": NO_CRITIC, "meta.episode_lambda": 1.0}
_WHY = {
    "meta.batch_critic": "our addition: a critic of all that the batch holds, for less noise in the future part",
    "meta.episode_lambda": "our addition: below 1 the critic of the batch stands for what was earned; 1 is unbiased",
}
_NOT_PRINTED = "not in the paper"
_LINE = re.compile(r"""^(?P<key>[a-z_]+)\s*=.*?#\s*(?P<words>(?:our choice|OPEN|our addition)\b.*)$""")


def choice_tables(settings: Sequence[Setting], sweeps: Sequence[SweepFound]) -> Iterator[Table]:
    """The tables that there is something to say in."""
    tables = (
        _hyperparameters(settings),
        _hyperparameters_of_cleanup(settings),
        _selected(sweeps),
        _differences(settings),
        _open_points(settings),
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
    places = {value.key: place for place, value in reversed(list(enumerate(values)))}
    for value in sorted(values, key=lambda value: (value.setting.name, places[value.key])):
        shown.setdefault((value.setting.short, value.key, value.here, value.paper), []).append(value.group.short)
    return Table(
        name=name,
        title=title,
        columns=("setting", "method", "key", "here", "paper"),
        rows=tuple((one.setting.name, one.group.label, one.key, one.here, one.paper) for one in values),
        shown_columns=("setting", "key", "here", "paper", "methods"),
        shown=tuple(
            (*row, "all" if len(methods) == sizes[row[0]] else "; ".join(methods)) for row, methods in shown.items()
        ),
        words=5,
        keys=3,
        note=note,
        legend=legend(list({value.setting.name: value.setting for value in values}.values())),
    )


def _hyperparameters(settings: Sequence[Setting]) -> Table:
    """Of all games but CleanUp-lite; games that the paper does not have stand beside nothing."""
    printed = {**TABLE_4, **dict.fromkeys(OURS, _NOT_PRINTED)}
    others = [setting for setting in settings if not setting.is_analytical and setting.game != CLEANUP_LITE]
    values = [
        value
        for setting, group in groups_of(others)
        for value in _values(setting, group, printed if setting.game == MATRIX_GAME else dict.fromkeys(printed, "–"))
    ]
    return _beside_the_papers(
        "hyperparameters",
        "Hyperparameters of the meta agents beside the paper's (Table 4)",
        values,
        "Table 4 gives one set for all methods. A dash where the paper does not have the game.",
    )


def _hyperparameters_of_cleanup(settings: Sequence[Setting]) -> Table:
    values: list[_Value] = []
    for setting in settings:
        for role in [role for role in roles_of(setting)[:1] if role in TABLE_7]:
            for group in setting.groups.values():
                printed = {**TABLE_4, **TABLE_7[role][""], **TABLE_7[role].get(group.method, {})}
                values += _values(setting, group, {**printed, **dict.fromkeys(OURS, _NOT_PRINTED)})
    return _beside_the_papers(
        "cleanup-hyperparameters",
        "Hyperparameters of the meta agents in CleanUp-lite beside the paper's (Table 7)",
        values,
        "A dash where Table 7 has none.",
    )


def _values(setting: Setting, group: Group, printed: Mapping[str, Any]) -> Iterator[_Value]:
    used = _used(own_keys(group.runs[0].config, group.agents), group.agents)
    for key, value in printed.items():
        yield _Value(setting, group, key, in_words(used[key]) if key in used else "–", in_words(value))


def _selected(sweeps: Sequence[SweepFound]) -> Table:
    rows = []
    for sweep in sweeps:
        for method, chosen in sorted(sweep.selection.items()):
            for key, value in chosen.get("values", {}).items():
                if key != "meta.method":
                    rows.append(
                        (
                            sweep.name,
                            method,
                            key,
                            in_words(value),
                            _printed(sweep, method, key),
                            chosen.get("trial", ""),
                        )
                    )
    columns = ("sweep", "method", "key", "selected", "paper", "trial")
    title = "What sweeps selected, beside the paper's selection (Tables 4 and 7)"
    return Table("selected", title, columns, tuple(rows), columns, tuple(rows), words=6, keys=3)


def _printed(sweep: SweepFound, method: str, key: str) -> str:
    """The paper's value, by the preset that was swept."""
    role = next((name for name in TABLE_7 if str(sweep.tables.get("preset", "")).startswith(name)), "")
    own = TABLE_7.get(role, {})
    printed = {**TABLE_4, **own.get("", {}), **own.get(method, {})}
    return in_words(printed[key]) if key in printed else "–"


def _differences(settings: Sequence[Setting]) -> Table:
    found: list[_Value] = []
    for setting in settings:
        for role in roles_of(setting)[:1]:
            for group in setting.groups.values():
                values = _used(run_keys(setting.config, group.agents), group.agents)
                paper = {**OURS, **_paper_keys(ROLES[role].presets[0], group.method)}
                found += [
                    _Value(setting, group, key, in_words(values[key]), in_words(paper[key]))
                    for key in values
                    if key in paper and values[key] != paper[key] and key != "meta.method"
                ]
    return _beside_the_papers(
        "differences",
        "What differs from the paper's configuration",
        found,
        "Beside the preset of the paper's size, or for analytical settings the shipped one. Settings and methods that "
        "are not listed differ in nothing.",
    )


def _paper_keys(preset: str, method: str) -> dict[str, Any]:
    """The values of a method's agents in a shipped preset's run; none where there is no such preset."""
    config = shipped_run(preset, method)
    if not config:
        return {}
    return run_keys(config, agents_with(config, method))


def _used(values: Mapping[str, Any], agents: Agents) -> dict[str, Any]:
    """Without what is read with a critic of the batch alone, of agents that have none."""
    return {key: value for key, value in values.items() if agents.critic != NO_CRITIC or key != "meta.episode_lambda"}


def _open_points(settings: Sequence[Setting]) -> Table:
    """By key and value the settings that have taken it, with some of their methods or all."""
    taken: dict[tuple[str, str, str], list[tuple[Setting, list[Group]]]] = {}
    for setting in settings:
        for role in roles_of(setting)[:1]:
            points = {**_WHY, **open_points(ROLES[role].presets[0])}
            for row, groups in _taken(setting, points).items():
                taken.setdefault(row, []).append((setting, groups))
    columns = ("key", "value", "why", "settings")
    return Table(
        name="open-choices",
        title="Points that the paper leaves open, and what was taken",
        columns=columns,
        rows=tuple(
            (*row, "; ".join(_where(*one, short=False) for one in found)) for row, found in sorted(taken.items())
        ),
        shown_columns=columns,
        shown=tuple(
            (*row, "; ".join(_where(*one, short=True) for one in found)) for row, found in sorted(taken.items())
        ),
        words=4,
        keys=3,
        note="From the comments of the presets; docs/algorithm.md has those that are no setting.",
        legend=legend(list({one.name: one for found in taken.values() for one, _ in found}.values())),
    )


def _where(setting: Setting, groups: Sequence[Group], *, short: bool) -> str:
    """The setting, and those of its methods that are meant, where not all are."""
    told = "; ".join(group.short if short else group.label for group in groups)
    name = setting.short if short else setting.name
    return name if len(groups) == len(setting.groups) else f"{name} ({told})"


def _taken(setting: Setting, points: Mapping[str, str]) -> dict[tuple[str, str, str], list[Group]]:
    """The methods of a setting by the value that they have taken: (key, value, why)."""
    found: dict[tuple[str, str, str], list[Group]] = {}
    for group in setting.groups.values():
        values = _used(run_keys(setting.config, group.agents), group.agents)
        for key in filter(values.__contains__, points):
            found.setdefault((key, in_words(values[key]), points[key]), []).append(group)
    return found


def open_points(preset: str) -> dict[str, str]:
    """The settings of a shipped preset whose comment says that the paper leaves them open, with that comment."""
    found: dict[str, str] = {}
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
                    found[f"{section}.{match['key']}"] = match["words"].strip()
    return found
