"""What tables of the configuration are made of: their base, and numbers that a sweep may vary.

Such a number is plain or a schedule over training iterations.

A schedule is written ``{0 = 1.0, 100 = 4.0}`` (piecewise constant) or
``{0 = 1e-3, 3000 = 0.0, interpolation = "linear"}``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

_END = 2**31  # iterations are counted in 32 bits


class _Varies:
    """Marks a number that a sweep may vary: data to the compiled program."""


class Section(BaseModel):
    """A table of the configuration: frozen, typed strictly, unknown keys refused."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class ScheduleConfig(BaseModel):
    """A number that changes over training iterations, given by its values from some iterations on."""

    model_config = ConfigDict(frozen=True)

    points: tuple[tuple[int, float], ...]
    interpolation: Literal["constant", "linear"] = "constant"

    def table(self) -> dict[str, float | str]:
        """The schedule as it is written in a configuration file."""
        table: dict[str, float | str] = {str(start): value for start, value in self.points}
        return table if self.interpolation == "constant" else {**table, "interpolation": self.interpolation}


def _parse_schedule(raw: object) -> object:
    if not isinstance(raw, Mapping):
        return raw
    table = dict(raw)
    interpolation = table.pop("interpolation", "constant")
    if interpolation not in ("constant", "linear"):
        raise ValueError(f"interpolation is {interpolation!r}; use 'constant' or 'linear'")
    if not all(isinstance(value, int | float) and not isinstance(value, bool) for value in table.values()):
        raise ValueError("the values of a schedule are numbers")
    if not all(re.fullmatch("0|[1-9][0-9]{0,9}", str(start)) and int(start) < _END for start in table):
        raise ValueError(f"the keys of a schedule are iterations: 0, 100, ..., below {_END}")
    points = tuple(sorted((int(start), _float(value)) for start, value in table.items()))
    if not points or points[0][0] != 0:
        raise ValueError("a schedule starts at iteration 0")
    return ScheduleConfig(points=points, interpolation=interpolation)


def _float(value: float) -> float:
    try:
        return float(value)
    except OverflowError as error:  # a whole number of hundreds of digits
        raise ValueError("the values of a schedule are finite numbers") from error


def number(
    *, at_least: float = -math.inf, above: float = -math.inf, at_most: float = math.inf, infinite: bool = False
) -> Any:
    """The type of a number in the given range that may be a schedule and that a sweep may vary.

    ``infinite``: whether ``inf`` is allowed, for limits that it turns off.
    """

    def in_range(configured: float | ScheduleConfig) -> float | ScheduleConfig:
        for value in scheduled_values(configured):
            in_bounds = at_least <= value <= at_most and value > above
            if not in_bounds or (math.isinf(value) and not infinite):
                raise ValueError(f"{value:g} is out of range; use a number {_range_words(at_least, above, at_most)}")
        return configured

    return Annotated[
        float | ScheduleConfig,
        _Varies(),
        BeforeValidator(_parse_schedule),
        AfterValidator(in_range),
        PlainSerializer(lambda value: value.table() if isinstance(value, ScheduleConfig) else value),
    ]


def numbers_of(section: type[Section]) -> tuple[str, ...]:
    """The keys of a table whose values may be schedules."""
    fields = section.model_fields.items()
    return tuple(key for key, field in fields if any(isinstance(mark, _Varies) for mark in field.metadata))


def scheduled_values(configured: float | ScheduleConfig) -> tuple[float, ...]:
    """All values that a number takes during training."""
    return tuple(value for _, value in configured.points) if isinstance(configured, ScheduleConfig) else (configured,)


def _range_words(at_least: float, above: float, at_most: float) -> str:
    words = [f"of at least {at_least:g}"] if at_least > -math.inf else []
    words += [f"above {above:g}"] if above > -math.inf else []
    words += [f"of at most {at_most:g}"] if at_most < math.inf else []
    return " and ".join(words) or "that is finite"


# Far above what any machine trains, and low enough that a slip of the finger ends in a line and not in an endless loop.
Size = Annotated[int, Field(ge=1, le=1_000_000)]
Few = Annotated[int, Field(ge=1, le=1_000)]

Probability = number(at_least=0.0, at_most=1.0)
# Of a moving mean, which forgets.
MeanDecay = number(at_least=0.0, at_most=0.9999)
Coefficient = number(at_least=0.0)
Positive = number(above=0.0)
Limit = number(above=0.0, infinite=True)
