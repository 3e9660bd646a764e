"""Every command and example of the README and the documentation runs, at small sizes and in one empty directory a page.

``coalactl train`` gets sizes that train in a moment, few iterations, and instead of Hawk the small network of
docs/environments.md, which compiles much sooner. ``SKIPPED`` lists what is not run at all,
``EXTRAS`` pages that are skipped where a package is missing.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import re
import shutil
import sys
import tomllib
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import jax
import pandas as pd
import pytest
from pages import ROOT, Block, ShellCommand, blocks, commands, inline_commands, pages

from coalactl import doctor
from coalactl.bench import child
from coalactl.cli import main
from coalactl.configuration import known_keys, plain, resolve, validate
from coalactl.evaluation.pools import PoolConfig
from coalactl.overrides import parse_overrides
from coalactl.presets import Preset
from coalactl.reproduction import launch as reproduction
from coalactl.reproduction.costs import describe as describe_figures
from coalactl.sweep.definition import read_sweep
from coalactl.sweep.plan import plan
from coalactl_core import training
from coalactl_core.compute import with_chosen_compute
from coalactl_core.config import SequenceExperiment
from coalactl_core.config_numbers import ScheduleConfig
from coalactl_core.config_population import AgentGroup, FixedStrategy
from coalactl_core.envs.base import Environment
from coalactl_core.envs.registry import build_environment

# Installing, version control and the checks of the project have their own places; what they need is not here.
INSTALLING = ("pip", "uv", "git", "cd", "source", "export", "python3.11")
CHECKING = ("pytest", "ruff", "mypy", "lint-imports", ".ci/run")
SKIPPED = (*INSTALLING, *CHECKING)
SHRUNK = {
    "rollout.meta_batch_size": 2,
    "rollout.batch_size": 4,
    "rollout.inner_episodes": 2,
    "rollout.inner_episode_length": 3,
    "network.width": 8,
    "network.heads": 2,
    "network.mlp_width": 8,
    "population.naive": 2,
}
ANALYTICAL = {"run.seeds": 2, "naive.learners": 2, "naive.steps": 2}
BENCHMARK = {
    **dict.fromkeys(("steps_per_second", "iteration_seconds", "rollout_seconds", "naive_seconds"), 1.0),
    **dict.fromkeys(("learn_seconds", "compile_seconds", "max_rss_bytes", "sgemm_gflops", "steps_per_gflop"), 1.0),
    "quartiles": {},
    "cpu": "",
    "cores": 1,
    "devices": [],
    "packages": {},
    "source": None,
}
EXTRAS = {"docs/jaxmarl.md": "jaxmarl"}  # what a page needs and not everybody has
START, RESUMED = "2", "3"
NETWORK = "network_of_the_docs:elman_policy"
PAGES = {page.relative_to(ROOT).as_posix(): page for page in pages()}
DOCS = ROOT / "docs"
# They train several environments each.
LONG_PAGES = ("docs/cleanup.md", "docs/environments.md")


@pytest.fixture(scope="module")
def network_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the module of ``NETWORK`` is."""
    folder = tmp_path_factory.mktemp("network")
    example = next(block for block in blocks(DOCS / "environments.md") if block.file == "elman.py")
    (folder / f"{NETWORK.partition(':')[0]}.py").write_text(example.text)
    return folder


@pytest.fixture(autouse=True)
def _surroundings(tmp_path: Path, network_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty directory that modules are found in, and everything as it was afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(network_folder)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    monkeypatch.setenv("COALACTL_CACHE_DIR", str(tmp_path.parent / "cache"))
    monkeypatch.setattr(training, "build_engine", _shared_engine)
    monkeypatch.setattr(doctor, "self_test", list)  # Its work is tested with the command line, as is that of the bench.
    # What it is made of is tested with the command line; what a page gives it is checked before.
    monkeypatch.setattr(reproduction, "reproduce", lambda request: describe_figures(json=False) if request.lists else 0)
    monkeypatch.setattr(child, "measure_in_child", lambda size, **rest: {"size": size, **BENCHMARK})
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]
    logging.captureWarnings(False)
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if type(handler) is logging.FileHandler]:
        root.removeHandler(handler)
        handler.close()


_build_engine = training.build_engine
_engines: dict[str, Any] = {}


def _shared_engine(experiment: SequenceExperiment) -> Any:
    """One engine for all experiments with the same static choices: tracing and compiling is nearly all the time."""
    tree = plain(experiment)
    static = {
        **{key: tree[key] for key in ("network", "rollout", "compute", "population")},
        **{f"meta.{key}": tree["meta"][key] for key in ("algorithm", "epochs", "minibatches", "optimizer")},
        "naive.optimizer": tree["naive"]["optimizer"],
    }
    built = _build_engine(experiment)
    static["environment"] = repr(built.pieces.game.environment)  # One environment may have several names.
    first = _engines.setdefault(json.dumps(static), built)
    for name, member in vars(type(first)).items():
        if isinstance(member, cached_property):
            getattr(first, name)  # Functions that are traced once for all that share the engine.
    engine = dataclasses.replace(first, experiment=with_chosen_compute(experiment))
    engine.__dict__.update({**first.__dict__, "experiment": engine.experiment})
    return engine


# --- running a page -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] if name in LONG_PAGES else []) for name in PAGES]
)
def test_a_page_runs_from_top_to_bottom(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if name in EXTRAS:
        pytest.importorskip(EXTRAS[name])
    found = blocks(PAGES[name])
    for block in found:  # Files first: a page may name a file before it shows what is in it.
        if block.file:
            (tmp_path / block.file).write_text(block.text)
            if block.file == "pyproject.toml":
                install(tomllib.loads(block.text)["project"], tmp_path)
    namespace: dict[str, Any] = {"__name__": "example"}
    for block in found:
        RUNNERS[block.language](block, namespace)
        capsys.readouterr()


@pytest.mark.parametrize("command", inline_commands(), ids=lambda command: " ".join(command.words))
def test_trainings_in_the_text_run(command: ShellCommand) -> None:
    assert run_command(command) == 0


def run_shell(block: Block, namespace: dict[str, Any]) -> None:
    del namespace
    for command in commands(block):
        code = run_command(command)
        assert code == command.exit_code, f"{' '.join(command.words)}: exits with {code}"


def run_command(command: ShellCommand) -> int:
    program, *arguments = command.words
    if program in SKIPPED:
        return command.exit_code
    if program == "coalactl":
        return main(shrunk(arguments))
    tools: dict[str, Callable[..., Any]] = {
        "mv": shutil.move,
        "cp": shutil.copytree,
        "mkdir": lambda *paths: [Path(path).mkdir() for path in paths],
        "ls": lambda *paths: [list(Path(path).iterdir()) for path in paths],
        "cat": lambda *paths: [Path(path).read_text() for path in paths],
    }
    assert program in tools, f"{' '.join(command.words)}: teach tests/docs/test_docs.py to run or skip {program!r}"
    tools[program](*arguments)
    return 0


def shrunk(arguments: list[str]) -> list[str]:
    """The arguments with small sizes: those of a new run after all others, so that they win."""
    if arguments[:1] == ["sweep"]:
        return shrunk_sweep(arguments)
    if arguments[:1] != ["train"] or "--dry-run" in arguments:
        return arguments
    if "--resume" in arguments:
        return with_option(arguments, "--iterations", RESUMED) if "--iterations" in arguments else arguments
    values: dict[str, Any] = SHRUNK if names_a_network(arguments) else {**SHRUNK, "network.name": NETWORK}
    if any(word.startswith("analytical-") for word in arguments):
        values = ANALYTICAL
    sizes = [word for key, value in values.items() for word in ("--set", f"{key}={value}")]
    return [*with_option(arguments, "--iterations", START), *sizes]


def shrunk_sweep(arguments: list[str]) -> list[str]:
    """A sweep of one trial, in this process: other processes would not find the small network."""
    if "--resume" in arguments or "--dry-run" in arguments:
        return arguments
    kept = list(arguments)
    if "--executor" in kept:
        for option in {"--executor", "--jobs"} & set(kept):
            place = kept.index(option)
            del kept[place : place + 2]
    values = {**SHRUNK, "network.name": NETWORK, "run.iterations": START, "meta.method": "coala-pg"}
    small = [f"{key}={value}" for key, value in {**values, "selection.seeds": [0], "meta.learning_rate": 0.1}.items()]
    if "final.seeds" not in " ".join(kept):
        small.append("final.seeds=[7]")
    return [*kept, *(word for assignment in small for word in ("--set", assignment))]


def names_a_network(arguments: list[str]) -> bool:
    """Whether a file asks for a network that is not the default one."""
    files = [Path(word) for word in arguments if word.endswith(".toml")]
    tables = [tomllib.loads(file.read_text()).get("network", {}) for file in files]
    return any(table.get("name", "hawk") != "hawk" for table in tables)


def with_option(arguments: list[str], option: str, value: str) -> list[str]:
    if option not in arguments:
        return [*arguments, option, value]
    place = arguments.index(option)
    return [*arguments[: place + 1], value, *arguments[place + 2 :]]


def run_python(block: Block, namespace: dict[str, Any]) -> None:
    code = compile(block.text, block.file or "<example>", "exec")
    if not block.file:
        exec(code, namespace)


def run_toml(block: Block, namespace: dict[str, Any]) -> None:
    """An experiment, whole or a part of one, a sweep or a pool must be valid; a ``pyproject.toml`` was used before."""
    del namespace
    if block.file == "pyproject.toml":
        return
    tables = tomllib.loads(block.text)
    if "axes" in tables or "variants" in tables:
        assert plan(read_sweep(Preset(block.file or "sweep", Path(block.file or ""), shipped=False), {}))
        return
    if "opponents" in tables:
        PoolConfig.model_validate(tables)
        return
    experiment = resolve(tables, block.file or "the page", {}).experiment
    assert validate(plain(experiment)) == experiment


RUNNERS = {"sh": run_shell, "console": run_shell, "python": run_python, "toml": run_toml}


def install(project: dict[str, Any], folder: Path) -> None:
    """What pip leaves of a package besides its modules: metadata with entry points."""
    metadata = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    lines = []
    for group, names in project["entry-points"].items():
        lines += [f"[{group}]", *(f"{name} = {target}" for name, target in names.items())]
    (metadata / "entry_points.txt").write_text("\n".join(lines) + "\n")


# --- what the pages must say ----------------------------------------------------------------------------------------


def test_the_pages_are_in_the_index_and_their_links_lead_somewhere() -> None:
    index = (DOCS / "README.md").read_text()
    for page in PAGES.values():
        text = page.read_text()
        assert page.parent != DOCS or page.name == "README.md" or f"({page.name})" in index, page.name
        for target, heading in re.findall(r"\]\(([\w./-]+\.md)?(?:#([\w-]+))?\)", text):
            aim = (page.parent / target).resolve() if target else page
            assert aim.exists(), f"{page.name} -> {target}"
            assert not heading or heading in headings(aim), f"{page.name} -> {target}#{heading}"


def headings(page: Path) -> set[str]:
    """Anchors of a page, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize(
    ("kind", "heading", "game"),
    [
        ("sequence", r"^## \[", "matrix-game"),
        ("sequence", r"^## \[", "cleanup-lite"),
        ("analytical", r"^### Analytical \[", "matrix-game"),
    ],
)
def test_configuration_lists_every_key_with_its_default(kind: str, heading: str, game: str) -> None:
    text = (DOCS / "configuration.md").read_text()
    sections = {part.partition("]")[0]: part for part in re.split(heading, text, flags=re.MULTILINE)[1:]}
    defaults = plain(validate({"kind": kind, "environment": {"name": game}}))
    for key in known_keys(kind, game):
        if key == "kind" or (key == "environment.name" and game != "matrix-game"):
            assert f'`"{kind if key == "kind" else game}"`' in text
            continue
        section, dot, name = key.partition(".")
        part = re.split(r"^##", sections.get(section, text), flags=re.MULTILINE)[0]
        rows = re.findall(rf"^\| `{re.escape(name or section)}` \| ([^|]+) \|", part, re.MULTILINE)
        assert len(rows) == 1, key
        shown = rows[0].strip().strip("`")
        default = defaults[section][name] if dot else defaults[section]
        assert tomllib.loads(f"v = {shown}")["v"] == default, key
    for name in (*AgentGroup.model_fields, *FixedStrategy.model_fields, "interpolation"):
        assert re.search(rf"\b{name}\b", text), name
    assert ScheduleConfig.model_fields["interpolation"].default == "constant"


def test_run_directory_describes_every_column() -> None:
    text = (DOCS / "run-directory.md").read_text()
    pool = ["population.meta=2", "population.p_naive=0.5", 'population.fixed=[{strategy="tit-for-tat", weight=0.3}]']
    sizes = [f"{key}={value}" for key, value in {**SHRUNK, "network.name": NETWORK}.items()]
    assignments = parse_overrides([*sizes, *pool])
    experiment = resolve({}, "", {key: (value, "--set") for key, value in assignments.items()}).experiment
    engine = _build_engine(experiment)
    state = engine.init([0])
    metrics = jax.eval_shape(engine._compiled_advance, state, jax.ShapeDtypeStruct((), "int32"))[1]
    assert engine.kinds == ("naive", "meta", "fixed")
    for column in metrics.scalars:
        general = re.sub(r"_agent_\d+$", "_agent_J", re.sub(r"_(naive|meta|fixed)$", "_KIND", column))
        assert f"`{general}`" in text, column
    for name in {*metrics.episodes, "opponent", "inner_episode", "metric", "value"}:
        assert f"`{name}`" in text, name


def test_run_directory_describes_what_a_run_writes(capsys: pytest.CaptureFixture[str]) -> None:
    text = (DOCS / "run-directory.md").read_text()
    assert main(shrunk(["train", "--quiet", "--out", "run"])) == 0
    capsys.readouterr()
    run = Path("run")
    for entry in run.iterdir():
        assert re.search(rf"^  {re.escape(entry.name)}(/\S*)? +\S", text, re.MULTILINE), entry.name
    for key in json.loads((run / "status.json").read_text()):
        assert f"`{key}`" in text, key
    metrics, episodes = pd.read_parquet(run / "metrics"), pd.read_parquet(run / "episodes")
    for column in [*metrics.columns, *episodes.columns]:
        assert f"`{re.sub(r'_naive$', '_KIND', column)}`" in text, column


def test_the_example_environment_is_one(tmp_path: Path) -> None:
    found = {block.file: block for block in blocks(DOCS / "environments.md")}
    (tmp_path / "bargaining.py").write_text(found["bargaining.py"].text)
    environment = build_environment(resolve(tomllib.loads(found["bargain.toml"].text), "", {}).experiment)
    assert isinstance(environment, Environment)
    reset, play = jax.random.split(jax.random.key(0))
    state = environment.reset(reset)
    for asked, agreed in (((0, 2), 1.0), ((2, 1), 0.0)):
        actions = jax.numpy.array(asked)
        after, rewards, events = environment.step(play, state, actions)
        assert jax.eval_shape(lambda tree: tree, after) == jax.eval_shape(lambda tree: tree, state)
        pie = float(state.pie)
        assert rewards.tolist() == pytest.approx([agreed * pie * (0.3 + 0.2 * action) for action in asked])
        assert environment.describe(state, actions, events)["agreement"].tolist() == [agreed, agreed]
        for player in (0, 1):
            seen = environment.observe(after, player)
            assert seen.shape == (environment.observation_size,)
            own = seen[environment.largest : environment.largest + 1 + environment.num_actions]
            assert int(own.argmax()) == asked[player] + 1
