"""The benchmark: its parts are those of a training iteration, and its results can be read and compared."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import pytest
from command_line import Command
from support import recurrent_policy

from coalactl.bench import child
from coalactl.bench.measure import measure
from coalactl.bench.sizes import SIZES, experiment_of
from coalactl.errors import ExitCode, UserError
from coalactl_core.configuration.experiment import SequenceExperiment
from coalactl_core.training.engine import SequenceEngine, build_engine
from coalactl_core.training.parts import Parts

ROOT = Path(__file__).parents[2]
MACHINE = {
    "date": "2026-01-01T00:00:00+00:00",
    "cpu": "A Processor",
    "cores": 2,
    "python": "3.11.0",
    "packages": {"jax": "0.10.2"},
    "source": {"revision": "0123456789abcdef", "modified": False},
    "devices": ["cpu:0"],
    "threads": {},
    "flags": {},
}


def small_network(config: Any, observation_size: int, num_actions: int, scan: str) -> Any:
    """A network that compiles in a moment."""
    return recurrent_policy(3)


TINY = SequenceExperiment.model_validate(
    {
        "network": {"name": f"{__name__}:small_network"},
        "population": {"naive": 2},
        "rollout": {"meta_batch_size": 4, "batch_size": 2, "inner_episodes": 3, "inner_episode_length": 2},
        "meta": {"algorithm": "a2c"},
        "naive": {"learning_rate": 0.3},
    }
)


class Measured(NamedTuple):
    """What one measurement gave, and the compiled programs that it measured."""

    result: dict[str, Any]
    engine: SequenceEngine
    parts: Parts


@pytest.fixture(scope="module")
def measured() -> Iterator[Measured]:
    """Everything is compiled once, without optimisations."""
    engine, said = build_engine(TINY), []
    unoptimized = jax.config.read("jax_disable_most_optimizations")
    jax.config.update("jax_disable_most_optimizations", True)
    parts = engine.parts(engine.init([0]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("coalactl.bench.measure.sequence_engine_for", lambda experiment: engine)
        patch.setattr(SequenceEngine, "parts", lambda engine, state: parts)
        result = measure(TINY, repeats=3, seconds=0.01, tell=said.append)
    assert said == ["compiling", "compiling the parts", *(f"repeat {number} of 3" for number in (1, 2, 3))]
    yield Measured({"size": "ipd-16", **result, **MACHINE}, engine, parts)
    jax.config.update("jax_disable_most_optimizations", unoptimized)


@pytest.fixture
def result(measured: Measured) -> dict[str, Any]:
    return measured.result


@pytest.mark.long
def test_the_parts_together_are_a_training_iteration(measured: Measured) -> None:
    learners, _ = measured.parts.learn()
    engine = measured.engine
    state, metrics = engine.advance(engine.init([0]), 1)
    # Compiled apart, sums may be rounded otherwise.
    np.testing.assert_allclose(learners.params, state.meta.params, rtol=1e-5, atol=1e-6)
    outcomes = measured.parts.play_and_teach().played[0].outcomes["reward"]
    np.testing.assert_allclose(
        np.mean(outcomes[0, 0, :, :, 0]), metrics.scalars["reward_vs_naive"][0, 0, 0], rtol=1e-5, atol=1e-6
    )


@pytest.mark.long
def test_without_their_updates_co_players_play_on_as_they_began(measured: Measured) -> None:
    parts = measured.parts
    still, taught = parts.play().played[0].kept, parts.play_and_teach().played[0].kept
    # The first inner episode of each meta-episode.
    assert (still.actions[:, :, :, 0] == taught.actions[:, :, :, 0]).all()
    assert not (still.rewards == taught.rewards).all()


def test_every_measure_has_a_median_within_its_quartiles(result: dict[str, Any]) -> None:
    for name, (low, high) in result["quartiles"].items():
        assert low <= result[name] <= high, name
    for name in ("iteration_seconds", "rollout_seconds", "learn_seconds", "compile_seconds", "sgemm_gflops"):
        assert result[name] > 0, name
    speed = TINY.steps_per_iteration / result["iteration_seconds"]
    assert result["steps_per_second"] == pytest.approx(speed)
    assert result["max_rss_bytes"] > 50e6


def test_sizes_are_presets_with_another_meta_batch() -> None:
    for name in SIZES:
        assert experiment_of(name).rollout.meta_batch_size == int(name.rpartition("-")[2])


def test_results_are_a_table_or_json_and_a_file(
    coalactl: Command, result: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "measure_in_child", lambda size, **rest: {**result, "size": size})
    printed = coalactl("bench", "--json", "--out", "one.json")
    assert printed.code == 0
    assert [each["size"] for each in printed.json] == ["ipd-16", "ipd-128"]
    assert json.loads(Path("one.json").read_text()) == printed.json
    table = coalactl("bench", "--size", "ipd-32", "--size", "ipd-32").out
    assert table.count("ipd-32") == 1
    assert "revision 0123456789ab" in table


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--size", "ipd-17"], ["ipd-17", "did you mean 'ipd-16'?", "ipd-16, ipd-32, ipd-128"]),
        (["--out", "there.json"], ["there.json: exists already"]),
        (["--out", "nowhere/x.json"], ["nowhere: no such directory"]),
    ],
)
def test_mistakes_are_told_before_anything_is_measured(
    coalactl: Command, arguments: list[str], words: list[str]
) -> None:
    Path("there.json").write_text("[]")
    told = coalactl("bench", *arguments)
    assert (told.code, told.out, len(told.err.splitlines())) == (ExitCode.USAGE, "", 1)
    for word in words:
        assert word in told.err


def test_a_measurement_that_fails_is_one_line() -> None:
    with pytest.raises(UserError, match="measuring nothing ended with exit code 1: KeyError") as failure:
        child.measure_in_child("nothing", repeats=1, seconds=0.0, tell=lambda text: None)
    assert failure.value.code is ExitCode.FAILED


def test_two_files_are_compared(result: dict[str, Any], tmp_path: Path) -> None:
    faster = {**result, "steps_per_second": 2 * result["steps_per_second"], "cores": 4}
    for name, content in (("old.json", result), ("new.json", faster)):
        (tmp_path / name).write_text(json.dumps([content]))
    command = [sys.executable, ROOT / "benchmarks/compare.py", "old.json", "new.json"]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert any("steps_per_second" in line and " 2.00" in line for line in lines)
    assert "  not the same cores: 2 -> 4" in lines
