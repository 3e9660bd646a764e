"""Training as a user runs it: files, resume, packs, exit codes."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace

import jax
import numpy as np
import pandas as pd
import pytest
from command_line import TINY, Command, assert_one_line
from grammar import assert_read_as_written
from processes import assert_same_rows, rows_of

from coalactl.configuration import resolve, validate
from coalactl.engines import engine_for
from coalactl.output import json_safe
from coalactl.runs.checkpoints import restore, steps
from coalactl.runs.directory import RunDirectory
from coalactl.runs.metric_files import read_episodes, read_metrics
from coalactl.tables import flatten

JSON_KEYS = {
    *("run_dir", "iterations", "steps", "seconds", "reward_vs_naive", "coplayer_reward_vs_naive", "reward_vs_meta"),
    *("defection_first", "defection_last", "parameters_digest"),
}


def test_a_run_leaves_a_complete_directory_and_one_json_object(whole: dict[str, object], train: Command) -> None:
    assert set(whole) == JSON_KEYS
    assert (whole["run_dir"], whole["iterations"], whole["reward_vs_meta"]) == ("whole", 5, None)
    assert whole["steps"] == 5 * 4 * 2 * 2 * 2
    run = RunDirectory("whole")
    assert {path.name for path in run.path.iterdir()} == {
        *("config.toml", "provenance.json", "status.json", "metrics", "episodes", "checkpoints", "manifests"),
        *("log.txt", "lock"),
    }
    status = run.read_status()
    assert (status.state, status.iteration, status.preset, status.method) == (
        *("finished", 5, "ipd-shaping-quick", "coala-pg"),
    )
    metrics, episodes = read_metrics(run), read_episodes(run)
    assert metrics["iteration"].tolist() == [0, 1, 2, 3, 4]
    assert metrics["steps"].tolist() == [32, 64, 96, 128, 160]
    assert metrics["seconds"].is_monotonic_increasing
    assert_read_as_written(metrics.columns, episodes["metric"], kinds=["naive"])
    assert set(episodes.columns) == {"iteration", "agent", "opponent", "inner_episode", "metric", "value"}
    reward = episodes.query("metric == 'reward' and opponent == 'naive'").groupby("iteration")["value"].mean()
    np.testing.assert_allclose(reward, metrics["reward_vs_naive"], rtol=1e-6)  # float32, another order of summation
    assert run.read_config()["run"]["iterations"] == 5


def test_log_every_thins_the_rows(whole: dict[str, object], train: Command) -> None:
    result = train(*TINY, "--iterations", "5", "--out", "thin", "--set", "run.log_every=3", "--json")
    assert (result.json["iterations"], result.json["steps"]) == (5, whole["steps"])
    thin, all_rows = rows_of("thin")[0], rows_of("whole")[0]
    pd.testing.assert_frame_equal(thin, all_rows[all_rows["iteration"] % 3 == 0].reset_index(drop=True))


@pytest.mark.long
def test_a_pack_trains_each_seed_and_resumes(train: Command, coalactl: Command) -> None:
    arguments = [*TINY, "--seeds", "2", "--seed", "3"]
    packed = train(*arguments, "--iterations", "3", "--out", "pack", "--json")
    assert packed.code == 0, packed.err
    assert [run["run_dir"] for run in packed.json["runs"]] == ["pack/seed-3", "pack/seed-4"]
    assert len({run["parameters_digest"] for run in packed.json["runs"]}) == 2
    assert RunDirectory("pack/seed-4").read_config()["run"]["seed"] == 4
    assert json.loads(Path("pack/pack.json").read_text())["seeds"] == [3, 4]
    assert train(*arguments, "--iterations", "2", "--out", "cut", "-q").code == 0
    resumed = train("--resume", "cut", "--iterations", "3", "--json")
    for one, other in zip(resumed.json["runs"], packed.json["runs"], strict=True):
        assert one["parameters_digest"] == other["parameters_digest"]
    assert_same_rows("cut/seed-3", "pack/seed-3")
    shown = coalactl("runs", "show", "pack")
    assert (shown.code, "mean" in shown.out) == (0, True)
    assert train("--resume", "pack", "--seeds", "5").code == 3


def test_divergence_stops_with_5_and_names_where(train: Command) -> None:
    arguments = ["--set", "meta.learning_rate=1e38", "--set", "run.checkpoint_every=1"]
    result = train(*TINY, *arguments, "--iterations", "6", "--out", "run")
    assert result.code == 5, result.err
    assert "agent 0" in result.err.splitlines()[-1]
    assert "iteration" in result.err.splitlines()[-1]
    run = RunDirectory("run")
    assert run.read_status().state == "diverged"
    assert set(steps(run)) <= {1}


def test_in_a_pack_the_others_go_on_past_a_divergence(train: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    from coalactl.training import session

    monkeypatch.setattr(
        session, "non_finite", lambda metrics, place, *others, **named: "value_loss is bad" if place == 0 else None
    )
    result = train(*TINY, "--seeds", "2", "--iterations", "2", "--out", "pack")
    assert result.code == 5
    states = [RunDirectory(f"pack/seed-{seed}").read_status().state for seed in (0, 1)]
    assert states == ["diverged", "finished"]
    assert steps(RunDirectory("pack/seed-0")) == []


def test_init_from_starts_at_another_runs_parameters(whole: dict[str, object], train: Command) -> None:
    still = ["--set", "meta.learning_rate=0.0"]
    result = train(*TINY, *still, "--iterations", "1", "--init-from", "whole", "--out", "next", "--json")
    assert result.code == 0, result.err
    assert result.json["parameters_digest"] == whole["parameters_digest"]
    wider = [*TINY, "--set", "network.mlp_width=6"]
    misfit = train(*wider, "--iterations", "1", "--init-from", "whole", "--out", "other")
    assert (misfit.code, "network" in misfit.err) == (4, True)
    assert not Path("other/config.toml").exists()


@pytest.mark.long
def test_naive_agents_start_at_a_runs_meta_agents(whole: dict[str, object], train: Command) -> None:
    drawn = train(*TINY, "--iterations", "1", "--out", "drawn", "--json")
    options = [*TINY, "--set", "population.naive_from=whole", "--json"]
    taken = train(*options, "--iterations", "2", "--out", "taken")
    assert taken.code == 0, taken.err
    assert drawn.json["parameters_digest"] != taken.json["parameters_digest"]
    assert steps(RunDirectory("taken"))[0] == 0  # where it started is in the run itself
    train(*options, "--iterations", "1", "--out", "again")
    shutil.rmtree("again/checkpoints/1")
    Path("whole").rename("moved")
    again = train("--resume", "again", "--iterations", "2", "--json")
    assert again.json["parameters_digest"] == taken.json["parameters_digest"]
    assert_one_line(train(*options, "-q", "--out", "gone"), "population.naive_from: whole: there is no run", code=2)
    assert not Path("gone").exists()


def test_an_agent_of_the_run_is_every_naive_agent_and_what_meta_agents_begin_as(whole, train: Command) -> None:
    begun = [word for key in ("naive_from", "meta_from") for word in ("--set", f"population.{key}=whole")]
    train(*TINY, "--iterations", "1", *begun, "--out", "taken", "-q")
    parts = []
    for name, step in (("whole", max(steps(RunDirectory("whole")))), ("taken", 0)):
        run = RunDirectory(name)
        engine = engine_for(validate(run.read_config()))
        parts.append(restore(run, engine.run_template, step)[1])
    whole_state, naive = parts[0], parts[1].naive.params
    assert np.array_equal(naive, np.repeat(whole_state.meta.params, len(naive), axis=0))
    assert np.array_equal(parts[1].meta.params, whole_state.meta.params)
    assert not any(np.any(leaf) for leaf in jax.tree.leaves(parts[1].meta.opt_states))


def test_of_a_pack_each_seed_takes_the_agents_of_its_own(train: Command) -> None:
    begun = {"meta": ["--init-from", "pack"], "naive": ["--set", "population.naive_from=pack"]}
    assert train(*TINY, "--iterations", "1", "--seeds", "2", "--seed", "7", "--out", "pack", "-q").code == 0
    options = ("--iterations", "1", "--seeds", "2", "--seed", "7", *begun["meta"], *begun["naive"])
    made = train(*TINY, *options, "--out", "on", "-q")
    assert made.code == 0, made.err
    engine = engine_for(validate(RunDirectory("on/seed-8").read_config()))
    theirs, ours = (
        restore(RunDirectory(f"{path}/seed-8"), engine.run_template, step)[1] for path, step in (("pack", 1), ("on", 0))
    )
    assert np.array_equal(theirs.meta.params, ours.meta.params)
    assert np.array_equal(ours.naive.params, np.repeat(theirs.meta.params, len(ours.naive.params), axis=0))
    for option in begun.values():
        refused = train(*TINY, "--seeds", "2", "--seed", "8", *option, "--out", "none", "-q")
        assert_one_line(refused, "pack/seed-9: there is no run", "of a pack with the same seeds", code=2)


def test_a_run_that_cannot_fit_says_what_would_before_anything_is_written(train: Command) -> None:
    result = train("cleanup-shaping", "--set", "rollout.meta_batch_size=1000000", "--out", "huge")
    assert_one_line(result, "memory: about", "it fits with --set ", "--set rollout.meta_batch_size=", code=2)
    assert not Path("huge").exists()


def test_the_default_directory_is_named_after_preset_method_seed_and_time(train: Command) -> None:
    result = train(*TINY, "--iterations", "1", "--seed", "7", "--method", "m-fos")
    assert result.code == 0, result.err
    assert "taking ipd-shaping-quick" in result.err
    (path,) = Path("runs").iterdir()
    assert path.name.startswith("ipd-shaping-quick-m-fos-s7-2")
    assert f"coalactl train --resume runs/{path.name} --iterations 2" in result.out


def test_quiet_says_nothing(train: Command) -> None:
    result = train(*TINY, "--iterations", "1", "--out", "run", "--quiet")
    assert result == (0, "", "")


def test_dry_run_shows_sources_and_writes_nothing(train: Command) -> None:
    result = train(*TINY, "--dry-run", "--iterations", "9", "--seeds", "2")
    assert result.code == 0, result.err
    lines = {line.split(" = ")[0]: line for line in result.out.splitlines() if " = " in line}
    assert lines["iterations"].endswith("# --iterations")
    assert lines["batch_size"].endswith("# --set")
    assert lines["minibatches"].endswith("# preset ipd-shaping-quick")
    assert lines["rematerialize"].endswith("# default")
    for word in ("parameters:", "steps:", "memory:", "disk:"):
        assert f"# {word}" in result.out
    again = resolve(tomllib.loads(result.out), "again", {}).values
    described = train(*TINY, "--dry-run", "--json").json
    assert described["sources"]["meta.method"] == "preset ipd-shaping-quick"
    assert described["config"]["rollout"]["batch_size"] == 2
    assert described["steps"] == described["steps_per_iteration"] * 120
    assert json_safe(again) == {**flatten(described["config"]), "run.iterations": 9}
    assert list(Path().iterdir()) == []


def test_an_unexpected_error_ends_in_one_line_with_the_log(train: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    from coalactl.training.session import Session

    def broken(self: Session, count: int) -> None:
        raise RuntimeError("something\nodd")

    monkeypatch.setattr(Session, "_advance", broken)
    result = train(*TINY, "--iterations", "1", "--out", "run")
    assert result.code == 1
    assert result.err.splitlines()[-1].startswith("coalactl: unexpected error: RuntimeError: something odd; ")
    assert "Traceback" not in result.err
    assert "Traceback" in Path("run/log.txt").read_text()


def test_exceptions_of_callbacks_go_to_the_log(train: Command, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(*TINY, "--iterations", "1", "--out", "run", "-q").code == 0
    error = RuntimeError("a callback after the end")
    sys.unraisablehook(SimpleNamespace(exc_type=RuntimeError, exc_value=error, exc_traceback=None))
    assert capsys.readouterr().err == ""
    assert "a callback after the end" in Path("run/log.txt").read_text()


def test_a_failed_write_ends_with_6_and_the_last_checkpoint_stands(
    train: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    from coalactl.training import store

    save = store.save

    def full(run: RunDirectory, step: int, tree: object, **more: Mapping[str, int]) -> None:
        from coalactl.runs.files import write_failures

        with write_failures(run.checkpoints_dir):
            if step == 2:
                raise OSError(28, "No space left on device")
        save(run, step, tree, **more)

    monkeypatch.setattr(store, "save", full)
    result = train(*TINY, "--iterations", "3", "--set", "run.checkpoint_every=1", "--out", "run")
    assert (result.code, "No space left" in result.err) == (6, True)
    assert steps(RunDirectory("run")) == [1]
    assert RunDirectory("run").read_status().state == "failed"


@pytest.mark.parametrize("shape", ["single", "pack"])
def test_the_end_names_only_commands_that_work(train: Command, coalactl: Command, shape: str) -> None:
    more = ["--seeds", "2"] if shape == "pack" else []
    result = train(*TINY, "--iterations", "1", "--out", "my run", *more)
    for line in result.out.splitlines():
        if "coalactl " in line:
            words = shlex.split(line[line.index("coalactl ") :])[1:]
            assert coalactl(*words).code == 0, line
