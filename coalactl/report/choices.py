"""Tables of values: what was selected beside the paper's, what differs from its configuration, and its open points."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from coalactl.agents import NO_CRITIC, Agents, agents_with
from coalactl.errors import UserError
from coalactl.presets import read_text, shipped_presets
from coalactl.report.configurations import in_words, own_keys, run_keys
from coalactl.report.measures import groups_of
from coalactl.report.reading import SweepFound
from coalactl.report.roles import ROLES, roles_of
from coalactl.report.settings import Setting, shipped_run
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


def _plain(name: str, title: str, columns: tuple[str, ...], rows: Sequence[tuple[str, ...]], note: str = "") -> Table:
    return Table(name, title, columns, tuple(rows), columns, tuple(rows), words=len(columns), note=note)


def _hyperparameters(settings: Sequence[Setting]) -> Table:
    others = [setting for setting in settings if not setting.is_analytical and setting.game != "cleanup-lite"]
    groups = groups_of(others)
    used = {
        f"{setting.name}: {group.label}": _used(own_keys(setting.config, group.agents), group.agents)
        for setting, group in groups
    }
    rows = []
    for key, printed in {**TABLE_4, **dict.fromkeys(OURS, _NOT_PRINTED)}.items():
        cells = [in_words(values[key]) if key in values else "–" for values in used.values()]
        rows.append((key, in_words(printed), *cells))
    return _plain(
        "hyperparameters",
        "Hyperparameters of the meta agents beside the paper's (Table 4)",
        ("key", "paper", *used),
        rows if used else [],
        "Table 4 gives one set for all methods.",
    )


def _hyperparameters_of_cleanup(settings: Sequence[Setting]) -> Table:
    rows = []
    for setting in settings:
        for role in [role for role in roles_of(setting)[:1] if role in TABLE_7]:
            for label, group in setting.groups.items():
                used = _used(own_keys(group.runs[0].config, group.agents), group.agents)
                printed = {**TABLE_4, **TABLE_7[role][""], **TABLE_7[role].get(group.method, {})}
                printed |= dict.fromkeys(OURS, _NOT_PRINTED)
                rows += [
                    (setting.name, label, key, in_words(used[key]) if key in used else "–", in_words(printed[key]))
                    for key in (*TABLE_4, *OURS)
                ]
    return _plain(
        "cleanup-hyperparameters",
        "Hyperparameters of the meta agents in CleanUp-lite beside the paper's (Table 7)",
        ("setting", "method", "key", "here", "paper"),
        _merged(rows),
        "A dash where Table 7 has none.",
    )


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
    return _plain(
        "selected",
        "What sweeps selected, beside the paper's selection (Tables 4 and 7)",
        ("sweep", "method", "key", "selected", "paper", "trial"),
        rows,
    )


def _printed(sweep: SweepFound, method: str, key: str) -> str:
    """The paper's value, by the preset that was swept."""
    role = next((name for name in TABLE_7 if str(sweep.tables.get("preset", "")).startswith(name)), "")
    own = TABLE_7.get(role, {})
    printed = {**TABLE_4, **own.get("", {}), **own.get(method, {})}
    return in_words(printed[key]) if key in printed else "–"


def _differences(settings: Sequence[Setting]) -> Table:
    rows = []
    for setting in settings:
        for role in roles_of(setting)[:1]:
            for label, group in setting.groups.items():
                values = _used(run_keys(setting.config, group.agents), group.agents)
                paper = {**OURS, **_paper_keys(ROLES[role].presets[0], group.method)}
                rows += [
                    (setting.name, label, key, in_words(values[key]), in_words(paper[key]))
                    for key in values
                    if key in paper and values[key] != paper[key] and key != "meta.method"
                ]
    return _plain(
        "differences",
        "What differs from the paper's configuration",
        ("setting", "method", "key", "here", "paper"),
        _merged(rows),
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


def _merged(rows: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """One row where several methods differ in the same way."""
    merged: dict[tuple[str, ...], list[str]] = {}
    for setting, method, *rest in rows:
        merged.setdefault((setting, *rest), []).append(method)
    return [(setting, "; ".join(methods), *rest) for (setting, *rest), methods in merged.items()]


def _open_points(settings: Sequence[Setting]) -> Table:
    rows: dict[tuple[str, ...], list[str]] = {}
    for setting in settings:
        for role in roles_of(setting)[:1]:
            points = {**_WHY, **open_points(ROLES[role].presets[0])}
            for row, methods in _taken(setting, points).items():
                told = "" if len(methods) == len(setting.groups) else f" ({'; '.join(methods)})"
                rows.setdefault(row, []).append(f"{setting.name}{told}")
    return _plain(
        "open-choices",
        "Points that the paper leaves open, and what was taken",
        ("key", "value", "why", "settings"),
        [(*row, "; ".join(names)) for row, names in sorted(rows.items())],
        "From the comments of the presets; docs/algorithm.md has those that are no setting.",
    )


def _taken(setting: Setting, points: Mapping[str, str]) -> dict[tuple[str, ...], list[str]]:
    """The methods of a setting by the value that they have taken: (key, value, why)."""
    found: dict[tuple[str, ...], list[str]] = {}
    for label, group in setting.groups.items():
        values = _used(run_keys(setting.config, group.agents), group.agents)
        for key in filter(values.__contains__, points):
            found.setdefault((key, in_words(values[key]), points[key]), []).append(label)
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
