"""From a sweep file to its trials: every combination once, identities that stay, and one line for each mistake."""

from __future__ import annotations

import itertools
import tomllib
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from coalactl.configuration import plain, validate
from coalactl.errors import UserError
from coalactl.presets import Preset
from coalactl.sweep.definition import Sweep, find_sweep, from_tables, read_sweep, to_tables
from coalactl.sweep.plan import Trial, final_trial, identity, plan, with_seed

VALUES = {
    "meta.method": st.sampled_from(["coala-pg", "m-fos", "batch-unaware"]),
    "meta.learning_rate": st.floats(1e-5, 1.0),
    "meta.discount": st.floats(0.5, 1.0),
    "meta.normalize_advantages": st.booleans(),
    "meta.minibatches": st.sampled_from([1, 2, 4, 8]),
    "rollout.inner_episodes": st.integers(1, 50),
    "run.iterations": st.integers(1, 5000),
    "population.naive": st.integers(1, 20),
}
AXES = st.lists(st.sampled_from(sorted(VALUES)), unique=True, max_size=4).flatmap(
    lambda keys: st.fixed_dictionaries(
        {key: st.lists(VALUES[key], min_size=1, max_size=3, unique=True) for key in keys}
    )
)
SEEDS = st.lists(st.integers(0, 50), min_size=1, max_size=5, unique=True)
# A file is read and resolved for each example; how long that takes depends on the machine.
quickly = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def tables(**changes: Any) -> dict[str, Any]:
    return {
        "preset": "ipd-shaping-quick",
        "axes": {"meta.method": ["coala-pg", "m-fos"], "meta.learning_rate": [1e-3, 3e-4]},
        "selection": {"metric": "reward_vs_naive", "direction": "max", "seeds": [0, 1, 2]},
        "final": {"seeds": [7, 8]},
        **changes,
    }


def sweep_of(content: dict[str, Any], folder: Path, **overrides: Any) -> Sweep:
    file = folder / "mine.toml"
    file.write_text(tomli_w.dumps(content))
    return read_sweep(
        Preset("mine", file, shipped=False), {key.replace("__", "."): overrides[key] for key in overrides}
    )


def trials_of(content: dict[str, Any], folder: Path, **overrides: Any) -> tuple[Trial, ...]:
    return plan(sweep_of(content, folder, **overrides))


@quickly
@given(axes=AXES)
def test_every_combination_is_a_trial_once(axes: dict[str, list[Any]], tmp_path: Path) -> None:
    trials = trials_of(tables(axes=axes), tmp_path)
    assert [tuple(trial.values.values()) for trial in trials] == list(itertools.product(*axes.values()))
    assert len({trial.id for trial in trials}) == len(trials)
    for trial in trials:
        for key, value in trial.values.items():
            section, _, name = key.partition(".")
            assert plain(trial.experiment)[section][name] == value
        assert [experiment.run.seed for experiment in trial.experiments()] == [0, 1, 2]
        assert trial.id.startswith(f"{trial.method}-")


@quickly
@given(axes=AXES, data=st.data())
def test_identities_do_not_depend_on_the_order_or_on_other_trials(
    axes: dict[str, list[Any]], data: st.DataObject, tmp_path: Path
) -> None:
    trials = trials_of(tables(axes=axes), tmp_path)
    shuffled = {key: data.draw(st.permutations(axes[key])) for key in data.draw(st.permutations(sorted(axes)))}
    assert {trial.id for trial in trials_of(tables(axes=shuffled), tmp_path)} == {trial.id for trial in trials}
    one = data.draw(st.sampled_from(trials))
    (alone,) = trials_of(tables(axes={key: [value] for key, value in one.values.items()}), tmp_path)
    (fixed,) = trials_of(tables(axes={}, set=dict(one.values)), tmp_path)
    assert alone == one
    assert fixed.id == one.id


@quickly
@given(seed=st.integers(0, 2**31 - 1), keep=st.integers(2, 9), every=st.integers(1, 99), chunk=st.integers(1, 9))
def test_seed_bookkeeping_and_layout_are_no_part_of_an_identity(
    seed: int, keep: int, every: int, chunk: int, tmp_path: Path
) -> None:
    first = trials_of(tables(), tmp_path)[0].experiment
    tree = plain(first)
    tree["run"] |= {"seed": seed, "keep": keep, "log_every": every, "checkpoint_every": every}
    tree["compute"] |= {"run_chunk": chunk, "devices": chunk}
    assert identity(validate(tree)) == identity(first)
    assert identity(with_seed(first, seed)) == identity(first)
    tree["run"]["iterations"] += 1
    assert identity(validate(tree)) != identity(first)


@quickly
@given(selection=SEEDS, final=SEEDS)
def test_seeds_of_the_selection_are_never_those_of_the_final_runs(
    selection: list[int], final: list[int], tmp_path: Path
) -> None:
    content = tables(selection={"metric": "reward_vs_naive", "seeds": selection}, final={"seeds": final})
    sweep = sweep_of(content, tmp_path)
    if set(selection) & set(final):
        with pytest.raises(UserError, match=r"final\.seeds: seed \d+ is among the seeds of the selection"):
            plan(sweep)
        return
    chosen = plan(sweep)[0]
    assert final_trial(sweep, chosen).id == chosen.id
    assert [experiment.run.seed for experiment in final_trial(sweep, chosen).experiments()] == final


@pytest.mark.long
@quickly
@given(axes=AXES)
def test_the_written_sweep_gives_the_same_trials_without_preset_and_file(
    axes: dict[str, list[Any]], tmp_path: Path
) -> None:
    sweep = sweep_of(tables(axes=axes, set={"meta.clip": {"0": 0.1, "9": 0.3}}), tmp_path)
    again = from_tables(tomllib.loads(tomli_w.dumps(to_tables(sweep))), "sweep.toml")
    assert again == sweep
    assert plan(again) == plan(sweep)


def test_values_of_the_command_line_replace_those_of_the_file(tmp_path: Path) -> None:
    sweep = sweep_of(
        tables(), tmp_path, meta__learning_rate=0.1, meta__clip=0.3, final__seeds=[9], axes__meta__discount=[0.5, 1.0]
    )
    assert sweep.axes["meta.learning_rate"] == (0.1,)
    assert sweep.axes["meta.discount"] == (0.5, 1.0)
    assert (sweep.settings, sweep.final.seeds) == ({"meta.clip": 0.3}, (9,))
    assert len(plan(sweep)) == 4


def test_axes_may_be_tables_and_a_preset_a_file_beside_the_sweep(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text("[for.m-fos.meta]\nclip = 0.4\n")
    content = tables(preset="./own.toml", axes={"meta": {"method": ["coala-pg", "m-fos"]}})
    trials = trials_of(content, tmp_path)
    assert [trial.experiment.meta.clip for trial in trials] == [0.2, 0.4]


VARIANTS = {"ours": {}, "slow": {"meta.learning_rate": 1e-5, "meta.clip": 0.3}, "tables": {"meta": {"epochs": 2}}}


def test_variants_are_one_at_a_time_and_go_with_all_axes(tmp_path: Path) -> None:
    content = tables(
        axes={"meta.method": ["coala-pg", "m-fos"]},
        variants=VARIANTS,
        set={"meta.clip": 0.1, "meta.learning_rate": 1e-3},
    )
    found = trials_of(content, tmp_path)
    assert [(trial.method, trial.values["variant"]) for trial in found] == [
        *(("coala-pg", label) for label in VARIANTS),
        *(("m-fos", label) for label in VARIANTS),
    ]
    metas = [trial.experiment.meta for trial in found[:3]]
    assert [(meta.learning_rate, meta.clip, meta.epochs) for meta in metas] == [
        (1e-3, 0.1, 4),
        (1e-5, 0.3, 4),
        (1e-3, 0.1, 2),
    ]
    written = tomllib.loads(tomli_w.dumps(to_tables(sweep_of(content, tmp_path))))
    assert plan(from_tables(written, "sweep.toml")) == found


def test_without_variants_a_written_sweep_is_as_before(tmp_path: Path) -> None:
    """Folders that were begun before there were variants are still those of their sweep."""
    assert "variants" not in to_tables(sweep_of(tables(), tmp_path))


def without(table: str, key: str) -> dict[str, Any]:
    content = tables()
    content[table] = {name: value for name, value in content[table].items() if name != key}
    return content


MIXED = {"preset": "ipd-mixed-quick"}
SELECTION = tables()["selection"]
MISTAKES = [
    (
        tables(axes={"meta.learningrate": [1e-3]}),
        "meta.learningrate: there is no such key; did you mean 'meta.learning",
    ),
    (tables(axes={"meta.clip": []}), "axes.meta.clip: an empty range; give at least one value"),
    (tables(axes={"meta.clip": 0.2}), "axes.meta.clip: 0.2 given; use a list of values"),
    (tables(axes={"meta.clip": [0.2, 0.3, 0.2]}), "axes: a duplicate trial, coala-pg: clip 0.2; give each value once"),
    (tables(axes={"meta.clip": [1, 1.0]}), "axes: a duplicate trial, coala-pg: clip 1.0; give each value once"),
    (tables(axes={"meta.clip": ["much"]}), "meta.clip: 'much' given; use a number or a schedule"),
    (
        tables(axes={"meta.method": ["pg"]}),
        "meta.method: 'pg' given; use 'coala-pg', 'batch-unaware', 'm-fos', 'lola-dice', "
        "'advantage-alignment', 'loqa', 'pola', 'reciprocator', 'shaper' or 'ppi'",
    ),
    (tables(axes={"meta.minibatches": [3]}), "meta.minibatches: 3 does not divide rollout.meta_batch_size 16"),
    (tables(axes={"run.seed": [1, 2]}), "run.seed: it cannot be swept or set; seeds stand in [selection] and [final]"),
    (tables(axes={"compute.run_chunk": [1, 2]}), "axes.compute.run_chunk: no result depends on it; put it into [set]"),
    (tables(axes={"run.iterations": list(range(1, 10_002))}), "axes: 10001 combinations; use at most 10000"),
    (tables(variants={"one": {"meta.clipp": 1.0}}), "meta.clipp: there is no such key"),
    (
        tables(variants={"one": {}, "two": {"meta.clip": 0.2}}),
        "a duplicate trial, coala-pg: learning_rate 0.001, varia",
    ),
    (tables(variants={"one": {"meta.learning_rate": 1.0}}), "variants: meta.learning_rate: it is one of the axes"),
    (tables(variants={"one": {"run.keep": 3}}), "variants: run.keep: no result depends on it; put it into [set]"),
    (tables(variants={"one": {"run.seed": 3}}), "run.seed: it cannot be swept or set"),
    (tables(variants={"one": 3}), "variants.one"),
    (tables(set={"meta.learning_rate": 1.0}), "axes.meta.learning_rate: it is in [set] as well"),
    (tables(set={"meta.clip": "x"}), "meta.clip: 'x' given"),
    (
        tables(selection={**SELECTION, "metric": "reward_vs_meta"}),
        "there is no 'reward_vs_meta' in runs of this preset",
    ),
    (tables(selection={**SELECTION, "metric": "rewrd_vs_naive"}), "did you mean 'reward_vs_naive'?"),
    (tables(selection={**SELECTION, "metric": "policy_loss"}), "use for instance reward_in_pool"),
    (tables(selection={**SELECTION, "direction": "up"}), "selection.direction: 'up' given; use 'max' or 'min'"),
    (tables(selection={**SELECTION, "seeds": []}), "selection.seeds: [] given; use at least 1 entries"),
    (tables(selection={**SELECTION, "seeds": [-1]}), "selection.seeds.0: -1 given; use at least 0"),
    (tables(selection={**SELECTION, "seeds": [1, 1]}), "selection.seeds: [1, 1] given; use each seed once"),
    (tables(final={"seeds": [2, 3]}), "final.seeds: seed 2 is among the seeds of the selection; use fresh ones"),
    (tables(final={}), "final.seeds: is missing"),
    (without("selection", "metric"), "selection.metric: is missing"),
    (tables(presets="x"), "presets: there is no such key"),
    (tables(preset="ipd-shapin"), "preset 'ipd-shapin' does not exist; did you mean 'ipd-shaping'"),
]


@pytest.mark.parametrize(("content", "words"), MISTAKES, ids=[words[:40] for _, words in MISTAKES])
def test_a_mistake_is_one_line(content: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as told:
        trials_of(content, tmp_path)
    assert words in str(told.value)
    assert "\n" not in str(told.value)
    assert told.value.code == 2


def test_the_metric_may_be_any_that_the_pool_has(tmp_path: Path) -> None:
    for metric in ("reward_vs_meta", "reward_in_pool", "coplayer_reward_vs_naive", "defection_last_vs_naive"):
        assert trials_of(tables(**MIXED, selection={**SELECTION, "metric": metric}), tmp_path)


def test_a_game_has_its_own_metrics(tmp_path: Path) -> None:
    dilemma, clean = "ipd-shaping-quick", "cleanup-shaping-quick"

    def planned(metric: str, preset: str) -> tuple[Trial, ...]:
        return trials_of(tables(preset=preset, selection={**SELECTION, "metric": metric}), tmp_path)

    for metric in ("cleaning_vs_naive", "zapped_last_vs_naive", "cleaning_discrepancy_in_pool", "reward_vs_naive"):
        assert planned(metric, clean)
    for metric, preset in (
        ("defection_vs_naive", clean),
        ("cleaning_vs_naive", dilemma),
        ("reward_last_vs_naive", clean),
    ):
        with pytest.raises(UserError, match=rf"selection\.metric: there is no '{metric}'"):
            planned(metric, preset)


def test_a_sweep_that_there_is_not_is_told_with_the_nearest() -> None:
    with pytest.raises(
        UserError, match=r"sweep 'ipd-shape' does not exist; did you mean 'ipd-shaping'\?; there are cleanup-mixed"
    ):
        find_sweep("ipd-shape")
