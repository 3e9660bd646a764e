"""Pools: which kinds of opponents an agent meets, with what weights.

A pool file holds a list of tables ``[[opponents]]``, each with a ``kind``, a ``weight`` (1 by default) and, for
``kind = "fixed"``, a ``strategy``; one of ``kind = "naive"`` may have a ``learner``, with values of ``[naive]`` in
``set``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, NamedTuple, get_args

from pydantic import Field, ValidationError, model_validator

from coalactl.complaints import one_line
from coalactl.errors import UserError
from coalactl.evaluation.request import check_name
from coalactl.overrides import shortened
from coalactl.presets import find_file, nearest, read_preset
from coalactl_core.configuration.numbers import Section
from coalactl_core.configuration.population import CoplayerAlgorithm

Kind = Literal["naive", "meta", "tabular", "classic", "memory", "axelrod", "cross", "fixed"]
MIXED = "mixed"
# All opponents of a kind together, in the files.
ALL = "all"
# In the order of the tables.
KINDS: tuple[str, ...] = get_args(Kind)
# What tells how an agent treats others: its own kind, random strategies, and three that everybody knows.
PROBES = "probes"
_PROBES = (
    {"kind": "meta"},
    {"kind": "tabular"},
    *({"kind": "fixed", "strategy": name} for name in ("tit-for-tat", "always-cooperate", "always-defect")),
)
NAMES = (MIXED, *(kind for kind in KINDS if kind != "fixed"), PROBES)
# Kinds that are fixed strategies, which play two-action matrix games only.
STRATEGY_KINDS = ("tabular", "classic", "memory", "axelrod", "fixed")
# The kind, and the pool, of the Axelrod library's strategies.
AXELROD = "axelrod"
# Kinds that are trained agents, which learn in the first seat only.
AGENT_KINDS = ("meta", "cross")


class OpponentConfig(Section):
    """Opponents of one kind in a pool file.

    ``learner``: how naive ones learn (None: as the run's do), with ``set`` values of ``[naive]``, and called ``name``.
    """

    kind: Kind
    weight: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    strategy: str | None = None
    learner: CoplayerAlgorithm | None = None
    set: dict[str, Any] | None = None
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9._+:-]{1,64}$")] | None = None

    @property
    def called(self) -> str:
        """The name of a learner."""
        return self.name or self.learner or ""

    @model_validator(mode="after")
    def _strategy_where_fixed(self) -> OpponentConfig:
        if (self.kind == "fixed") != (self.strategy is not None):
            raise ValueError("strategy: it stands where kind is 'fixed', and only there")
        if self.kind != "naive" and self.learner is not None:
            raise ValueError("learner: it stands where kind is 'naive', and only there")
        if self.learner is None and (self.set is not None or self.name is not None):
            raise ValueError(f"{'name' if self.set is None else 'set'}: it is for opponents with a learner")
        return self


class PoolConfig(Section):
    """A pool file."""

    opponents: Annotated[tuple[OpponentConfig, ...], Field(strict=False, min_length=1)]

    @model_validator(mode="after")
    def _names_tell_learners_apart(self) -> PoolConfig:
        names = [each.called for each in self.opponents if each.learner is not None]
        if ALL in names:
            raise ValueError(f"opponents: {ALL!r} is no name of a learner; it stands for all of a kind")
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"opponents: {names.count(name)} learners are called {name!r}; give them names")
        return self


class Pool(NamedTuple):
    """Opponents by kind; those of ``mixed`` are the run's own."""

    name: str
    opponents: tuple[OpponentConfig, ...]

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds that occur."""
        return ("naive", "meta") if self.name == MIXED else tuple(each.kind for each in self.opponents)

    @property
    def learners(self) -> tuple[OpponentConfig, ...]:
        """The naive opponents that learn otherwise than the run's do."""
        return tuple(each for each in self.opponents if each.learner is not None)

    def of_run(self, p_naive: float) -> tuple[OpponentConfig, ...]:
        """The opponents of the agents of a run; kinds with no weight are left out."""
        if self.opponents:
            return self.opponents
        weights = {"naive": p_naive, "meta": 1 - p_naive}
        return tuple(OpponentConfig.model_validate({"kind": k, "weight": w}) for k, w in weights.items() if w > 0)


def find_pool(name_or_path: str, runs: int) -> Pool:
    """The pool of that name, or of the file at that path; ``runs``: how many there are to meet each other.

    In the pool ``cross`` an agent meets its own run's other meta agents as often as those of each other run.
    """
    if name_or_path.endswith(".toml") or os.sep in name_or_path:
        pool = _of_file(name_or_path)
    elif name_or_path in NAMES:
        kinds: dict[str, Sequence[Mapping[str, Any]]] = {
            MIXED: (),
            "cross": ({"kind": "cross", "weight": float(max(runs - 1, 1))}, {"kind": "meta"}),
            PROBES: _PROBES,
        }
        opponents = kinds.get(name_or_path, ({"kind": name_or_path},))
        pool = Pool(name_or_path, tuple(OpponentConfig.model_validate(each) for each in opponents))
    else:
        hint = nearest(name_or_path, NAMES)
        raise UserError(
            f"--pool: {shortened(repr(name_or_path))} is no pool{hint}; "
            f"use {', '.join(NAMES)}, or a TOML file (POOL.toml)"
        )
    if "cross" in pool.kinds and runs < 2:
        raise UserError("--pool: 'cross' opponents are the agents of other runs; name two runs at least, or a pack")
    return pool


def _of_file(path: str) -> Pool:
    file = find_file(path, "pool", (), "")
    tables: Mapping[str, Any] = read_preset(file)
    check_name(file.name, f"--pool {path}")
    try:
        config = PoolConfig.model_validate(tables)
    except ValidationError as error:
        raise UserError(f"{path}: {one_line(error, tables, PoolConfig.model_json_schema())}") from error
    if file.name in NAMES:
        raise UserError(f"--pool {path}: {file.name!r} is the name of another pool; call the file otherwise")
    return Pool(file.name, config.opponents)
