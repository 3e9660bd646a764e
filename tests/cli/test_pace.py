"""Estimates of time: from what trainings leave behind or `doctor` measures, marked as estimates, and never measured."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import TINY, Command

from coalactl import doctor
from coalactl.configuration import resolve
from coalactl.engines import Engine, engine_for
from coalactl.pace import calibration, estimates, records
from coalactl.pace.estimates import Planned, estimate, in_words
from coalactl.pace.records import known, leave, records_file
from coalactl.pace.shapes import shape_of
from coalactl.presets import find_preset, read_preset
from coalactl_core.configuration.kinds import Experiment

UNKNOWN = "unknown here; `coalactl doctor` measures this machine"


@pytest.fixture(autouse=True)
def _no_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache of the test's own, beside which compiled programs stay where they are."""
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path.parent / "compiled"))
    monkeypatch.setenv("COALACTL_CACHE_DIR", str(tmp_path / "cache"))


def experiment(preset: str = "ipd-shaping-quick", **changes: object) -> Experiment:
    overrides = {key.replace("__", "."): (value, "test") for key, value in changes.items()}
    return resolve(read_preset(find_preset(preset)), preset, overrides).experiment


def engine(preset: str = "ipd-shaping-quick", **changes: object) -> Engine:
    return engine_for(experiment(preset, **changes))


def seconds_of(*trainings: Planned) -> float:
    found = estimate(trainings).seconds
    assert found is not None
    return found


# --- what is estimated ----------------------------------------------------------------------------------------------


def test_a_program_that_was_trained_takes_what_it_took() -> None:
    leave(engine(), runs=2, iterations=10, seconds=8.0, compile_seconds=20.0)
    leave(engine(), runs=1, iterations=10, seconds=4.0, compile_seconds=3.0)
    one, three = Planned(experiment(), 1), Planned(experiment(), 3)
    # 120 iterations of 0.4 seconds a run; the second time the program came from the cache.
    assert seconds_of(one) == pytest.approx(6 + 3 + 120 * 0.4)
    assert seconds_of(three) == pytest.approx(6 + 3 + 3 * 120 * 0.4)
    # Numbers are data to the program, so that it is compiled once.
    other = Planned(experiment(meta__learning_rate=1e-3, run__seed=5), 1)
    assert seconds_of(one, other) == pytest.approx(6 + 3 + 2 * 120 * 0.4)
    told = estimate([one])
    assert told.words == "about 60 seconds here (an estimate)"


def test_other_sizes_are_scaled_by_their_work_and_compiled_from_nothing() -> None:
    leave(engine(), runs=1, iterations=10, seconds=4.0, compile_seconds=20.0)
    leave(engine(), runs=1, iterations=10, seconds=4.0, compile_seconds=3.0)
    twice = Planned(experiment(rollout__meta_batch_size=32), 1)
    assert seconds_of(twice) == pytest.approx(6 + 20 + 120 * 0.8, rel=0.1)  # but for what does not depend on them
    # The nearest one tells: of two records that with the same look-ahead, and a size that is closer.
    leave(engine(rollout__meta_batch_size=64), runs=1, iterations=10, seconds=32.0, compile_seconds=20.0)
    assert seconds_of(Planned(experiment(rollout__meta_batch_size=128), 1)) == pytest.approx(
        6 + 20 + 120 * 6.4, rel=0.1
    )
    wider = Planned(experiment(network__width=64), 1)
    assert seconds_of(wider) > seconds_of(Planned(experiment(), 1))
    # A GRU has a table of its own where observations are few.
    of_gru = Planned(experiment(network__name="gru"), 1)
    assert seconds_of(of_gru) == pytest.approx(6 + 20 + 120 * 0.4 * 1.3, rel=0.1)


def test_exact_games_and_sampled_ones_say_nothing_about_each_other() -> None:
    leave(engine(), runs=1, iterations=10, seconds=4.0, compile_seconds=20.0)
    assert estimate([Planned(experiment("analytical-extortion"), 1)]) == (None, UNKNOWN)
    leave(engine("analytical-extortion"), runs=1, iterations=1000, seconds=2.0, compile_seconds=5.0)
    # What was compiled before is in the cache, a quarter of the time.
    assert seconds_of(Planned(experiment("analytical-extortion"), 1)) == pytest.approx(6 + 5 / 4 + 1600 * 0.002)


def test_on_an_accelerator_only_the_same_program_tells() -> None:
    leave(engine(), runs=4, iterations=10, seconds=4.0, compile_seconds=20.0)
    found = known()
    assert found is not None
    found = found._replace(backend="gpu")
    # Four runs at once, or one, take as long; eight twice that.
    for runs, share in ((1, 1), (4, 1), (8, 2)):
        expected = 6 + 20 / 4 + 120 * 0.4 * share
        assert estimate([Planned(experiment(), runs)], found).seconds == pytest.approx(expected)
    told = estimate([Planned(experiment(rollout__meta_batch_size=32), 1)], found)
    assert (told.seconds, "a first training of these sizes" in told.words) == (None, True)


@pytest.mark.parametrize("preset", ["ipd-mixed-quick", "cleanup-shaping-quick", "analytical-lola-10"])
def test_what_auto_comes_to_is_the_same_program(preset: str) -> None:
    import jax

    asked = experiment(preset)
    assert shape_of(asked, jax.device_count()) == shape_of(engine_for(asked).experiment, jax.device_count())


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        *((0.2, "about 1 second"), (7, "about 7 seconds"), (43, "about 40 seconds"), (91, "about 2 minutes")),
        *((250, "about 4 minutes"), (5400, "about 90 minutes"), (10_000, "about 3 hours")),
        *((400_000, "about 5 days"), (123_456_789, "about 1,400 days")),
    ],
)
def test_in_words(seconds: float, words: str) -> None:
    assert in_words(seconds) == words


# --- what is left, and where ----------------------------------------------------------------------------------------


@pytest.mark.long
def test_without_a_calibration_they_say_how_to_get_one_and_measure_nothing(train: Command, coalactl: Command) -> None:
    assert f"# time:         {UNKNOWN}" in train(*TINY, "--dry-run").out
    assert train(*TINY, "--dry-run", "--json").json["estimated_seconds"] is None
    assert f"time:       {UNKNOWN}" in coalactl("sweep", "--dry-run").out
    listed = coalactl("reproduce", "ls")
    assert ("here:" in listed.out, UNKNOWN in listed.err) == (False, True)
    file = records_file()
    assert file is not None
    assert not file.exists()


@pytest.mark.long
def test_a_training_leaves_a_calibration(train: Command, coalactl: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "_LEAST", 0.0)
    assert train(*TINY, "--iterations", "4", "--out", "run", "--quiet") == (0, "", "")
    found = known()
    assert found is not None
    (record,) = found.records
    told = train(*TINY, "--dry-run", "--iterations", "1000", "--json").json["estimated_seconds"]
    assert told == pytest.approx(6 + record.load_seconds / 4 + 1000 * record.iteration_seconds)
    assert "(an estimate)" in train(*TINY, "--dry-run").out
    # What is done once an iteration is most of a tiny one: it tells nothing of large ones.
    assert coalactl("sweep", "--dry-run", "--json").json["estimated_seconds"] is None
    monkeypatch.setattr(estimates, "_MOST_WORK", 1e9)
    planned = coalactl("sweep", "--dry-run")
    assert "here (an estimate)" in next(line for line in planned.out.splitlines() if line.startswith("time:"))
    assert coalactl("sweep", "--dry-run", "--json").json["estimated_seconds"] > 0
    listed = coalactl("reproduce", "ls", "--json")
    assert listed.code == 0, listed.err
    rows = {row["figure"]: row for row in listed.json if row["scale"] != "paper"}
    assert rows["fig5c"]["estimated_seconds"] > rows["h3"]["estimated_seconds"] > 0
    assert rows["fig3a"]["estimated_seconds"] is None  # Exact games: none was trained yet.
    listed = coalactl("reproduce", "ls")
    assert ("here: to train on this machine, an estimate" in listed.out, UNKNOWN in listed.err) == (True, True)


def test_doctor_measures_one_of_each_kind(coalactl: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = "[run]\nseeds = 2\n[naive]\nlearners = 2\nsteps = 2\n"
    Path("exact.toml").write_text(f'kind = "analytical"\n{sizes}')
    monkeypatch.setattr(calibration, "PRESETS", ("exact.toml",))
    monkeypatch.setattr(calibration, "_SECONDS", 0.0001)
    monkeypatch.setattr(records, "_LEAST", 0.0)
    passed, told = doctor._calibrated()
    assert passed
    assert told.startswith("exact.toml ")
    found = known()
    assert found is not None
    assert [record.shape.kind for record in found.records] == ["analytical"]
    assert "(an estimate)" in coalactl("train", "exact.toml", "--dry-run").out


@pytest.mark.parametrize("content", ["{", "[]", '{"format": 0}', '{"format": 1, "backend": "cpu", "devices": 1}'])
def test_a_file_that_says_nothing_is_written_anew(content: str) -> None:
    file = records_file()
    assert file is not None
    file.parent.mkdir(parents=True)
    file.write_text(content)
    assert known() is None
    leave(engine(), runs=1, iterations=10, seconds=4.0, compile_seconds=20.0)
    assert json.loads(file.read_text())["records"][0]["runs"] == 1
    assert known() is not None


def test_without_a_cache_nothing_is_left_and_nothing_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("file").write_text("")
    monkeypatch.setenv("COALACTL_CACHE_DIR", str(Path("file").absolute()))
    leave(engine(), runs=1, iterations=10, seconds=4.0, compile_seconds=20.0)
    assert known() is None
    monkeypatch.setenv("COALACTL_CACHE_DIR", "~nobody-of-this-name/cache")
    leave(engine(), runs=1, iterations=10, seconds=4.0, compile_seconds=20.0)
    assert (records_file(), known(), calibration.calibrate()) == (None, None, [])


def test_a_moment_says_little_and_another_machine_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    leave(engine(), runs=1, iterations=2, seconds=0.1, compile_seconds=20.0)
    assert known() is None
    leave(engine(), runs=1, iterations=10, seconds=4.0, compile_seconds=20.0)
    assert known() is not None
    monkeypatch.setattr(records, "usable_cores", lambda: 97)
    assert known() is None
