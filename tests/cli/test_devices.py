"""A meta-batch spread over several devices: the same training up to the order of summation, whole run directories."""

from __future__ import annotations

import json
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


@pytest.mark.slow
def test_two_devices_train_as_one_does_and_go_on_where_they_stopped(train: Train) -> None:
    small = [*SMALL, "--set", "rollout.meta_batch_size=4", "--set", "run.checkpoint_every=2", "-q"]
    for name, devices, iterations in (("one", 1, 4), ("two", 2, 4), ("cut", 2, 2)):
        code, _, complaints = train(*small, "--iterations", str(iterations), "--out", name, devices=devices)
        assert code == 0, complaints
    assert tomllib.loads(RunDirectory("two").config_file.read_text())["compute"]["devices"] == 2
    one, two = (read_metrics(RunDirectory(name)).select_dtypes("floating") for name in ("one", "two"))
    assert np.isfinite(one[["reward_vs_naive", "policy_loss", "grad_norm"]].to_numpy()).all()
    # The first iterations only, since rounding grows; float32 sums of some tens of terms.
    np.testing.assert_allclose(one[:2].drop(columns="seconds"), two[:2].drop(columns="seconds"), atol=1e-5)
    code, said, complaints = train("--resume", "cut", "--iterations", "4", "--json", devices=2)
    assert code == 0, complaints
    assert_same_rows("cut", "two")
    _, again, _ = train("--resume", "two", "--json", devices=2)
    assert json.loads(said)["parameters_digest"] == json.loads(again)["parameters_digest"]


def test_too_many_devices_are_refused(train: Train) -> None:
    for given, words in (("compute.devices=2", "JAX has 1 here"), ("compute.devices=3", "does not divide a minibatch")):
        code, _, complaints = train(*SMALL, "--set", given, "--out", "never", "-q", devices=1)
        assert code == 2
        assert len(complaints.strip().splitlines()) == 1
        assert complaints.startswith("coalactl: compute.devices: ")
        assert words in complaints
    assert not Path("never").exists()
