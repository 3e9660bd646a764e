"""Sweeps that are shipped: each can be planned, and those of the paper are its tables."""

from __future__ import annotations

import itertools

import pytest

from coalactl.configuration import plain
from coalactl.presets import preset_directory
from coalactl.sweep.definition import find_sweep, read_sweep
from coalactl.sweep.plan import plan
from coalactl.tables import flatten


@pytest.mark.parametrize("name", sorted(path.stem for path in (preset_directory() / "sweeps").glob("*.toml")))
def test_every_shipped_sweep_can_be_planned(name: str) -> None:
    sweep = read_sweep(find_sweep(name), {})
    trials = plan(sweep)
    assert len({trial.id for trial in trials}) == len(trials) > 1
    assert not {*sweep.selection.seeds} & {*sweep.final_seeds}


@pytest.mark.parametrize(
    ("name", "trials", "runs"), [("ipd-shaping", 72, 216), ("ipd-mixed", 72, 216), ("ipd-shaping-quick", 9, 27)]
)
def test_the_shipped_sweeps_are_those_of_the_paper(name: str, trials: int, runs: int) -> None:
    sweep = read_sweep(find_sweep(name), {})
    planned = plan(sweep)
    assert (len(planned), sum(len(trial.seeds) for trial in planned)) == (trials, runs)
    assert (len(sweep.selection.seeds), len(sweep.final_seeds)) == (3, 5)  # App. B.4
    assert sweep.axes["meta.learning_rate"] == (3e-3, 1e-3, 3e-4)  # Table 3
    if name != "ipd-shaping-quick":
        assert sweep.axes["meta.normalize_advantages"] == (False, True)
        assert sweep.axes["meta.discount"] == (0.999, 1.0)
        assert sweep.axes["meta.gae_lambda"] == (0.98, 1.0)


@pytest.mark.parametrize(
    ("name", "discounts", "rates", "optimizer"),
    [
        ("cleanup-shaping", (0.999, 1.0), (3e-3, 1e-3, 3e-4), "adam"),
        ("cleanup-mixed", (1.0,), (0.03, 0.01, 0.5, 1.0), "sgd"),
    ],
)
def test_the_sweeps_of_cleanup_are_table_6(
    name: str, discounts: tuple[float, ...], rates: tuple[float, ...], optimizer: str
) -> None:
    sweep = read_sweep(find_sweep(name), {})
    found = [trial.experiment.meta for trial in plan(sweep)]
    values = {(meta.method, meta.normalize_advantages, meta.discount, meta.learning_rate) for meta in found}
    methods = ("coala-pg", "m-fos", "batch-unaware")
    assert values == set(itertools.product(methods, (False, True), discounts, rates))
    assert len(found) == len(values)
    assert {meta.optimizer for meta in found} == {optimizer}
    assert (len(sweep.selection.seeds), len(sweep.final_seeds)) == (3, 5)  # App. B.4


def test_the_open_choices_are_one_change_each() -> None:
    ours, *others = plan(read_sweep(find_sweep("open-choices"), {}))
    assert ours.values == {"variant": "ours"}
    base = flatten(plain(ours.experiment))
    changed = {
        trial.values["variant"]: {key for key, value in flatten(plain(trial.experiment)).items() if value != base[key]}
        for trial in others
    }
    assert changed.pop("m-fos-on-returns") == {"meta.method", "meta.credit"}
    assert all(len(keys) == 1 for keys in changed.values()), changed
    assert ours.seeds == (100, 101, 102, 103, 104)
