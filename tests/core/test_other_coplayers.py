"""Naive co-players of other packages: they learn as they say, and a mistake in one is told by its name."""

import sys
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support import naive_hyper, reactive_policy

from coalactl_core.configuration.learning import NaiveConfig
from coalactl_core.envs.matrix_game import MatrixGame
from coalactl_core.errors import ConfigurationError
from coalactl_core.opponents.registry import build_coplayer
from coalactl_core.opponents.seam import Coplayer, CoplayerSetting
from coalactl_core.types import Experience

STEPS, BATCH = 4, 3
TABLES = reactive_policy()

PACKAGE = """
from functools import partial
import jax
from coalactl_core.coplayers import Algorithm
from coalactl_core.opponents import reinforce

OURS = Algorithm(build="ours:build", label="our own", keys=("exploration",))
NUMBER = Algorithm(build="ours:number", label="a number")
FAILS = Algorithm(build="ours:fails", label="fails")
ROUNDS = Algorithm(build="ours:rounds", keys=("exploration",), label="rounds")
SILENT = Algorithm(build="ours:silent", keys=("exploration",), label="behaves as nothing")
NO_ROW = 3

def build(setting):
    ours = reinforce.build(setting)
    def update(learner, experience, hyper):
        slower = hyper._replace(learning_rate=hyper.own["exploration"] * hyper.learning_rate)
        return ours.update(learner, experience, slower)
    return ours._replace(update=update)

def number(setting):
    return 3

def fails(setting):
    raise RuntimeError("no such luck")

def rounds(setting):
    def update(learner, experience, hyper):
        return learner._replace(params=jax.tree.map(lambda leaf: leaf.astype("int32"), learner.params))
    return build(setting)._replace(update=update)

def silent(setting):
    return build(setting)._replace(behave=lambda learner, seen, output, hyper: output.value)
"""


def coplayer(algorithm: str, **config: Any) -> Coplayer:
    game = MatrixGame(episode_length=STEPS)
    return build_coplayer(CoplayerSetting(NaiveConfig(algorithm=algorithm, **config), TABLES, game))


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ours.py").write_text(PACKAGE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "ours", raising=False)


@pytest.mark.usefixtures("package")
def test_one_of_another_package_learns_as_it_says() -> None:
    """By REINFORCE at a fifth of the rate."""
    ours, reinforce = coplayer("ours:OURS", optimizer="sgd"), coplayer("reinforce", optimizer="sgd")
    draws, shape = np.random.default_rng(0), (STEPS, BATCH)
    seen, actions, rewards = draws.integers(0, 5, shape), draws.integers(0, 2, shape), draws.normal(size=shape)
    experience = Experience(jnp.eye(5)[seen], jnp.asarray(actions), jnp.asarray(rewards))
    learner = ours.init(TABLES.init(jax.random.key(0)))
    hyper = naive_hyper(learning_rate=0.5, own={"exploration": 0.2})
    slower = reinforce.update(learner, experience, hyper._replace(learning_rate=jnp.asarray(0.1)))
    learnt = ours.update(learner, experience, hyper).params
    jax.tree.map(np.testing.assert_allclose, learnt, slower.params)


@pytest.mark.usefixtures("package")
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("ours:NO_ROW", "is a int; a coalactl_core.coplayers.Algorithm expected"),
        ("ours:NUMBER", "its builder gives 3; a coalactl_core.opponents.seam.Coplayer expected"),
        ("ours:FAILS", "its builder fails: RuntimeError: no such luck"),
        ("ours:ROUNDS", "update gives .*int32"),
        ("ours:SILENT", r"behave gives .*shape \(\); floats of shape \(2,\)"),
    ],
)
def test_a_mistake_in_one_is_told_by_its_name(name: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^naive.algorithm: '{name}'.*{words}"):
        coplayer(name)
