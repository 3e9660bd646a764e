"""Fixtures for all tests; that this file exists puts ``tests/`` on the path, for ``support`` and ``reference``."""

import gc
import os
import subprocess
import sys
from collections.abc import Iterator

# One device in all tests but those of several, in this process and its children, however many cores there are.
os.environ.setdefault("JAX_NUM_CPU_DEVICES", "1")

import jax
import pytest

# No optimisation, and the older generator of code: half the time to compile.
QUICKLY = "--xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false"


def pytest_configure(config: pytest.Config) -> None:
    """Most tests take longer to compile than to run, their subprocesses too; slow ones run the code that users run."""
    gc.set_threshold(100_000, 20, 20)  # as the command does
    if config.option.markexpr == "slow" or "XLA_FLAGS" in os.environ:
        return
    # A flag that this version of JAX does not know would end the process.
    trial = [sys.executable, "-c", "import jax; jax.devices()"]
    environment = {**os.environ, "XLA_FLAGS": QUICKLY}
    if subprocess.run(trial, env=environment, capture_output=True, check=False).returncode == 0:
        os.environ["XLA_FLAGS"] = QUICKLY


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What trains for minutes comes first, so that no worker is left alone with it at the end."""
    items.sort(key=lambda item: "test_learning.py" not in item.nodeid)


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
