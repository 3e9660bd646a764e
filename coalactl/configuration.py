"""From a preset and the command line to one validated experiment, in which every value knows where it came from.

Later layers win: defaults, preset, the preset's tables for the method (``[for.m-fos.meta]``), the command line. Every
mistake is one line: the key, what was given, what is allowed, the nearest valid name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from functools import cache
from typing import Any, NamedTuple, get_args

from pydantic import BaseModel, ValidationError

from coalactl.complaints import one_line
from coalactl.errors import UserError
from coalactl.overrides import shortened
from coalactl.suggestions import nearest_keys
from coalactl.tables import flatten, nested
from coalactl_core.config import MetaConfig
from coalactl_core.config_environments import ENVIRONMENTS, environment_tag
from coalactl_core.experiments import EXPERIMENT, KINDS, Experiment, kind_of

# What may change when a run is resumed: how long, what is kept, and devices, of which a machine may have fewer or more.
# Of these keys only the last changes a number, by the order of summation.
CHANGEABLE = ("run.iterations", "run.log_every", "run.checkpoint_every", "run.keep", "compute.devices")
FOR_METHODS = "for"


class Resolved(NamedTuple):
    """An experiment and the source of every value, by dotted key."""

    experiment: Experiment
    sources: dict[str, str]

    @property
    def values(self) -> dict[str, Any]:
        """Every value by dotted key, as configuration files write them."""
        return flatten(plain(self.experiment))


def resolve(tables: Mapping[str, Any], label: str, overrides: Mapping[str, tuple[Any, str]]) -> Resolved:
    """Layers the tables of a preset, its tables for the method, and overrides (key to value and source)."""
    kind = _kind(tables, label)
    asked, source = overrides.get("kind", (kind, ""))
    if asked != kind:
        raise UserError(f"{source}: kind: {shortened(repr(asked))} given; {label} is of kind {kind!r}, take another")
    own = {section: value for section, value in tables.items() if section != FOR_METHODS}
    values = {key: (value, label) for key, value in _checked(own, kind, label).items()}
    methods = _methods(kind, values, overrides)
    by_method = _tables_for(tables, kind, methods, label)
    for key, value in by_method.items():
        values[key] = (value, f"{label} for {methods[0]}")
    _check_keys(overrides, kind, values, overrides)
    values = {**_of_game(values, overrides), **overrides}
    _apply_method(values)
    _give_groups_their_settings(values, tables, label, set(overrides))
    experiment = validate(nested({key: value for key, (value, _) in values.items()}))
    sources = {key: values[key][1] if key in values else "default" for key in flatten(plain(experiment))}
    return Resolved(experiment, sources)


def with_choices(resolved: Resolved, chosen: Experiment) -> Resolved:
    """The same with what the engine has chosen where the configuration left it open ("auto")."""
    values = flatten(plain(chosen))
    open_ = [key for key, value in resolved.values.items() if values[key] != value]
    return Resolved(chosen, {**resolved.sources, **dict.fromkeys(open_, "chosen for this device")})


def validate(tree: Mapping[str, Any], file: str = "") -> Experiment:
    """The experiment of a tree of tables; :class:`UserError` with one line when it is not valid."""
    kind = _kind(tree, file)
    try:
        return KINDS[kind].model_validate(tree)
    except ValidationError as error:
        where = f"{file}: " if file else ""
        raise UserError(where + one_line(error, tree, _schema_of(kind))) from error


def plain(experiment: Experiment) -> dict[str, Any]:
    """The experiment as tables of plain values, as a configuration file holds them."""
    tree: dict[str, Any] = _without_none(experiment.model_dump())
    return tree


def schema() -> dict[str, Any]:
    """JSON schema of the experiment tree, of either kind."""
    return EXPERIMENT.json_schema()


def differences(old: Experiment, new: Experiment) -> list[str]:
    """Lines ``key: old -> new`` for the values that differ and may not change when a run is resumed.

    "auto" leaves what the run has.
    """
    before, after = flatten(plain(old)), flatten(plain(new))
    after = {key: before.get(key) if value == "auto" else value for key, value in after.items()}
    changed = [key for key in {**before, **after} if before.get(key) != after.get(key) and key not in CHANGEABLE]
    return [f"{key}: {before.get(key, 'none')} in the run, {after.get(key, 'none')} given" for key in changed]


def method_name(experiment: Experiment) -> str:
    """The method of the meta agents; several are joined by ``+``."""
    return "+".join(dict.fromkeys(experiment.methods))


def unknown_key(given: str, known: Iterable[str]) -> str:
    """``meta.learningrate: there is no such key; did you mean 'meta.learning_rate'?``."""
    names = list(known)
    inside = [name for name in names if name.startswith(f"{given}.")]
    if inside:
        return f"{given}: it is a table; set one of its keys, for instance {inside[0]}"
    given = shortened(given)
    close = nearest_keys(given, names)
    hint = f"did you mean {' or '.join(repr(name) for name in close)}?" if close else f"use {_sections(names)}"
    return f"{given}: there is no such key; {hint}"


# --- layers ---------------------------------------------------------------------------------------------------------


def _kind(tree: Mapping[str, Any], label: str) -> str:
    """The kind of experiment; :class:`UserError` when there is none of that name."""
    kind = kind_of(tree)
    if kind not in KINDS:
        where = f"{label}: " if label else ""
        raise UserError(f"{where}kind: {shortened(repr(kind))} given; use {' or '.join(map(repr, KINDS))}")
    return str(kind)


def _checked(tables: Mapping[str, Any], kind: str, label: str) -> dict[str, Any]:
    """The flat values of a file whose sections and keys are all known."""
    for section, table in tables.items():
        is_section = section in _section_keys(kind)
        if section not in KINDS[kind].model_fields:
            raise UserError(f"{label}: {unknown_key(section, KINDS[kind].model_fields)}")
        if is_section and not isinstance(table, Mapping):
            raise UserError(f"{label}: {section}: {table!r} given; it is a table, [{section}]")
    flat = flatten(tables)
    _check_keys(flat, kind, {key: (value, label) for key, value in flat.items()}, {}, where=f"{label}: ")
    return flat


def _check_keys(
    keys: Iterable[str],
    kind: str,
    below: Mapping[str, tuple[Any, str]],
    above: Mapping[str, tuple[Any, str]],
    where: str = "",
) -> None:
    """Refuses unknown keys; an environment of another package has keys of its own."""
    named = {**below, **above}.get("environment.name")
    environment = environment_tag({} if named is None else {"name": named[0]})
    known = known_keys(kind, environment)
    for key in keys:
        own_key = kind == "sequence" and key.startswith("environment.") and environment not in ENVIRONMENTS
        if key not in known and not own_key:
            raise UserError(where + unknown_key(key, known))


def _of_game(
    values: Mapping[str, tuple[Any, str]], overrides: Mapping[str, tuple[Any, str]]
) -> dict[str, tuple[Any, str]]:
    """The values without the keys of the preset's game, where the command line names another."""
    named = values.get("environment.name", (next(iter(ENVIRONMENTS)), ""))[0]
    if overrides.get("environment.name", (named, ""))[0] == named:
        return dict(values)
    return {key: value for key, value in values.items() if not key.startswith("environment.")}


def _methods(kind: str, values: Mapping[str, tuple[Any, str]], overrides: Mapping[str, tuple[Any, str]]) -> list[str]:
    """The methods of the meta agents, before validation."""
    layered = {**values, **overrides}
    groups = layered.get("population.meta", (1, ""))[0]
    if isinstance(groups, list):
        named = [group.get("method") for group in groups if isinstance(group, Mapping)]
        return list(dict.fromkeys(str(method) for method in named)) or [""]
    default = KINDS[kind]().meta.method
    return [str(layered.get("meta.method", (default, ""))[0])]


def _tables_for(tables: Mapping[str, Any], kind: str, methods: Sequence[str], label: str) -> dict[str, Any]:
    """The values that the preset has for the method; where methods are mixed, ``meta`` goes to the groups instead."""
    for_methods = tables.get(FOR_METHODS, {})
    if not isinstance(for_methods, Mapping) or not all(isinstance(table, Mapping) for table in for_methods.values()):
        raise UserError(f"{label}: for: it holds tables by method, for instance [for.m-fos.meta]")
    allowed = _allowed_methods(kind)
    for method, sections in for_methods.items():
        if method not in allowed:
            raise UserError(f"{label}: for.{method}: there is no such method; use {', '.join(allowed)}")
        _checked(sections, kind, f"{label}: for.{method}")
    if len(methods) == 1:
        return flatten(for_methods.get(methods[0], {}))
    for method in methods:
        others = [section for section in for_methods.get(method, {}) if section != "meta"]
        if others:
            raise UserError(
                f"{label}: for.{method}.{others[0]}: the pool mixes methods; only [meta] may differ by method"
            )
    return {}


def _apply_method(values: Mapping[str, tuple[Any, str]]) -> None:
    """``--method`` is for all agents; a list of groups names its own methods."""
    source = values.get("meta.method", ("", ""))[1]
    if source.startswith("--") and isinstance(values.get("population.meta", (1, ""))[0], list):
        raise UserError(
            f"{source}: population.meta lists groups with methods of their own; "
            "give a number of agents (--set population.meta=2) or other groups"
        )


def _give_groups_their_settings(
    values: dict[str, tuple[Any, str]], tables: Mapping[str, Any], label: str, overridden: set[str]
) -> None:
    """Puts ``[for.METHOD.meta]`` into the settings of the groups of that method; the command line stays above it."""
    groups, source = values.get("population.meta", (1, ""))
    if not isinstance(groups, list) or not all(isinstance(group, Mapping) for group in groups):
        return
    groups = deepcopy(groups)
    for index, group in enumerate(groups):
        given = group.get("settings", {})
        if not isinstance(given, Mapping):
            raise UserError(f"{label}: population.meta.{index}.settings: {given!r} given; it is a table")
        for key in given:
            if key not in MetaConfig.model_fields:
                raise UserError(f"population.meta.{index}.settings." + unknown_key(key, MetaConfig.model_fields))
        _validate_settings(given, f"population.meta.{index}.settings")
        by_method = tables.get(FOR_METHODS, {}).get(group.get("method"), {}).get("meta", {})
        kept = {key: value for key, value in by_method.items() if f"meta.{key}" not in overridden}
        if kept or given:
            group["settings"] = {**kept, **given}
    values["population.meta"] = (groups, source)


def _validate_settings(settings: Mapping[str, Any], prefix: str) -> None:
    try:
        MetaConfig.model_validate(settings)
    except ValidationError as error:
        raise UserError(one_line(error, settings, MetaConfig.model_json_schema(), prefix)) from error


# --- the tree -------------------------------------------------------------------------------------------------------


@cache
def known_keys(kind: str, environment: str = "matrix-game") -> tuple[str, ...]:
    """Every dotted key of the tree of a kind of experiment, with the keys of an environment of this project."""
    sections = _section_keys(kind, environment)
    keys = [name for name in KINDS[kind].model_fields if name not in sections]
    return (*keys, *(f"{section}.{key}" for section, names in sections.items() for key in names))


@cache
def _section_keys(kind: str, environment: str = "matrix-game") -> dict[str, tuple[str, ...]]:
    game = ENVIRONMENTS.get(environment, ENVIRONMENTS["matrix-game"])
    sections: dict[str, tuple[str, ...]] = {"environment": tuple(game.model_fields)}
    for name, field in KINDS[kind].model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            sections[name] = tuple(field.annotation.model_fields)
    return sections


@cache
def _schema_of(kind: str) -> dict[str, Any]:
    return KINDS[kind].model_json_schema()


def _allowed_methods(kind: str) -> tuple[str, ...]:
    return get_args(KINDS[kind].model_fields["meta"].annotation.model_fields["method"].annotation)  # type: ignore[union-attr]


def _sections(names: Sequence[str]) -> str:
    return "one of " + ", ".join(dict.fromkeys(name.partition(".")[0] for name in names))


def _without_none(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_none(entry) for key, entry in value.items() if entry is not None}
    if isinstance(value, list | tuple):
        return [_without_none(entry) for entry in value]
    return value
