"""Fixtures for all tests; that this file exists puts ``tests/`` on the path, for ``support`` and ``reference``."""

import os
from collections.abc import Iterator

# One device in all tests but those of several, in this process and its children, however many cores there are.
os.environ.setdefault("JAX_NUM_CPU_DEVICES", "1")

import jax
import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Quick tests take longer to compile than to run, so that the compiler need not optimise; learning tests do."""
    if config.option.markexpr == "not slow":
        os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")


@pytest.fixture
def float64() -> Iterator[None]:
    """Double precision within a test, so that identities hold to rounding error."""
    with jax.enable_x64(True):
        yield


@pytest.fixture(autouse=True, scope="module")
def forget_programs() -> Iterator[None]:
    """Every compiled program takes memory maps; a process has 65,530, and with all tests' programs it would crash."""
    yield
    jax.clear_caches()
