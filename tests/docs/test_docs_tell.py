"""What the pages must say: each in the index with links that lead somewhere, every key, every column."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import jax
import pytest
from pages import blocks, code_cells, notebooks, pages
from small_pages import DOCS, NETWORK, SHRUNK, build_engine

from coalactl.configuration import plain, resolve, validate
from coalactl.configuration_keys import known_keys
from coalactl.overrides import parse_overrides
from coalactl_core.configuration.automata import automaton_of
from coalactl_core.configuration.numbers import ScheduleConfig
from coalactl_core.configuration.population import AgentGroup, FixedStrategy
from coalactl_core.configuration.strategies import CLASSIC, FAMILIES, OTHERS, WITH_MEMORY, Family, rule_of
from coalactl_core.envs.base import Environment
from coalactl_core.envs.registry import build_environment

# Of a table with what a strategy does, its states and its source.
STRATEGY_ROW = r"^\| `([\w-]+)` \| ([^|]+) \| ([^|]+) \|(?: ([^|]+))? \|$"


def test_the_pages_are_in_the_index_and_their_links_lead_somewhere() -> None:
    index = (DOCS / "README.md").read_text()
    for page in pages():
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
        ("sequence", r"^## \[", "coin-game"),
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
    engine = build_engine(experiment)
    state = engine.init([0])
    metrics = jax.eval_shape(engine._compiled_advance, state, jax.ShapeDtypeStruct((), "int32"))[1]
    assert engine.sizes.kinds == ("naive", "meta", "fixed")
    for column in metrics.scalars:
        general = re.sub(r"_agent_\d+$", "_agent_J", re.sub(r"_(naive|meta|fixed)$", "_KIND", column))
        assert f"`{general}`" in text, column
    for name in {*metrics.episodes, "opponent", "inner_episode", "metric", "value"}:
        assert f"`{name}`" in text, name


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


@pytest.mark.parametrize("notebook", notebooks(), ids=lambda path: path.name)
def test_a_notebook_shows_what_came_of_it(notebook: Path) -> None:
    """Run from top to bottom in one piece, with a picture, small, and linked to from a page."""
    cells = code_cells(notebook)
    assert [cell["execution_count"] for cell in cells] == [number + 1 for number in range(len(cells))]
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert {output["output_type"] for output in outputs} <= {"stream", "display_data", "execute_result"}
    assert not [output for output in outputs if output.get("name") == "stderr"]
    assert any("image/png" in output.get("data", {}) for output in outputs)
    assert notebook.stat().st_size < 100_000
    link = f"({notebook.relative_to(DOCS).as_posix()})"
    assert any(link in page.read_text() for page in pages())


def test_files_and_what_is_in_them_are_there() -> None:
    """As docs/algorithm.md names them: `credit/returns.py` `batch_lambda_returns`, `td_errors`."""
    named = re.compile(r"`([\w/]+/\w+\.py)`((?:,? `\w+`)*)")
    files = [
        path
        for package in ("coalactl", "coalactl_core", "tests", "benchmarks")
        for path in DOCS.parent.rglob(f"{package}/**/*.py")
    ]
    counted = 0
    for page in pages():
        for file, names in named.findall(page.read_text()):
            texts = [path.read_text() for path in files if path.as_posix().endswith(f"/{file}")]
            assert texts, f"{page.name}: {file}"
            for name in re.findall(r"\w+", names):
                counted += 1
                assert any(re.search(rf"\b{name}\b", text) for text in texts), f"{page.name}: {file} {name}"
    assert counted > 30


def test_the_page_of_strategies_is_their_table() -> None:
    text = (DOCS / "strategies.md").read_text()
    rows = {name: (what, states, source) for name, what, states, source in re.findall(STRATEGY_ROW, text, re.MULTILINE)}
    for name, what in CLASSIC.items():
        assert rows.pop(name)[:2] == (what, "5")
    for name, row in {**WITH_MEMORY, **OTHERS, **FAMILIES}.items():
        what, states, source = rows.pop(name)
        assert (what, source) == (row.what, row.source)
        if states.isdecimal():
            # As many in games of any length; of families those of the example.
            rule = rule_of(row.example) if isinstance(row, Family) else row.rule
            assert [len(automaton_of(rule, moves).cooperation) for moves in (20, 50)] == [int(states)] * 2, name
    assert rows == {}
