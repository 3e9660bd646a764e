"""``from coalactl import load``: an agent of a run directory, called on observations, with nothing of what trains."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from handed_on import filled
from support import naive_hyper

import coalactl
from coalactl import load
from coalactl.configuration import plain
from coalactl.errors import ExitCode, UserError
from coalactl.runs import checkpoints
from coalactl.runs.directory import RunDirectory
from coalactl.training.outcome import parameters_digest
from coalactl_core.configuration.analytical import AnalyticalExperiment
from coalactl_core.configuration.experiment import SequenceExperiment
from coalactl_core.methods import METHODS
from coalactl_core.opponents.population import opponents_of
from coalactl_core.play.rollout import Rollout
from coalactl_core.play.trajectories import play_meta_trajectories
from coalactl_core.training.engine import SequenceEngine, build_engine
from coalactl_core.types import CARRIED, FORGOTTEN, META, SHARED

GOLDEN = Path(__file__).parent.parent / "data" / "golden-run-0.1"
EPISODES, LENGTH, BATCH = 2, 3, 2
# One agent of each way in which memories cross inner episodes.
TREE: Mapping[str, Any] = {
    "environment": {"boundary": "last-joint-action"},
    "network": {"width": 4, "heads": 2, "depth": 1, "mlp_width": 4},
    "population": {
        "naive": 2,
        "meta": [
            {"method": "coala-pg"},
            {"method": "lola-dice", "settings": {"algorithm": "a2c"}},
            {"method": "shaper"},
        ],
    },
    "rollout": {
        "meta_batch_size": 2,
        "batch_size": BATCH,
        "inner_episodes": EPISODES,
        "inner_episode_length": LENGTH,
    },
    "meta": {"minibatches": 1, "epochs": 1},
    # What was chosen for a machine with accelerators, which this one is not.
    "compute": {"devices": 8, "scan": "kernel", "meta_batch_chunk": 2},
}


def engine_of(tree: Mapping[str, Any]) -> SequenceEngine:
    """As the run would be continued here."""
    return build_engine(SequenceExperiment.model_validate({**tree, "compute": {"devices": 1}}))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[SequenceEngine, Path]:
    """An engine, and a run directory as it would leave one behind, with checkpoints at 1 and 2."""
    engine, path = engine_of(TREE), tmp_path_factory.mktemp("loaded") / "pool"
    run = RunDirectory.create(path, plain(SequenceExperiment.model_validate(TREE)), {})
    for step in (1, 2):
        checkpoints.save(run, step, filled(engine.run_template, step))
    return engine, path


@pytest.fixture
def pool(made: tuple[SequenceEngine, Path]) -> Path:
    """Its copy, for a test to do with as it likes."""
    return Path(shutil.copytree(made[1], "pool"))


@pytest.mark.parametrize(("number", "crossing"), [(0, CARRIED), (1, FORGOTTEN), (2, SHARED)])
def test_agents_of_a_run_play_as_its_engine_has_them(
    made: tuple[SequenceEngine, Path], number: int, crossing: int
) -> None:
    engine, path = made
    agent, state = load(path, number), filled(engine.run_template, 2)
    np.testing.assert_array_equal(agent.params, state.meta.params[number])
    assert (agent.number, agent.step, agent.seat.crossing) == (number, 2, crossing)
    rollout = engine.rollout_of(number)
    assert agent.seat.crossing == rollout.crossing
    played, moment = engine_play(rollout, state.meta.params, number), agent.start(BATCH)
    for step in range(EPISODES * LENGTH):
        if step == LENGTH:
            moment = agent.next_episode(moment)
        seen = jax.vmap(agent.game.observe)(played.states[0, step])
        probabilities = np.asarray(agent.probabilities(seen, moment))
        taken = np.asarray(played.actions[0, step], int)
        found = np.log(np.take_along_axis(probabilities, taken[:, None], -1)[:, 0])
        np.testing.assert_allclose(found, played.log_probs[0, step], atol=2e-5)  # single precision
        _, moment = agent.act(jax.random.key(0), seen, moment)


def engine_play(rollout: Rollout, params: Any, number: int) -> Any:
    """A meta-episode of an agent with another one that does not learn."""
    met = opponents_of(jnp.asarray([META]), jnp.asarray([0]), jnp.asarray(params[:1]))
    play = jax.jit(play_meta_trajectories, static_argnames="rollout")
    own = jnp.asarray(params[number])
    return play(jax.random.key(7), own, met, naive_hyper(), rollout=rollout._replace(learns=False)).trajectory


def test_a_rule_may_be_the_one_to_say_what_memories_do(
    made: tuple[SequenceEngine, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As rules of other packages do, whose row says nothing."""
    monkeypatch.setitem(METHODS, "shaper", METHODS["shaper"]._replace(crossing=""))  # type: ignore[arg-type]
    assert load(made[1], 2).seat.crossing == SHARED


def test_two_agents_play_each_other(pool: Path) -> None:
    first, second = load(pool, 0).player(seed=0), load(str(pool), agent=2, step=1).player(seed=1)
    assert (first.agent.step, second.agent.step) == (2, 1)
    game = first.agent.game
    seen, theirs = game.start(), second.agent.game.start()
    for _ in range(LENGTH):
        own, other = first.act(seen), second.act(theirs)
        seen, theirs = game.after(own, other), second.agent.game.after(other, own)
    for player in (first, second):
        player.next_episode()
    assert first.act(game.start(last=(own, other))) in (0, 1)


def test_a_run_of_an_older_format_loads() -> None:
    agent = load(GOLDEN)
    known = json.loads(GOLDEN.with_suffix(".1.json").read_text())
    assert agent.step == 4
    assert parameters_digest(np.asarray(agent.params)[None]) == known["parameters_digest"]
    assert agent.act(jax.random.key(0), agent.game.start(), agent.start())[0] in (0, 1)


def test_it_plays_in_double_precision_as_well(pool: Path) -> None:
    expected = load(pool).probabilities(0, load(pool).start())
    with jax.enable_x64(True):
        agent = load(pool)
        _, memory = agent.act(jax.random.key(0), 0, agent.start())
        found = agent.probabilities(0, agent.next_episode(agent.start()))
    assert {leaf.dtype for leaf in jax.tree.leaves((found, memory)) if leaf.dtype.kind == "f"} == {np.dtype(float)}
    np.testing.assert_allclose(found, expected, atol=1e-6)  # single precision


def test_of_damaged_checkpoints_the_newest_whole_one_is_taken(pool: Path, caplog: pytest.LogCaptureFixture) -> None:
    for step, left in ((2, 1), (1, None)):
        (data,) = (pool / "checkpoints" / str(step) / "d").iterdir()
        data.write_bytes(data.read_bytes() + b"0")  # Orbax alone would not notice.
        if left is None:
            with pytest.raises(UserError, match="no whole checkpoint is left; the last tried is damaged") as caught:
                load(pool)
            assert caught.value.code == ExitCode.DAMAGED
        else:
            assert load(pool).step == left
            assert f"checkpoint {step} of pool is damaged" in caplog.text


def test_parameters_of_another_network_are_told(pool: Path) -> None:
    text = (pool / "config.toml").read_text()
    (pool / "config.toml").write_text(text.replace("width = 4", "width = 8"))
    with pytest.raises(UserError, match=r"checkpoint 2 of pool is incompatible with this run: meta/params is float32"):
        load(pool)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("pool", 3), "agent 3 given; pool has agents 0 to 2"),
        (("pool", -1), "agent -1 given; pool has agents 0 to 2"),
        (("pool", 0, 7), "pool has no checkpoint of step 7"),
        (("missing",), "missing: there is no such run directory"),
        (("empty",), "empty is not a run directory: it has no config.toml"),
        (("new",), "new has no checkpoint yet"),
        (("analytical",), "analytical is of kind 'analytical'; agents are those of kind 'sequence'"),
    ],
)
def test_what_there_is_not_is_told_in_a_line(pool: Path, arguments: tuple[Any, ...], told: str) -> None:
    Path("empty").mkdir()
    for name, experiment in (("analytical", AnalyticalExperiment()), ("new", SequenceExperiment())):
        RunDirectory.create(Path(name), plain(experiment), {})
    with pytest.raises(UserError) as caught:
        load(*arguments)
    assert told in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


# --- a process of its own -------------------------------------------------------------------------------------------

_PLAYS = """
import sys
import coalactl
light = not {"jax", "numpy", "pydantic"} & set(sys.modules)
agent = coalactl.load(sys.argv[1], agent=2)
player = agent.player(seed=0)
actions = [player.act(agent.game.start()), player.act(agent.game.after(0, 1))]
player.next_episode()
actions.append(player.act(agent.game.start(last=(1, 1))))
training = ("training", "learning", "rules", "credit", "numbers", "analytical", "loops.iteration")
names = {f"coalactl_core.{name}" for name in training}
loaded = sorted({"optax", "pandas", "typer"} & set(sys.modules) | {name for name in names if name in sys.modules})
import jax
kept = jax.config.jax_compilation_cache_dir
print([light, actions, loaded, kept])
"""


def test_nothing_of_what_trains_is_loaded(pool: Path, cache_folder: Path) -> None:
    done = subprocess.run([sys.executable, "-c", _PLAYS, pool], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    light, actions, loaded, kept = json.loads(done.stdout.replace("'", '"').replace("True", "true"))
    assert light
    assert {*actions} <= {0, 1}
    assert loaded == []
    assert kept == str(cache_folder / "xla")
    assert any((cache_folder / "xla").iterdir())


def test_a_compile_cache_of_ones_own_is_left_alone(pool: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = jax.config.jax_compilation_cache_dir  # type: ignore[attr-defined]
    jax.config.update("jax_compilation_cache_dir", "mine")
    load(pool)
    assert jax.config.jax_compilation_cache_dir == "mine"  # type: ignore[attr-defined]
    jax.config.update("jax_compilation_cache_dir", before)


def test_the_package_has_no_other_names() -> None:
    with pytest.raises(AttributeError, match="module 'coalactl' has no attribute 'loads'"):
        coalactl.loads  # type: ignore[attr-defined]  # noqa: B018
