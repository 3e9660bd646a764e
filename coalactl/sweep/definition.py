"""What a sweep file asks for: a preset, axes of values, how to choose among them and on which seeds (App. B.4)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field, ValidationError

from coalactl.complaints import one_line
from coalactl.errors import UserError
from coalactl.overrides import shortened
from coalactl.presets import Preset, find_file, find_preset, read_preset, shipped_sweeps
from coalactl.tables import flatten
from coalactl_core.configuration.numbers import Section

DEFAULT_SWEEP = "ipd-shaping-quick"
# Keys that a sweep sets itself, or on which no result depends: neither axes nor part of a trial's identity.
BOOKKEEPING = ("run.seed", "run.log_every", "run.checkpoint_every", "run.keep")

_Seed = Annotated[int, Field(ge=0, lt=2**31)]
_Seeds = Annotated[tuple[_Seed, ...], Field(strict=False, min_length=1, max_length=1000)]


class SelectionConfig(Section):
    """How one trial of each method is chosen: by the mean over seeds of a final metric."""

    metric: str
    direction: Literal["max", "min"] = "max"
    seeds: _Seeds = (0, 1, 2)


class FinalConfig(Section):
    """The runs that are reported: of the chosen trials, on seeds that had no part in the choice."""

    seeds: _Seeds


class SweepConfig(Section):
    """The tables of a sweep file."""

    preset: str
    axes: dict[str, Any] = Field(default_factory=dict)
    variants: dict[str, dict[str, Any]] = Field(default_factory=dict)
    selection: SelectionConfig
    final: FinalConfig | None = None
    set: dict[str, Any] = Field(default_factory=dict)


class Sweep(NamedTuple):
    """A sweep that is complete in itself: the preset's tables are in it."""

    name: str
    preset: str
    tables: Mapping[str, Any]
    """The preset's."""
    axes: Mapping[str, tuple[Any, ...]]
    """Values by dotted key, in the order of the file; the last varies fastest."""
    settings: Mapping[str, Any]
    """Values of all trials that replace the preset's, by dotted key."""
    selection: SelectionConfig
    final: FinalConfig | None = None
    """None: the trials themselves are what is reported."""
    variants: Mapping[str, Mapping[str, Any]] = {}
    """By label: values that replace those of ``settings``, by dotted key. Each goes with all that the axes make."""

    @property
    def label(self) -> str:
        """How it is named to the user."""
        return f"sweep {self.name}"

    @property
    def final_seeds(self) -> tuple[int, ...]:
        """The seeds of the final runs; none where there are no such runs."""
        return () if self.final is None else self.final.seeds


def find_sweep(name_or_path: str) -> Preset:
    """The shipped sweep of that name, or the file at that path."""
    shipped = shipped_sweeps()
    return find_file(name_or_path, "sweep", shipped, f"there are {', '.join(sweep.name for sweep in shipped)}")


def read_sweep(file: Preset, overrides: Mapping[str, Any]) -> Sweep:
    """The sweep of a file; ``overrides`` replace values of all trials, or of the file's own tables."""
    config = _validated(_overridden(read_preset(file), overrides), file.name)
    preset = find_preset(_beside(file, config.preset))
    own = {key: value for key, value in overrides.items() if key.partition(".")[0] not in _OWN_TABLES}
    return checked(
        Sweep(
            name=file.name,
            preset=preset.name,
            tables=read_preset(preset),
            axes={**_axes(config.axes, file.name), **{key: (own[key],) for key in own if key in _dotted(config.axes)}},
            settings={**_dotted(config.set), **{key: own[key] for key in own if key not in _dotted(config.axes)}},
            selection=config.selection,
            final=config.final,
            variants=_variants(config),
        )
    )


def from_tables(tables: Mapping[str, Any], file: str) -> Sweep:
    """The sweep of a ``sweep.toml``."""
    own = {key: value for key, value in tables.items() if key not in ("name", "experiment")}
    config = _validated(own, file)
    experiment, name = tables.get("experiment", {}), tables.get("name", "")
    if not isinstance(experiment, Mapping) or not isinstance(name, str):
        raise UserError(f"{file}: it is no sweep.toml of a sweep folder")
    axes, settings = _axes(config.axes, file), _dotted(config.set)
    swept = Sweep(name, config.preset, experiment, axes, settings, config.selection, config.final, _variants(config))
    return checked(swept)


def to_tables(sweep: Sweep) -> dict[str, Any]:
    """The sweep as ``sweep.toml`` holds it."""
    return {
        "name": sweep.name,
        "preset": sweep.preset,
        "axes": {key: list(values) for key, values in sweep.axes.items()},
        **({"variants": {label: dict(values) for label, values in sweep.variants.items()}} if sweep.variants else {}),
        "selection": sweep.selection.model_dump(),
        **({} if sweep.final is None else {"final": sweep.final.model_dump()}),
        "set": dict(sweep.settings),
        "experiment": dict(sweep.tables),
    }


def checked(sweep: Sweep) -> Sweep:
    """The sweep, if its axes and seeds can be what they are; raises :class:`UserError`."""
    of_variants = [key for values in sweep.variants.values() for key in values]
    for key in (*sweep.axes, *sweep.settings, *of_variants):
        if key in ("run.seed", "kind") or (key == "run.seeds" and key in sweep.axes):
            where = "seeds stand in [selection] and [final]" if key != "kind" else "it is the preset's"
            raise UserError(f"{sweep.label}: {key}: it cannot be swept or set; {where}")
    for key in sweep.axes:
        if key in BOOKKEEPING or key.startswith("compute."):
            raise UserError(f"{sweep.label}: axes.{key}: no result depends on it; put it into [set]")
        if key in sweep.settings:
            raise UserError(f"{sweep.label}: axes.{key}: it is in [set] as well; leave one of them")
    for key in of_variants:
        if key in sweep.axes or key in BOOKKEEPING or key.startswith("compute."):
            why = "it is one of the axes" if key in sweep.axes else "no result depends on it; put it into [set]"
            raise UserError(f"{sweep.label}: variants: {key}: {why}")
    for name, seeds in (("selection", sweep.selection.seeds), ("final", sweep.final_seeds)):
        if len(set(seeds)) < len(seeds):
            raise UserError(f"{sweep.label}: {name}.seeds: {list(seeds)} given; use each seed once")
    return sweep


_OWN_TABLES = ("axes", "selection", "final")


def _validated(tables: Mapping[str, Any], file: str) -> SweepConfig:
    try:
        return SweepConfig.model_validate(tables)
    except ValidationError as error:
        raise UserError(f"sweep {file}: {one_line(error, tables, SweepConfig.model_json_schema())}") from error


def _overridden(tables: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """The file's tables with those values that the command line has for them: ``final.seeds=[7, 8]``."""
    changed = {key: dict(table) if isinstance(table, Mapping) else table for key, table in tables.items()}
    for key, value in overrides.items():
        table, dot, name = key.partition(".")
        if dot and table in _OWN_TABLES:
            own = changed.setdefault(table, {})
            if isinstance(own, dict):
                changed[table] = {**(_dotted(own) if table == "axes" else own), name: value}
    return changed


def _dotted(table: Mapping[str, Any]) -> dict[str, Any]:
    """Values by dotted key, however the file writes them: quoted with a dot, or as tables in the table."""
    flat: dict[str, Any] = {}
    for key, value in table.items():
        flat.update({key: value} if "." in key else flatten({key: value}))
    return flat


def _axes(table: Mapping[str, Any], file: str) -> dict[str, tuple[Any, ...]]:
    axes = {}
    for key, values in _dotted(table).items():
        if not isinstance(values, list | tuple):
            raise UserError(f"sweep {file}: axes.{key}: {shortened(repr(values))} given; use a list of values")
        if not values:
            raise UserError(f"sweep {file}: axes.{key}: an empty range; give at least one value")
        axes[key] = tuple(values)
    return axes


def _variants(config: SweepConfig) -> dict[str, dict[str, Any]]:
    return {label: _dotted(values) for label, values in config.variants.items()}


def _beside(file: Preset, preset: str) -> str:
    """A preset that a sweep file names by its path lies beside that file."""
    is_path = preset.endswith(".toml") or os.sep in preset
    return str(file.path.parent / Path(preset)) if is_path else preset
