"""From a preset and the command line to one validated experiment, in which every value knows where it came from.

Later layers win: defaults, preset, the preset's tables for the method (``[for.m-fos.meta]``), the command line. Every
mistake is one line: the key, what was given, what is allowed, the nearest valid name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from functools import cache
from typing import Any, NamedTuple, get_args

from pydantic import ValidationError

from coalactl.complaints import one_line
from coalactl.configuration_keys import Model, check_keys, section_keys, unknown_key
from coalactl.errors import UserError
from coalactl.overrides import shortened
from coalactl.tables import flatten, nested
from coalactl_core.configuration.environments import ENVIRONMENTS
from coalactl_core.configuration.experiment import sequence_experiment
from coalactl_core.configuration.kinds import EXPERIMENT, KINDS, Experiment, kind_of
from coalactl_core.configuration.learning import MetaConfig, NaiveConfig
from coalactl_core.errors import ConfigurationError
from coalactl_core.methods import find_method, is_method, method_names

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
    model = _model(kind, _named(tables, overrides))
    asked, source = overrides.get("kind", (kind, ""))
    if asked != kind:
        raise UserError(f"{source}: kind: {shortened(repr(asked))} given; {label} is of kind {kind!r}, take another")
    own = {section: value for section, value in tables.items() if section != FOR_METHODS}
    values = {key: (value, label) for key, value in _checked(own, model, label).items()}
    methods = _methods(kind, values, overrides)
    by_method = _tables_for(tables, model, methods, label)
    for key, value in by_method.items():
        values[key] = (value, f"{label} for {methods[0]}")
    if kind == "sequence":
        _leave_critic_out(values, methods, overrides)
    check_keys(overrides, model, values, overrides)
    values = {**_of_game(values, overrides), **overrides}
    _refuse_beside_groups(values, overrides)
    _check_naive_groups(values, label)
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
    kind, where = _kind(tree, file), f"{file}: " if file else ""
    try:
        model = _model(kind, _named(tree))
        return model.model_validate(tree)
    except ValidationError as error:
        raise UserError(where + one_line(error, tree, _schema_of(model))) from error
    except ConfigurationError as error:
        raise UserError(where + str(error)) from error


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


# --- layers ---------------------------------------------------------------------------------------------------------


def _kind(tree: Mapping[str, Any], label: str) -> str:
    """The kind of experiment; :class:`UserError` when there is none of that name."""
    kind = kind_of(tree)
    if kind not in KINDS:
        where = f"{label}: " if label else ""
        raise UserError(f"{where}kind: {shortened(repr(kind))} given; use {' or '.join(map(repr, KINDS))}")
    return str(kind)


def _checked(tables: Mapping[str, Any], model: Model, label: str) -> dict[str, Any]:
    """The flat values of a file whose sections and keys are all known."""
    for section, table in tables.items():
        is_section = section in section_keys(model)
        if section not in model.model_fields:
            raise UserError(f"{label}: {unknown_key(section, model.model_fields)}")
        if is_section and not isinstance(table, Mapping):
            raise UserError(f"{label}: {section}: {table!r} given; it is a table, [{section}]")
    flat = flatten(tables)
    check_keys(flat, model, {key: (value, label) for key, value in flat.items()}, {}, where=f"{label}: ")
    return flat


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


def _tables_for(tables: Mapping[str, Any], model: Model, methods: Sequence[str], label: str) -> dict[str, Any]:
    """The values that the preset has for the method; where methods are mixed, ``meta`` goes to the groups instead."""
    for_methods = tables.get(FOR_METHODS, {})
    if not isinstance(for_methods, Mapping) or not all(isinstance(table, Mapping) for table in for_methods.values()):
        raise UserError(f"{label}: for: it holds tables by method, for instance [for.m-fos.meta]")
    allowed = _allowed_methods(model)
    for method, sections in for_methods.items():
        if method not in allowed and method not in methods:
            raise UserError(f"{label}: for.{method}: there is no such method; use {', '.join(allowed)}")
        _checked(sections, model, f"{label}: for.{method}")
    if len(methods) == 1:
        return flatten(for_methods.get(methods[0], {}))
    for method in methods:
        others = [section for section in for_methods.get(method, {}) if section != "meta"]
        if others:
            raise UserError(
                f"{label}: for.{method}.{others[0]}: the pool mixes methods; only [meta] may differ by method"
            )
    return {}


def _leave_critic_out(
    values: dict[str, tuple[Any, str]], methods: Sequence[str], overrides: Mapping[str, tuple[Any, str]]
) -> None:
    """A preset's critic of the batch is for its own method; one that the command line names may have no use for it."""
    if "meta.method" not in overrides or "meta.batch_critic" in overrides or len(methods) > 1:
        return
    (method,) = methods
    if is_method(method) and not find_method(method).crosses_batch:
        values["meta.batch_critic"] = ("none", f"as {method} has no use for one")


def _refuse_beside_groups(values: Mapping[str, tuple[Any, str]], overrides: Mapping[str, tuple[Any, str]]) -> None:
    """``--method``, or ``--set naive.algorithm``, is for all agents; a list of groups names its own.

    So are values that each group has its own of: they would change nothing.
    """
    for section, key in (("meta", "method"), ("naive", "algorithm")):
        source = values.get(f"{section}.{key}", ("", ""))[1]
        if source.startswith("--") and isinstance(values.get(f"population.{section}", (1, ""))[0], list):
            raise UserError(
                f"{source}: population.{section} lists groups with {key}s of their own; "
                f"give a number of agents (--set population.{section}=2) or other groups"
            )
    for key, (value, source) in overrides.items():
        section, _, name = key.partition(".")
        groups = values.get(f"population.{section}", (1, ""))[0]
        if isinstance(groups, list) and all(name in _settings_of(group) for group in groups):
            raise UserError(
                f"{source}: {key}: {shortened(repr(value))} given, but each group of population.{section} has a {name} "
                f"of its own; give other groups (--set 'population.{section}=[...]')"
            )


def _settings_of(group: Any) -> Mapping[str, Any]:
    settings = group.get("settings") if isinstance(group, Mapping) else None
    return settings if isinstance(settings, Mapping) else {}


def _check_naive_groups(values: Mapping[str, tuple[Any, str]], label: str) -> None:
    groups = values.get("population.naive", (1, ""))[0]
    if isinstance(groups, list) and all(isinstance(group, Mapping) for group in groups):
        for index, group in enumerate(groups):
            _check_settings(group.get("settings", {}), NaiveConfig, f"population.naive.{index}.settings", label)


def _give_groups_their_settings(
    values: dict[str, tuple[Any, str]], tables: Mapping[str, Any], label: str, overridden: set[str]
) -> None:
    """Puts ``[for.METHOD.meta]`` into the settings of the groups of that method; the command line stays above it."""
    groups, source = values.get("population.meta", (1, ""))
    if not isinstance(groups, list) or not all(isinstance(group, Mapping) for group in groups):
        return
    groups = deepcopy(groups)
    for index, group in enumerate(groups):
        settings = group.get("settings", {})
        _check_settings(settings, MetaConfig, f"population.meta.{index}.settings", label)
        by_method = tables.get(FOR_METHODS, {}).get(group.get("method"), {}).get("meta", {})
        kept = {key: value for key, value in by_method.items() if f"meta.{key}" not in overridden}
        if kept or settings:
            group["settings"] = {**kept, **settings}
    values["population.meta"] = (groups, source)


def _check_settings(settings: Any, table: type[MetaConfig | NaiveConfig], prefix: str, label: str) -> None:
    """Refuses what replaces no value of a table, told by its place in the group."""
    if not isinstance(settings, Mapping):
        raise UserError(f"{label}: {prefix}: {settings!r} given; it is a table")
    for key in settings:
        if key not in table.model_fields:
            raise UserError(f"{prefix}." + unknown_key(key, table.model_fields))
    try:
        table.model_validate(settings)
    except ValidationError as error:
        raise UserError(one_line(error, settings, table.model_json_schema(), prefix)) from error


# --- the tree -------------------------------------------------------------------------------------------------------


@cache
def _schema_of(model: Model) -> dict[str, Any]:
    return model.model_json_schema()


def _model(kind: str, methods: tuple[str, ...]) -> Model:
    """The experiment of a kind, with the tables of these methods where they are of other packages."""
    if kind != "sequence":
        return KINDS[kind]
    try:
        return sequence_experiment(tuple(method for method in methods if is_method(method)))
    except ConfigurationError as error:
        raise UserError(str(error)) from error


def _named(tables: Mapping[str, Any], overrides: Mapping[str, tuple[Any, str]] | None = None) -> tuple[str, ...]:
    """The methods that are named in tables of the configuration, before these are checked."""
    overriding = {key: value for key, (value, _) in (overrides or {}).items()}
    meta, population = tables.get("meta"), tables.get("population")
    named = [overriding.get("meta.method", meta.get("method") if isinstance(meta, Mapping) else None)]
    groups = overriding.get("population.meta", population.get("meta") if isinstance(population, Mapping) else None)
    if isinstance(groups, list | tuple):
        named += [group.get("method") for group in groups if isinstance(group, Mapping)]
    return tuple(dict.fromkeys(name for name in named if isinstance(name, str)))


def _allowed_methods(model: Model) -> tuple[str, ...]:
    if model is not KINDS["analytical"]:
        return method_names()
    return get_args(model.model_fields["meta"].annotation.model_fields["method"].annotation)  # type: ignore[union-attr]


def _without_none(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_none(entry) for key, entry in value.items() if entry is not None}
    if isinstance(value, list | tuple):
        return [_without_none(entry) for entry in value]
    return value
