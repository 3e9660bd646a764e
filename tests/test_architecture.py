"""The architecture holds: imports go one way, and functions and files stay small enough to read."""

from __future__ import annotations

import ast
import subprocess
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parent.parent
SOURCES = sorted(path for package in ("coalactl", "coalactl_core") for path in (ROOT / package).rglob("*.py"))
WRITTEN = sorted({*SOURCES, *(path for folder in ("tests", "benchmarks") for path in (ROOT / folder).rglob("*.py"))})


def functions(path: Path) -> Iterator[ast.FunctionDef]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef):
            yield node


def test_imports_go_one_way() -> None:
    # In a process of its own: the linter configures logging, which would silence the loggers of other tests.
    command = Path(sysconfig.get_path("scripts")) / "lint-imports"
    done = subprocess.run([command, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_there_is_no_circle() -> None:
    """Not even of modules of one folder, nor where names are for types alone."""
    graph = grimp.build_graph("coalactl", "coalactl_core")
    below = {module: graph.find_downstream_modules(module) for module in graph.modules if "." in module}
    folders = {path.parent for path in SOURCES if path.name == "__init__.py"}
    modules = {module for module in below if ROOT.joinpath(*module.split(".")) not in folders}
    assert {(one, other) for one in modules for other in below[one] & modules if one in below[other]} == set()


def test_there_is_something_to_check() -> None:
    assert len(SOURCES) > 40


def test_files_are_short() -> None:
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in WRITTEN}
    assert {str(path.relative_to(ROOT)): length for path, length in lengths.items() if length > 300} == {}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_functions_are_short(path: Path) -> None:
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
    *(f"configuration.{name}" for name in ("analytical", "compute", "experiment", "memory_one", "numbers", "sizes")),
    "errors",
    "fits.zero_determinant",
    "learning.optimizers",
    "loops.iteration",
    "measures",
    "numbers.schedules",
    "types",
}


def test_the_analytical_engine_shares_little_with_the_sequence_engine() -> None:
    files = [path for path in ENGINE if "analytical" in path.parts]
    engine = {
        name.removeprefix("coalactl_core.") for path in files for name in imported(path) if "coalactl_core." in name
    }
    assert files
    assert {name for name in engine if not name.startswith("analytical")} <= SHARED


@pytest.mark.parametrize("path", ENGINE, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_engine_has_no_effects(path: Path) -> None:
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    called = {node.func for node in nodes if isinstance(node, ast.Call)}
    names = {f.id for f in called if isinstance(f, ast.Name)} | {f.attr for f in called if isinstance(f, ast.Attribute)}
    assert not names & EFFECTS
    assert not {name.partition(".")[0] for name in imported(path)} & MODULES
    assert not any(isinstance(node, ast.Attribute) and ast.unparse(node) == "jax.debug" for node in nodes)


def test_the_map_names_every_part() -> None:
    """Each file of the engine, in the row of its folder, and each file and folder of the tool."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    engine, _, _ = text.partition("## The tool")
    rows = {row.split("|")[1].strip(): row for row in engine.splitlines() if row.startswith("|")}
    for path in (path for path in ENGINE if path.name != "__init__.py"):
        folder = f"`{path.parent.name}/`" if path.parent.name != "coalactl_core" else "no folder"
        assert f"`{path.name}`" in rows[folder], path
    tool = [path for path in (ROOT / "coalactl").iterdir() if not path.name.startswith("_")]
    for path in tool:
        assert (f"`{path.name}/`" if path.is_dir() else f"`{path.name}`") in text, path
