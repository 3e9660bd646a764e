"""Analytical experiments on the command line: their rows, seeds in one run, resume, starts at other runs, refusals."""

from __future__ import annotations

import dataclasses
import json
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from command_line import Command, assert_one_line
from grammar import assert_read_as_written
from processes import assert_same_rows, leftovers, rows_of, start

from coalactl.runs.checkpoints import steps
from coalactl.runs.directory import RunDirectory
from coalactl.runs.metric_files import read_episodes, read_metrics
from coalactl_core.analytical import engine as engines

TINY = """
kind = "analytical"
population = { meta = 2, p_naive = 0.5 }
naive = { learners = 2, steps = 2, learning_rate = 1.0 }
run = { iterations = 8, seeds = 2, evaluate_every = 2, log_every = 1, checkpoint_every = 4 }
compute = { devices = 1 }
"""

_engines: dict[str, Any] = {}


@pytest.fixture(autouse=True)
def _file() -> None:
    Path("tiny.toml").write_text(TINY)


@pytest.fixture
def train(coalactl: Command, monkeypatch: pytest.MonkeyPatch) -> Command:
    """``coalactl train`` with programs that are kept for all tests of equal static choices."""
    build = engines.build_analytical_engine

    def kept(experiment: Any) -> Any:
        fresh = build(experiment)
        tree = fresh.experiment.model_dump(mode="json", exclude={"run": {"iterations", "seed"}})
        first = _engines.setdefault(json.dumps(tree), fresh)
        engine = dataclasses.replace(first, experiment=fresh.experiment)
        object.__setattr__(engine, "_compiled_advance", first._compiled_advance)
        return engine

    monkeypatch.setattr(engines, "build_analytical_engine", kept)
    return lambda *arguments: coalactl("train", *arguments)


# --- a run and what is told of it -----------------------------------------------------------------------------------


def test_rows_name_iteration_seed_and_agent(train: Command) -> None:
    assert train("tiny.toml", "--seed", "5", "--out", "run", "-q").code == 0
    metrics, episodes = read_metrics(RunDirectory("run")), read_episodes(RunDirectory("run"))
    expected = [(iteration, seed, agent) for iteration in range(8) for agent in (0, 1) for seed in (5, 6)]
    assert list(metrics[["iteration", "seed", "agent"]].itertuples(index=False, name=None)) == expected
    assert "steps" not in metrics
    evaluated = metrics["iteration"] % 2 == 0
    measures = metrics.drop(columns=["iteration", "seed", "agent", "seconds", "grad_norm"])
    assert measures[evaluated].notna().all(axis=None)
    assert measures[~evaluated].isna().all(axis=None)
    assert metrics["grad_norm"].notna().all()
    assert_read_as_written(metrics.columns, episodes["metric"], kinds=["naive", "meta"])
    assert len(episodes) == 4 * 2 * 2 * 4 * 3  # evaluations, seeds, agents, measures, inner episodes
    assert set(episodes["opponent"]) == {"naive"}
    of_each = episodes[episodes["metric"] == "reward"].groupby(["iteration", "agent", "seed"])["value"]
    # Sums of three and of four numbers in another order.
    np.testing.assert_allclose(of_each.mean(), metrics.loc[evaluated, "reward_vs_naive"], atol=1e-14)
    np.testing.assert_allclose(of_each.last(), metrics.loc[evaluated, "reward_last_vs_naive"], atol=1e-14)


def test_seeds_are_all_in_one_run_and_do_not_depend_on_how_many_there_are(train: Command) -> None:
    assert train("tiny.toml", "--out", "two", "-q").code == 0
    assert train("tiny.toml", "--seeds", "3", "--out", "three", "-q").code == 0
    assert not (Path("three") / "pack.json").exists()
    assert RunDirectory("three").read_config()["run"]["seeds"] == 3
    two, three = rows_of("two")[0], rows_of("three")[0]
    assert set(three["seed"]) == {0, 1, 2}
    shared = three[three["seed"] < 2].reset_index(drop=True)
    # What rounds is how wide the arrays are that are computed; the solves have condition 1000 at γ .999.
    pd.testing.assert_frame_equal(shared, two, check_exact=False, atol=1e-10, rtol=1e-10)


def test_json_has_the_medians_and_quartiles_of_the_metric_file(train: Command) -> None:
    told = train("tiny.toml", "--seeds", "3", "--iterations", "24", "--out", "run", "--json", "-q").json
    metrics = read_metrics(RunDirectory("run"))
    window = metrics[metrics["iteration"] >= 24 - 3]
    for column in ("reward_vs_naive", "coplayer_reward_vs_naive", "reward_vs_meta"):
        of_seeds = [window.loc[window["seed"] == seed, column].mean() for seed in range(3)]
        np.testing.assert_allclose(told[column], np.median(of_seeds), rtol=1e-12)
        np.testing.assert_allclose(told["quartiles"][column], np.quantile(of_seeds, [0.25, 0.75]), rtol=1e-12)
    assert told["quartiles"].keys() >= {"zd_error", "random_zd_error", "cooperation_dc", "defection_last_vs_naive"}
    assert told["steps"] == 0


def test_the_newest_evaluation_is_told_where_none_is_in_the_last_tenth(train: Command) -> None:
    """Of eight iterations that is the last one, and every second is evaluated."""
    told = train("tiny.toml", "--out", "run", "--json", "-q").json
    newest = read_metrics(RunDirectory("run")).query("iteration == 6").groupby("seed")["reward_vs_naive"].mean()
    assert told["reward_vs_naive"] == pytest.approx(newest.median(), rel=1e-12)


def test_runs_and_the_dry_run_tell_of_it(train: Command, coalactl: Command) -> None:
    dry = train("tiny.toml", "--seeds", "7", "--dry-run", "--out", "run")
    assert (dry.code, Path("run").exists()) == (0, False)
    assert "7" in next(line for line in dry.out.splitlines() if "seeds" in line)
    finished = train("tiny.toml", "--out", "runs/one")
    assert (finished.code, "zd error" in finished.out + finished.err) == (0, True)
    listed = coalactl("runs", "ls", "--json").json
    assert [(run["status"], run["method"]) for run in listed] == [("finished", "shaping")]
    shown = coalactl("runs", "show", "runs/one")
    assert (shown.code, "cooperation" in shown.out) == (0, True)


# --- interruptions --------------------------------------------------------------------------------------------------


@pytest.mark.long
def test_killed_in_a_save_and_resumed_with_another_log_interval(train: Command) -> None:
    whole = train("tiny.toml", "--out", "whole", "--json", "-q").json
    process = start("train", "tiny.toml", "--out", "cut", "-q", dying_at="commit", nth=2)
    _, err = process.communicate(timeout=300)
    assert process.returncode == -signal.SIGKILL, err
    assert steps(RunDirectory("cut")) == [4]
    resumed = train("--resume", "cut", "--set", "run.log_every=3", "--json", "-q")
    assert resumed.code == 0, resumed.err
    assert resumed.json["parameters_digest"] == whole["parameters_digest"]
    assert leftovers("cut") == []
    for rows, all_rows in zip(rows_of("cut"), rows_of("whole"), strict=True):
        expected = all_rows[(all_rows["iteration"] < 4) | (all_rows["iteration"] % 3 == 0)]
        pd.testing.assert_frame_equal(rows, expected.reset_index(drop=True), check_exact=True)


def test_resumed_with_more_iterations_it_is_the_longer_run(train: Command) -> None:
    assert train("tiny.toml", "--iterations", "3", "--out", "cut", "-q").code == 0
    assert train("--resume", "cut", "--iterations", "8", "-q").code == 0
    assert train("tiny.toml", "--out", "whole", "-q").code == 0
    assert_same_rows("cut", "whole")


def test_divergence_names_agent_seed_and_iteration(train: Command) -> None:
    far = ["--set", "meta.learning_rate=1e300", "--seed", "3", "-q"]
    # AdamW decays a logit of 1e300 by more than there is; what follows from NaN is NaN.
    by_parameter = train("tiny.toml", *far, "--iterations", "2", "--out", "short")
    assert_one_line(by_parameter, "a parameter of agent 0 of seed 3 is not finite after iteration 1", code=5)
    by_metric = train("tiny.toml", *far, "--out", "long", "--set", "run.checkpoint_every=100")
    assert_one_line(by_metric, "grad_norm of agent 0 of seed 3 is not finite at iteration", code=5)
    assert RunDirectory("long").read_status().state == "diverged"


# --- starts at other runs -------------------------------------------------------------------------------------------


@pytest.mark.long
def test_single_agents_of_four_seeds_meet_in_pairs(train: Command) -> None:
    alone = ["--set", "population.meta=1", "--set", "population.p_naive=1.0", "--seeds", "4", "--iterations", "1"]
    assert train("tiny.toml", *alone, "--out", "alone", "-q").code == 0
    trained = read_metrics(RunDirectory("alone")).query("iteration == 0")
    met = train("tiny.toml", "--init-from", "alone", "--out", "met", "-q", "--set", "meta.learning_rate=0.0")
    assert met.code == 0, met.err
    started = read_metrics(RunDirectory("met")).query("iteration == 0").sort_values(["seed", "agent"])
    assert started["seed"].tolist() == [0, 0, 1, 1]
    # Rows are of before a step, and AdamW's at rate .02 on logits moves a probability by .005; these differ by more.
    for state in ("start", "cc", "cd", "dc", "dd"):
        one, other = (rows[f"cooperation_{state}"].to_numpy() for rows in (trained, started))
        np.testing.assert_allclose(other, one, atol=0.0055)
        assert np.abs(np.subtract.outer(one, one))[np.triu_indices(4, 1)].max() > 0.1


def test_another_number_of_policies_is_refused(train: Command) -> None:
    alone = ["--set", "population.meta=1", "--set", "population.p_naive=1.0", "--seeds", "4", "--iterations", "1"]
    assert train("tiny.toml", *alone, "--out", "alone", "-q").code == 0
    result = train("tiny.toml", "--seeds", "3", "--init-from", "alone", "--out", "met", "-q")
    assert_one_line(result, "--init-from alone", "it has 4 policies (here 6", code=4)
    assert not Path("met").exists()


# --- several devices ------------------------------------------------------------------------------------------------


@pytest.mark.long
def test_seeds_spread_over_devices_train_as_on_one(train: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    assert train("tiny.toml", "--out", "one", "-q").code == 0
    monkeypatch.setenv("JAX_NUM_CPU_DEVICES", "2")
    process = start("train", "tiny.toml", "--set", "compute.devices=2", "--out", "two", "-q")
    _, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    one, two = rows_of("one")[0], rows_of("two")[0]
    pd.testing.assert_frame_equal(one, two, check_exact=False, atol=1e-10, rtol=1e-10)  # as above
    process = start("train", "tiny.toml", "--set", "compute.devices=2", "--seeds", "3", "--out", "never", "-q")
    _, err = process.communicate(timeout=300)
    assert process.returncode == 2
    assert (
        err
        == "coalactl: compute.devices: 2 does not divide run.seeds 3; use 1, or a run.seeds that is a multiple of 2\n"
    )


# --- refusals -------------------------------------------------------------------------------------------------------

REFUSED = [
    ("environment.discount=1.0", "environment.discount", "less than 1"),
    ("environment.discount=-0.1", "environment.discount", "at least 0"),
    ("environment.payoffs=[[1.0, inf], [0, 0]]", "environment.payoffs", "finite"),
    ("meta.initial=no-such", "meta.initial", "'tit-for-tat'"),
    ("meta.initial_logit=-1.0", "meta.initial_logit", "at least 0"),
    ("meta.method=coala-pg", "meta.method", "'lola-dice'"),
    ("meta.objective=max", "meta.objective", "'sum'"),
    ("meta.restart_optimizer_at=[0]", "meta.restart_optimizer_at", "at least 1"),
    ("lola.look_aheads=-1", "lola.look_aheads", "at least 0"),
    ("naive.steps=-1", "naive.steps", "at least 0"),
    ("naive.learners=0", "naive.learners", "at least 1"),
    ("naive.returns=scaled", "naive.returns", "'raw'"),
    ("population.p_naive=1.5", "population.p_naive", "at most 1"),
    ("population.meta=1", "population.p_naive", "at least 2"),
    ("population.fixed=[{ strategy = 'no-such', weight = 0.1 }]", "population.fixed", "tit-for-tat"),
    (
        "population.fixed=[{ strategy = 'tit-for-tat', weight = 0.9 }, { strategy = 'always-defect', weight = 0.9 }]",
        *("population.fixed", "1.8"),
    ),
    ("compute.devices=0", "compute.devices", "'auto'"),
    ("compute.devices=2", "compute.devices", "JAX has 1 here"),
    ("compute.precision=float16", "compute.precision", "'float32'"),
    ("run.seeds=0", "run.seeds", "at least 1"),
    ("run.evaluate_every=0", "run.evaluate_every", "at least 1"),
    ("rollout.batch_size=2", "rollout", "no such"),
    ("network.width=2", "network", "no such"),
]


@pytest.mark.parametrize(("assignment", "key", "words"), REFUSED, ids=[given[:40] for given, *_ in REFUSED])
def test_a_bad_value(coalactl: Command, assignment: str, key: str, words: str) -> None:
    assert_one_line(coalactl("train", "tiny.toml", "--set", assignment, "--out", "run", "-q"), key, words)
    assert not Path("run").exists()


def test_lola_looks_ahead_at_another_agent(coalactl: Command) -> None:
    alone = ["--set", "population.meta=1", "--set", "population.p_naive=1.0", "--method", "lola-dice"]
    assert_one_line(coalactl("train", "tiny.toml", *alone, "--out", "run"), "population.meta", "at least 2")


def test_methods_belong_to_a_kind(coalactl: Command) -> None:
    assert_one_line(coalactl("train", "tiny.toml", "--method", "m-fos", "--out", "run"), "meta.method", "'shaping'")
    assert_one_line(coalactl("train", "--method", "shaping", "-q", "--out", "run"), "meta.method", "'coala-pg'")


def test_seeds_stay_below_the_end_of_their_range(coalactl: Command) -> None:
    result = coalactl("train", "tiny.toml", "--seed", "2147483647", "--out", "run", "-q")
    assert_one_line(result, "run.seeds", "fewer")
