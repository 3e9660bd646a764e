"""The architecture holds: imports go one way, and functions and files stay small enough to read."""

from __future__ import annotations

import ast
import subprocess
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = sorted(path for package in ("coalactl", "coalactl_core") for path in (ROOT / package).rglob("*.py"))


def functions(path: Path) -> Iterator[ast.FunctionDef]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef):
            yield node


def test_imports_go_one_way() -> None:
    # In a process of its own: the linter configures logging, which would silence the loggers of other tests.
    command = Path(sysconfig.get_path("scripts")) / "lint-imports"
    done = subprocess.run([command, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_there_is_something_to_check() -> None:
    assert len(SOURCES) > 40


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_functions_are_short(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 350
    long = {node.name for node in functions(path) if (node.end_lineno or 0) - node.lineno + 1 > 60}
    assert not long


ENGINE = [path for path in SOURCES if "coalactl_core" in path.parts]
# Calls and modules that reach outside of the process, the clock and hooks of JAX into the host among them.
EFFECTS = {"print", "open", "input", "exec", "eval", "write_text", "read_text", "write_bytes", "mkdir", "unlink"}
EFFECTS |= {"io_callback", "pure_callback", "callback", "getLogger", "perf_counter", "monotonic", "urandom"}
MODULES = {
    "os",
    "sys",
    "time",
    "datetime",
    "pathlib",
    "logging",
    "random",
    "subprocess",
    "shutil",
    "tempfile",
    "socket",
}


def imported(path: Path) -> set[str]:
    """Every module that a file names in an import, wherever the import stands."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return names | {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}


def test_only_the_networks_know_flax() -> None:
    knowing = {path for path in SOURCES if any(name.partition(".")[0] == "flax" for name in imported(path))}
    assert {path.parent.relative_to(ROOT) for path in knowing} == {Path("coalactl_core/nets")}


# Each engine is the other's oracle: a mistake in what both use would hide from their comparison.
SHARED = {
    "config",
    "config_analytical",
    "config_numbers",
    "iteration",
    "memory_one",
    "optimizers",
    "schedules",
    "types",
}


def test_the_analytical_engine_shares_little_with_the_sequence_engine() -> None:
    files = [path for path in ENGINE if "analytical" in path.parts]
    engine = {name.split(".")[1] for path in files for name in imported(path) if name.startswith("coalactl_core.")}
    assert files
    assert engine - {"analytical"} <= SHARED


@pytest.mark.parametrize("path", ENGINE, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_engine_has_no_effects(path: Path) -> None:
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    called = {node.func for node in nodes if isinstance(node, ast.Call)}
    names = {f.id for f in called if isinstance(f, ast.Name)} | {f.attr for f in called if isinstance(f, ast.Attribute)}
    assert not names & EFFECTS
    assert not {name.partition(".")[0] for name in imported(path)} & MODULES
    assert not any(isinstance(node, ast.Attribute) and ast.unparse(node) == "jax.debug" for node in nodes)
