"""Fixtures for all tests; that this file exists puts ``tests/`` on the path, for ``support`` and ``reference``."""

from collections.abc import Iterator

import jax
import pytest


@pytest.fixture
def float64() -> Iterator[None]:
    """Double precision within a test, so that identities hold to rounding error."""
    with jax.enable_x64(True):
        yield
