"""Validation errors of the experiment tree, told in one line: key, what was given, what is allowed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

Place = tuple[str | int, ...]

# What a rule's number is called in pydantic's details, and here.
_BOUNDS = {"expected": "", "ge": "at least", "le": "at most", "gt": "more than", "lt": "less than"}

_ALLOWED = {
    "int_type": "use a whole number",
    "int_from_float": "use a whole number",
    "float_type": "use a number",
    "bool_type": "use true or false",
    "string_type": "use text in quotes",
    "list_type": "use a list, [...]",
    "tuple_type": "use a list, [...]",
    "dict_type": "use a table",
    "model_type": "use a table",
    "model_attributes_type": "use a table",
    "finite_number": "use a finite number",
}


def one_line(error: ValidationError, data: object, schema: Mapping[str, Any], prefix: str = "") -> str:
    """The first complaint of a validation error; of the branches of a union the one that read furthest into the data.

    ``data`` is what was validated and ``schema`` its JSON schema: places are told by the keys of the data, so that
    nothing of pydantic's own (branches of unions, constraint names) shows.
    """
    errors = error.errors(include_url=False)
    placed = [(_place(details["loc"], data, details["type"]), details) for details in errors]
    key = placed[0][0][:2]
    at_key = [(place, details) for place, details in placed if place[:2] == key]
    deepest = max(len(place) for place, _ in at_key)
    first = next(place for place, _ in at_key if len(place) == deepest)
    here = [details for place, details in at_key if place == first]
    place, details = first, _clearest(here)
    name = ".".join(str(part) for part in ((prefix, *place) if prefix else place))
    if details["type"] == "value_error":
        message = str(details["ctx"]["error"])
        return message if _names_a_key(message) or not name else f"{name}: {message}"
    if details["type"] == "missing":
        return f"{name}: is missing"
    if details["type"] == "extra_forbidden":
        return f"{name}: there is no such key"
    # Several branches of a union failed at one place: say all that is allowed there, from the schema.
    words = _schema_words(_schema_at(schema, place), schema) if len(here) > 1 else _rule(details)
    return f"{name}: {_shown(details['input'])} given; {words or details['msg']}"


def _clearest(here: Sequence[Any]) -> Any:
    """A range that was left says more than a type that was missed."""
    telling = ("value_error", "greater_than_equal", "less_than", "less_than_equal", "greater_than")
    return next((details for details in here if details["type"] in telling), here[0])


def _place(loc: Sequence[str | int], data: object, kind: str) -> Place:
    """The part of a location that exists in the data (and the missing key at its end)."""
    place: list[str | int] = []
    for index, part in enumerate(loc):
        if _has(data, part):
            data = data[part]  # type: ignore[index]
        elif not (kind == "missing" and index == len(loc) - 1):
            continue
        place.append(part)
    return tuple(place)


def _has(data: object, part: str | int) -> bool:
    if isinstance(data, Mapping):
        return part in data
    return isinstance(data, list | tuple) and isinstance(part, int) and part < len(data)


def _names_a_key(message: str) -> bool:
    head = message.partition(":")[0]
    return "." in head and " " not in head


def _rule(details: Mapping[str, Any]) -> str:
    kind, context = details["type"], details.get("ctx", {})
    for bound, words in _BOUNDS.items():
        if bound in context:
            return " ".join(["use", *words.split(), str(context[bound])])
    if kind in ("too_short", "too_long"):
        bound = context.get("min_length", context.get("max_length"))
        return f"use {'at least' if kind == 'too_short' else 'at most'} {bound} entries"
    return _ALLOWED.get(kind, "")


def _schema_at(schema: Mapping[str, Any], place: Place) -> Mapping[str, Any]:
    node: Mapping[str, Any] = schema
    for part in place:
        node = _resolved(node, schema)
        for branch in [node, *(_resolved(option, schema) for option in node.get("oneOf", node.get("anyOf", [])))]:
            if isinstance(part, str) and part in branch.get("properties", {}):
                node = branch["properties"][part]
                break
            if isinstance(part, int) and ("items" in branch or "prefixItems" in branch):
                node = branch.get("items") or branch["prefixItems"][0]
                break
        else:
            return {}
    return _resolved(node, schema)


def _resolved(node: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    target: Mapping[str, Any] = schema["$defs"][node["$ref"].rpartition("/")[2]] if "$ref" in node else node
    return target


def _schema_words(node: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    """``use a number or a schedule`` from a JSON schema."""
    options = node.get("anyOf", node.get("oneOf", [node]))
    words = [word for option in options if (word := _type_words(_resolved(option, schema)))]
    return f"use {' or '.join(dict.fromkeys(words))}" if words else ""


def _type_words(node: Mapping[str, Any]) -> str:
    if node.get("title") == "ScheduleConfig":
        return "a schedule, for instance { 0 = 1.0, 100 = 4.0 }"
    if "const" in node or "enum" in node:
        return " or ".join(repr(value) for value in node.get("enum", [node.get("const")]))
    if node.get("type") == "integer":
        bounds = {"minimum": "from", "maximum": "to"}
        return " ".join(["a whole number", *(f"{bounds[key]} {node[key]}" for key in bounds if key in node)])
    names = {"number": "a number", "boolean": "true or false", "string": "text", "array": "a list", "object": "a table"}
    return names.get(str(node.get("type")), "")


def _shown(value: object) -> str:
    shown = repr(value)
    if isinstance(value, bool):
        shown = shown.lower()
    return shown if len(shown) <= 60 else f"{shown[:57]}..."
