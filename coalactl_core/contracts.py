"""Whether a part of another package gives what the engine expects, told from shapes and types: nothing is computed."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from coalactl_core.errors import ConfigurationError, cut, first_line


class Part(NamedTuple):
    """A part of another package: the configuration's key for it, what it is called there, the module it is from."""

    key: str
    name: str
    module: str

    def require(self, holds: bool, method: str, actual: str, expected: str) -> None:
        """Raises :class:`ConfigurationError` with all three unless the rule holds."""
        if not holds:
            raise self.complaint(f"{method} gives {actual}; {expected} expected")

    def traced(self, method: str, function: Callable[..., Any], *arguments: Any) -> Any:
        """Shapes and types of what a method gives.

        Raises:
            ConfigurationError: it raises an exception, or gives something else than arrays.
        """
        return self.plain(method, lambda: jax.eval_shape(function, *arguments))

    def plain(self, method: str, function: Callable[[], Any]) -> Any:
        """What something of the part gives; raises :class:`ConfigurationError` with its place where it raises."""
        with_place = self._running(method)
        try:
            return function()
        except Exception as error:  # Another package's code may raise anything; all of it is its author's to read.
            raise with_place(error) from error

    def require_size(self, method: str, value: Any, most: int | None = None) -> None:
        """Raises :class:`ConfigurationError` unless it is a whole number of at least 1."""
        whole = isinstance(value, int | np.integer) and not isinstance(value, bool) and bool(value >= 1)
        fits = whole and (most is None or value <= most)
        bound = "" if most is None else f" and at most {most}"
        self.require(fits, method, described(value), f"a whole number from 1 on{bound}")

    def require_floats(self, method: str, value: Any, shape: tuple[int, ...]) -> None:
        """Raises :class:`ConfigurationError` unless it is an array of floats of this shape."""
        floats = _is_array(value) and jnp.issubdtype(value.dtype, jnp.floating)
        self.require(floats and value.shape == shape, method, described(value), f"floats of shape {shape}")

    def require_numbers(self, method: str, value: Any, shape: tuple[int, ...]) -> None:
        """Raises :class:`ConfigurationError` unless it is an array of numbers or truth values of this shape."""
        numbers = _is_array(value) and (jnp.issubdtype(value.dtype, jnp.number) or value.dtype == jnp.bool_)
        self.require(numbers and value.shape == shape, method, described(value), f"numbers of shape {shape}")

    def require_like(self, method: str, value: Any, expected: Any, like: str) -> None:
        """Raises :class:`ConfigurationError` unless two trees have the same parts, of the same shapes and types."""
        ours, theirs = jax.tree.structure(value), jax.tree.structure(expected)
        self.require(bool(ours == theirs), method, f"the parts {cut(ours)}", f"those of {like}, {cut(theirs)},")  # type: ignore[operator]
        leaves = zip(jax.tree_util.tree_leaves_with_path(value), jax.tree.leaves(expected), strict=True)
        for (path, leaf), wanted in leaves:
            same = (leaf.shape, leaf.dtype) == (wanted.shape, wanted.dtype)
            name = jax.tree_util.keystr(path)
            self.require(same, method, f"{name and f'{name}: '}{described(leaf)}", f"{described(wanted)}, as {like},")

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


def described(value: Any) -> str:
    """``int32 of shape (3,)`` of an array, by its kind of anything else."""
    if _is_array(value):
        return f"{value.dtype} of shape {value.shape}"
    if isinstance(value, int | float | str | bool | None):
        return cut(repr(value))
    return f"a {type(value).__name__}"


def _is_array(value: Any) -> bool:
    return hasattr(value, "shape") and hasattr(value, "dtype")
