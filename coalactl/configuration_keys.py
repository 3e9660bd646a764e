"""Keys of the configuration tree: which there are, and one line for those that there are not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from pydantic import BaseModel

from coalactl.errors import UserError
from coalactl.overrides import shortened
from coalactl.suggestions import nearest_keys
from coalactl_core.configuration.analytical import AnalyticalExperiment
from coalactl_core.configuration.environments import ENVIRONMENTS, environment_tag
from coalactl_core.configuration.experiment import SequenceExperiment
from coalactl_core.configuration.kinds import KINDS
from coalactl_core.games import MATRIX_GAME

Model = type[SequenceExperiment] | type[AnalyticalExperiment]


def known_keys(kind: str, environment: str = MATRIX_GAME) -> tuple[str, ...]:
    """Every dotted key of the tree of a kind of experiment, with the keys of an environment of this project."""
    return keys_of(KINDS[kind], environment)


@cache
def keys_of(model: Model, environment: str) -> tuple[str, ...]:
    """The same of a model of the tree."""
    sections = section_keys(model, environment)
    keys = [name for name in model.model_fields if name not in sections]
    return (*keys, *(f"{section}.{key}" for section, names in sections.items() for key in names))


@cache
def section_keys(model: Model, environment: str = MATRIX_GAME) -> dict[str, tuple[str, ...]]:
    """The keys of each table of the tree, by its name."""
    game = ENVIRONMENTS.get(environment, ENVIRONMENTS[MATRIX_GAME])
    sections: dict[str, tuple[str, ...]] = {"environment": tuple(game.model_fields)}
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            sections[name] = tuple(field.annotation.model_fields)
    return sections


def check_keys(
    keys: Iterable[str],
    model: Model,
    below: Mapping[str, tuple[Any, str]],
    above: Mapping[str, tuple[Any, str]],
    where: str = "",
) -> None:
    """Refuses unknown keys; an environment of another package has keys of its own."""
    named = {**below, **above}.get("environment.name")
    environment = environment_tag({} if named is None else {"name": named[0]})
    known = keys_of(model, environment)
    for key in keys:
        of_its_game = key.startswith("environment.") and environment not in ENVIRONMENTS
        if key not in known and not (of_its_game and model is not KINDS["analytical"]):
            raise UserError(where + unknown_key(key, known))


def unknown_key(key: str, known: Iterable[str]) -> str:
    """``meta.learningrate: there is no such key; did you mean 'meta.learning_rate'?``."""
    names = list(known)
    inside = [name for name in names if name.startswith(f"{key}.")]
    if inside:
        return f"{key}: it is a table; set one of its keys, for instance {inside[0]}"
    key = shortened(key)
    close = nearest_keys(key, names)
    hint = f"did you mean {' or '.join(repr(name) for name in close)}?" if close else f"use {_sections(names)}"
    return f"{key}: there is no such key; {hint}"


def _sections(names: Sequence[str]) -> str:
    return "one of " + ", ".join(dict.fromkeys(name.partition(".")[0] for name in names))
