"""A number that is not finite stops a run within one call and names itself; in a pack the others go on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import pytest
from command_line import Command
from processes import SMALL, assert_same_rows

from coalactl.runs.checkpoints import steps
from coalactl.runs.directory import RunDirectory
from coalactl.training.session import Session

Poison = Callable[[Session, Any, int], Any]


def poison_parameters(place: int, value: float) -> Poison:
    def poison(session: Session, metrics: Any, count: int) -> Any:
        meta = session.state.meta
        params = jax.tree.map(lambda leaf: leaf.at[place, 0, ..., 0].set(value), meta.params)
        session.state = session.state._replace(meta=meta._replace(params=params))
        return metrics

    return poison


def poison_metric(place: int, name: str, value: float) -> Poison:
    def poison(session: Session, metrics: Any, count: int) -> Any:
        values = np.array(metrics.scalars[name])
        values[place, 0] = value
        return metrics._replace(scalars={**metrics.scalars, name: values})

    return poison


@pytest.fixture
def at_iteration_4(monkeypatch: pytest.MonkeyPatch) -> Callable[[Poison], None]:
    """Poisons the call that begins at iteration 4; calls are one iteration long."""
    advance = Session._advance

    def install(poison: Poison) -> None:
        def poisoned(self: Session, count: int) -> Any:
            at = int(np.asarray(self.state.step)[0])
            metrics = advance(self, count)
            return poison(self, metrics, count) if at == 4 else metrics

        monkeypatch.setattr(Session, "_advance", poisoned)
        monkeypatch.setattr(Session, "_count", lambda self, iteration, per_iteration: 1)

    return install


ARGUMENTS = [*SMALL, "--iterations", "8", "--set", "run.checkpoint_every=2"]


@pytest.mark.parametrize(
    ("poison", "words"),
    [
        (poison_parameters(0, np.nan), "a parameter of agent 0 is not finite after iteration 4"),
        (poison_parameters(0, np.inf), "a parameter of agent 0 is not finite after iteration 4"),
        (poison_metric(0, "policy_loss", np.nan), "policy_loss of agent 0 is not finite at iteration 4"),
        (poison_metric(0, "value_loss", -np.inf), "value_loss of agent 0 is not finite at iteration 4"),
        (poison_metric(0, "grad_norm", np.nan), "grad_norm of agent 0 is not finite at iteration 4"),
        (poison_metric(0, "reward_vs_naive", np.inf), "reward_vs_naive of agent 0 is not finite at iteration 4"),
    ],
)
def test_it_stops_within_the_call_and_names_itself(
    train: Command, at_iteration_4: Callable[[Poison], None], poison: Poison, words: str
) -> None:
    at_iteration_4(poison)
    result = train(*ARGUMENTS, "--out", "run")
    assert result.code == 5
    last = result.err.splitlines()[-1]
    assert words in last
    assert "last good checkpoint is kept" in last
    status = RunDirectory("run").read_status()
    assert (status.state, status.iteration, steps(RunDirectory("run"))) == ("diverged", 5, [2, 4])


@pytest.mark.long
def test_in_a_pack_the_others_go_on_bit_by_bit(
    train: Command, at_iteration_4: Callable[[Poison], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    pack = [*ARGUMENTS, "--seeds", "3"]
    whole = train(*pack, "--out", "whole", "--json", "-q")
    assert whole.code == 0, whole.err
    with monkeypatch.context():
        at_iteration_4(poison_parameters(1, np.nan))
        result = train(*pack, "--out", "pack")
    assert result.code == 5
    assert "pack/seed-1: a parameter of agent 0" in result.err.splitlines()[-1]
    runs = [RunDirectory(f"pack/seed-{seed}") for seed in range(3)]
    assert [run.read_status().state for run in runs] == ["finished", "diverged", "finished"]
    assert [steps(run) for run in runs] == [[6, 8], [2, 4], [6, 8]]
    for seed in (0, 2):
        assert_same_rows(f"pack/seed-{seed}", f"whole/seed-{seed}")
        assert (
            train("--resume", f"pack/seed-{seed}", "--json", "-q").json["parameters_digest"]
            == (whole.json["runs"][seed]["parameters_digest"])
        )
    again = train("--resume", "pack", "--iterations", "10")
    assert (again.code, "in an earlier attempt" in again.err) == (5, True)
    assert [steps(run)[-1] for run in runs] == [10, 4, 10]
