"""Tables of values: what was selected beside the paper's, what differs from its configuration, and its open points."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from coalactl.agents import agents_of
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
_LINE = re.compile(r"""^(?P<key>[a-z_]+)\s*=.*?#\s*(?P<words>(?:our choice|OPEN|our addition)\b.*)$""")


def choice_tables(settings: Sequence[Setting], sweeps: Sequence[SweepFound]) -> Iterator[Table]:
    """The tables that there is something to say in."""
    tables = (_hyperparameters(settings), _selected(sweeps), _differences(settings), _open_points(settings))
    yield from (table for table in tables if table.rows)


def _plain(name: str, title: str, columns: tuple[str, ...], rows: Sequence[tuple[str, ...]], note: str = "") -> Table:
    return Table(name, title, columns, tuple(rows), columns, tuple(rows), words=len(columns), note=note)


def _hyperparameters(settings: Sequence[Setting]) -> Table:
    groups = [(setting, group) for setting, group in groups_of(settings) if not setting.is_analytical]
    used = {f"{setting.name}: {group.label}": own_keys(setting.config, group.agents) for setting, group in groups}
    rows = []
    for key, printed in TABLE_4.items():
        cells = [in_words(values[key]) if key in values else "–" for values in used.values()]
        rows.append((key, in_words(printed), *cells))
    return _plain(
        "hyperparameters",
        "Hyperparameters of the meta agents beside the paper's (Table 4)",
        ("key", "paper", *used),
        rows if used else [],
        "Table 4 gives one set for all methods.",
    )


def _selected(sweeps: Sequence[SweepFound]) -> Table:
    rows = []
    for sweep in sweeps:
        for method, chosen in sorted(sweep.selection.items()):
            for key, value in chosen.get("values", {}).items():
                if key != "meta.method":
                    printed = in_words(TABLE_4[key]) if key in TABLE_4 else "–"
                    rows.append((sweep.name, method, key, in_words(value), printed, str(chosen.get("trial", ""))))
    return _plain(
        "selected",
        "What sweeps selected, beside the paper's selection (Table 4)",
        ("sweep", "method", "key", "selected", "paper", "trial"),
        rows,
    )


def _differences(settings: Sequence[Setting]) -> Table:
    rows = []
    for setting in settings:
        for role in roles_of(setting)[:1]:
            for label, group in setting.groups.items():
                values = run_keys(setting.config, group.agents)
                paper = _paper_keys(ROLES[role].presets[0], group.method)
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
    """The values of the first agent of a shipped preset's run with a method; none where there is no such preset."""
    config = shipped_run(preset, method)
    return run_keys(config, agents_of(config)[0]) if config else {}


def _merged(rows: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """One row where several methods differ in the same way."""
    merged: dict[tuple[str, ...], list[str]] = {}
    for setting, method, *rest in rows:
        merged.setdefault((setting, *rest), []).append(method)
    return [(setting, ", ".join(methods), *rest) for (setting, *rest), methods in merged.items()]


def _open_points(settings: Sequence[Setting]) -> Table:
    rows: dict[tuple[str, ...], list[str]] = {}
    for setting in settings:
        for role in roles_of(setting)[:1]:
            values = run_keys(setting.config, next(iter(setting.groups.values())).agents)
            for key, words in open_points(ROLES[role].presets[0]).items():
                if key in values:
                    rows.setdefault((key, in_words(values[key]), words), []).append(setting.name)
    return _plain(
        "open-choices",
        "Points that the paper leaves open, and what was taken",
        ("key", "value", "why", "settings"),
        [(*row, ", ".join(names)) for row, names in sorted(rows.items())],
        "From the comments of the presets; docs/algorithm.md has those that are no setting.",
    )


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
