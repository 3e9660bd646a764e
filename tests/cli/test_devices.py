"""A meta-batch spread over several devices: the same training up to the order of summation, whole run directories."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from processes import SMALL, assert_same_rows, start

from coalactl.runs.directory import RunDirectory
from coalactl.runs.metric_files import read_metrics

Train = Callable[..., tuple[int, str, str]]


@pytest.fixture
def train(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Train:
    """``coalactl train`` in a process of its own, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COALACTL_CACHE_DIR", str(tmp_path.parent / "cache"))

    def run(*arguments: str, devices: int) -> tuple[int, str, str]:
        monkeypatch.setenv("JAX_NUM_CPU_DEVICES", str(devices))
        process = start("train", *arguments)
        said, complaints = process.communicate(timeout=300)
        return process.returncode, said, complaints

    return run


@pytest.mark.long
def test_two_devices_train_as_one_does_and_go_on_where_they_stopped(train: Train) -> None:
    small = [*SMALL, "--set", "rollout.meta_batch_size=4", "--set", "run.checkpoint_every=2", "-q"]
    # Parts of the state that come from what each device played.
    small += ["--set", "naive.optimizer_state=kept", "--set", "meta.batch_critic=play"]
    for name, devices, iterations in (("one", 1, 4), ("two", 2, 4), ("cut", 2, 2)):
        code, _, complaints = train(*small, "--iterations", str(iterations), "--out", name, devices=devices)
        assert code == 0, complaints
    assert devices_of("two") == 2
    one, two = (read_metrics(RunDirectory(name)).select_dtypes("floating") for name in ("one", "two"))
    assert np.isfinite(one[["reward_vs_naive", "policy_loss", "grad_norm"]].to_numpy()).all()
    # The first iterations only, since rounding grows; float32 sums of some tens of terms.
    np.testing.assert_allclose(one[:2].drop(columns="seconds"), two[:2].drop(columns="seconds"), atol=1e-5)
    code, said, complaints = train("--resume", "cut", "--iterations", "4", "--json", devices=2)
    assert code == 0, complaints
    assert_same_rows("cut", "two")
    _, again, _ = train("--resume", "two", "--json", devices=2)
    assert json.loads(said)["parameters_digest"] == json.loads(again)["parameters_digest"]


@pytest.mark.long
def test_eight_devices_draw_what_one_draws_and_find_the_same_gradients(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAX_NUM_CPU_DEVICES", "8")
    program = Path(__file__).parents[1] / "on_devices.py"
    subprocess.run([sys.executable, program, tmp_path / "found.npz"], check=True, timeout=600)
    with np.load(tmp_path / "found.npz") as found:
        one, eight = ({name: found[f"{name}-{count}"] for name in NAMES} for count in (1, 8))
    assert (int(one["devices"]), int(eight["devices"])) == (1, 8)
    for name in ("actions", "kinds", "numbers"):
        np.testing.assert_array_equal(one[name], eight[name])
    assert set(one["kinds"].flat) == {0, 1, 2}  # naive and meta agents and fixed strategies were drawn
    assert (np.abs(one["gradients"]).max((1, 2, 3)) > 1e-2).all()
    np.testing.assert_allclose(one["gradients"], eight["gradients"], atol=1e-5, rtol=0)
    # An eighth each of what one does, and what all do alike: opponents, targets, optimisers, metrics.
    assert eight["operations"] < one["operations"] / 4


NAMES = ("actions", "kinds", "numbers", "gradients", "devices", "operations")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["--devices", "9"], "9 given, but JAX has 8 here; use at most that"),
        (
            ["--devices", "all"],
            "8 does not divide a minibatch, which has 6 meta-episodes; "
            "use 1, 2, 3, 6, or a rollout.meta_batch_size that is a multiple of 16",
        ),
        (["--set", "compute.devices=4"], "4 does not divide a minibatch, which has 6 meta-episodes; use 1, 2, 3, 6"),
        (["--devices", "many"], "'many' given; use a whole number from 1 to 1000 or 'auto' or 'all'"),
        (["--devices", "0"], "0 given; use"),
    ],
)
def test_devices_that_do_not_fit_are_refused(train: Train, given: list[str], words: str) -> None:
    sizes = ["--set", "rollout.meta_batch_size=12", "--set", "meta.minibatches=2"]
    code, _, complaints = train(*SMALL, *sizes, *given, "--out", "never", "-q", devices=8)
    assert code == 2
    assert len(complaints.strip().splitlines()) == 1
    assert complaints.startswith("coalactl: compute.devices: ")
    assert words in complaints
    assert not Path("never").exists()


@pytest.mark.long
def test_a_run_goes_on_with_other_devices_where_it_is_told_to(train: Train) -> None:
    small = [*SMALL, "--set", "rollout.meta_batch_size=4", "--set", "run.checkpoint_every=2", "-q"]
    for name, asked, count in (("one", "1", 1), ("all", "all", 2)):
        code, _, complaints = train(*small, "--devices", asked, "--iterations", "2", "--out", name, devices=2)
        assert (code, complaints) == (0, "")
        assert devices_of(name) == count
    code, _, complaints = train("--resume", "one", "--devices", "all", "--iterations", "4", "-q", devices=2)
    assert code == 0, complaints
    assert "devices: 1 so far, 2 from here on" in complaints
    assert devices_of("one") == 2
    assert len(read_metrics(RunDirectory("one"))) == 4
    # What is read of a run needs no devices; what is trained does.
    code, said, complaints = train("--resume", "all", "--devices", "all", "--json", "-q", devices=1)
    assert (code, complaints, json.loads(said)["iterations"], devices_of("all")) == (0, "", 2, 2)
    code, _, complaints = train("--resume", "all", "--iterations", "4", "-q", devices=1)
    assert (code, complaints) == (2, "coalactl: compute.devices: 2 given, but JAX has 1 here; use at most that\n")


def devices_of(run: str) -> int:
    return tomllib.loads(RunDirectory(run).config_file.read_text())["compute"]["devices"]
