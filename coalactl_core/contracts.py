"""Whether a part of another package gives what the engine expects, told from shapes and types: nothing is computed."""

from __future__ import annotations

import textwrap
import traceback
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from coalactl_core.config import ConfigurationError

# How much of what another package says fits into a line.
_SHOWN = 200


class Part(NamedTuple):
    """A part of another package: the configuration's key for it, what it is called there, the module it is from."""

    key: str
    name: str
    module: str

    def require(self, holds: bool, method: str, given: str, expected: str) -> None:
        """Raises :class:`ConfigurationError` with all three unless the rule holds."""
        if not holds:
            raise self.complaint(f"{method} gives {given}; {expected} expected")

    def traced(self, method: str, function: Callable[..., Any], *arguments: Any) -> Any:
        """Shapes and types of what a method gives.

        Raises:
            ConfigurationError: it raises an exception, or gives something else than arrays.
        """
        with_place = self._running(method)
        try:
            return jax.eval_shape(function, *arguments)
        except Exception as error:  # Another's code may raise anything: it is told with its place.
            raise with_place(error) from error

    def plain(self, method: str, function: Callable[[], Any]) -> Any:
        """What something gives that is no array; raises :class:`ConfigurationError` as :meth:`traced` does."""
        with_place = self._running(method)
        try:
            return function()
        except Exception as error:  # Another's code may raise anything: it is told with its place.
            raise with_place(error) from error

    def require_size(self, method: str, given: Any, most: int | None = None) -> None:
        """Raises :class:`ConfigurationError` unless it is a whole number of at least 1."""
        whole = isinstance(given, int | np.integer) and not isinstance(given, bool) and bool(given >= 1)
        bound = "" if most is None else f" and at most {most}"
        self.require(whole and (most is None or given <= most), method, told(given), f"a whole number from 1 on{bound}")

    def require_floats(self, method: str, given: Any, shape: tuple[int, ...]) -> None:
        """Raises :class:`ConfigurationError` unless it is an array of floats of this shape."""
        floats = _is_array(given) and jnp.issubdtype(given.dtype, jnp.floating)
        self.require(floats and given.shape == shape, method, told(given), f"floats of shape {shape}")

    def require_numbers(self, method: str, given: Any, shape: tuple[int, ...]) -> None:
        """Raises :class:`ConfigurationError` unless it is an array of numbers or truth values of this shape."""
        numbers = _is_array(given) and (jnp.issubdtype(given.dtype, jnp.number) or given.dtype == jnp.bool_)
        self.require(numbers and given.shape == shape, method, told(given), f"numbers of shape {shape}")

    def require_like(self, method: str, given: Any, expected: Any, like: str) -> None:
        """Raises :class:`ConfigurationError` unless two trees have the same parts, of the same shapes and types."""
        ours, theirs = jax.tree.structure(given), jax.tree.structure(expected)
        self.require(bool(ours == theirs), method, f"the parts {_cut(ours)}", f"those of {like}, {_cut(theirs)},")  # type: ignore[operator]
        leaves = zip(jax.tree_util.tree_leaves_with_path(given), jax.tree.leaves(expected), strict=True)
        for (place, leaf), wanted in leaves:
            same = (leaf.shape, leaf.dtype) == (wanted.shape, wanted.dtype)
            name = jax.tree_util.keystr(place)
            self.require(same, method, f"{name and f'{name}: '}{told(leaf)}", f"{told(wanted)}, as {like},")

    def complaint(self, what: str) -> ConfigurationError:
        """What is wrong with it, as an error of the configuration."""
        return ConfigurationError(f"{self.key}: {self.name!r}: {what}")

    def _running(self, method: str) -> Callable[[Exception], ConfigurationError]:
        return lambda error: self.complaint(f"{method} fails: {first_line(error)}{self._place(error)}")

    def _place(self, error: Exception) -> str:
        """The line of the part's own package that was running."""
        package = self.module.partition(".")[0]
        frames = traceback.walk_tb(error.__traceback__)
        own = [at for at in frames if str(at[0].f_globals.get("__name__", "")).partition(".")[0] == package]
        return f" ({own[-1][0].f_code.co_filename.rpartition('/')[2]}, line {own[-1][1]})" if own else ""


def first_line(error: BaseException) -> str:
    """The kind of an error and the first line of what it says, of which there may be many or none."""
    said = next((line for line in str(error).splitlines() if line.strip()), "")
    return f"{type(error).__name__}: {_cut(said)}" if said else type(error).__name__


def told(given: Any) -> str:
    """``int32 of shape (3,)`` of an array, by its kind of anything else."""
    if _is_array(given):
        return f"{given.dtype} of shape {given.shape}"
    if isinstance(given, int | float | str | bool | None):
        return _cut(repr(given))
    return f"a {type(given).__name__}"


def _is_array(given: Any) -> bool:
    return hasattr(given, "shape") and hasattr(given, "dtype")


def _cut(text: object) -> str:
    return textwrap.shorten(str(text), _SHOWN, placeholder=" ...")
