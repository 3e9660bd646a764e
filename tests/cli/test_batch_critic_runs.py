"""``meta.batch_critic`` as a user runs it: a mixed pool that is killed and goes on, a new start, what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from command_line import TINY, Command, assert_one_line
from processes import assert_same_rows

from coalactl.configuration import validate
from coalactl.engines import engine_for
from coalactl.runs.checkpoints import restore, steps
from coalactl.runs.directory import RunDirectory
from coalactl.runs.metric_files import read_metrics

CRITIC, OTHER = "play", "measures"
WITH_CRITIC = f"settings = {{ batch_critic = '{CRITIC}', episode_lambda = {{ 0 = 1.0, 1 = 0.5 }} }}"
POOL = [
    f"population.meta=[{{ method = 'coala-pg', {WITH_CRITIC} }}, {{ method = 'm-fos' }}]",
    "population.fixed=[{ strategy = 'tit-for-tat', weight = 0.25 }]",
    "population.p_naive=0.7",
    "population.stratified=true",
]
SETTINGS = [*TINY, *(word for assignment in POOL for word in ("--set", assignment)), "--set", "run.checkpoint_every=2"]


def state_of(run: str, step: int) -> Any:
    """All of one agent's pool at a checkpoint: parameters, optimisers and critics."""
    directory = RunDirectory(run)
    engine = engine_for(validate(directory.read_config()))
    return restore(directory, engine.run_template, step)[1].meta


@pytest.mark.long
def test_a_killed_run_goes_on_bit_by_bit_and_another_begins_with_a_fresh_critic(train: Command) -> None:
    for name in ("whole", "cut"):
        result = train(*SETTINGS, "--iterations", "4", "--out", name, "-q")
        assert result.code == 0, result.err
    run = RunDirectory("cut")
    (run.manifests_dir / "4.json").unlink()  # as if killed between the checkpoint's commit and its manifest
    run.write_status(run.read_status()._replace(state="running", iteration=3))
    assert train("--resume", "cut", "-q").code == 0
    assert_same_rows("cut", "whole")
    assert steps(run) == [2, 4]
    half, whole = state_of("whole", 2), state_of("whole", 4)
    jax.tree.map(np.testing.assert_array_equal, state_of("cut", 4), whole)
    for now, before in zip(whole.states[0], half.states[0], strict=True):
        assert np.all(np.any(now != 0, (1, 2)))
        assert not np.array_equal(now, before)
    told = read_metrics(RunDirectory("whole"))["batch_critic_explained_variance"]
    assert np.isfinite(told[::2]).all()
    assert np.isnan(told[1::2]).all()
    assert train(*SETTINGS, "--iterations", "1", "--init-from", "whole", "--out", "next", "-q").code == 0
    start = state_of("next", 0)
    np.testing.assert_array_equal(start.params, whole.params)
    assert all(np.all(leaf == 0) for leaf in start.states[0])


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["--method", "batch-unaware", "--set", f"meta.batch_critic={CRITIC}"], "meta.batch_critic: "),
        (["--method", "batch-unaware", "--set", f"meta.batch_critic={CRITIC}"], "use 'none', or method coala-pg or"),
        (["--method", "lola-dice", "--set", "meta.algorithm=a2c", "--set", f"meta.batch_critic={CRITIC}"], "lola-dice"),
        (["--set", "meta.episode_lambda=1.1"], "meta.episode_lambda: 1.1"),
        (["--set", "meta.episode_lambda=-0.1"], "at least 0"),
        (["--set", "meta.episode_lambda={ 0 = 1.0, 9 = 2.0 }"], "at most 1"),
        (["--set", f"meta.batch_critic={CRITIC[1:]}"], f"'none', {OTHER!r} or {CRITIC!r}"),
        (["--set", f"meta.batch_critics={CRITIC}"], "did you mean 'meta.batch_critic'?"),
        (["--set", "meta.episodes_lambda=1"], "did you mean 'meta.episode_lambda'?"),
        (
            [
                *("--set", f"meta.batch_critic={OTHER}"),
                *("--set", f"population.meta=[{{ method = 'coala-pg', {WITH_CRITIC} }}, {{ method = 'm-fos' }}]"),
            ],
            f"agents with the critics {OTHER!r} and {CRITIC!r}",
        ),
        (
            ["--set", f"population.meta=[{{ method = 'batch-unaware', {WITH_CRITIC} }}]"],
            "credit of batch-unaware does not cross the batch",
        ),
        (
            ["--set", f"meta.batch_critic={CRITIC}", "--set", "population.meta=[{ method = 'batch-unaware' }]"],
            "population.meta: agent 0: meta.batch_critic",
        ),
    ],
)
def test_what_does_not_go_together_is_told_in_one_line(coalactl: Command, given: list[str], words: str) -> None:
    assert_one_line(coalactl("train", "ipd-shaping-quick", *given, "--out", "never", "-q"), words)
    assert not Path("never").exists()
