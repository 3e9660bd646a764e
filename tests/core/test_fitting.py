"""A run is laid out so that it fits; the paper's largest setting fits one accelerator."""

from __future__ import annotations

import jax
import pytest

from coalactl.configuration import resolve
from coalactl.presets import find_preset, read_preset
from coalactl_core.configuration.experiment import SequenceExperiment
from coalactl_core.training import fitting
from coalactl_core.training.pieces import build_pieces

GIGABYTE = 10**9


def settings(name: str = "cleanup-shaping", **given: object) -> SequenceExperiment:
    """A setting of the paper in CleanUp-lite, laid out as on an accelerator before it is known which."""
    preset = find_preset(name)
    whole = {"meta_batch_chunk": 256, "naive_chunk": 512, "agent_chunk": 1, "run_chunk": 64}
    whole |= {"trajectory_chunk": 32, "devices": 1}
    keys = {**{f"compute.{key}": value for key, value in whole.items()}, "compute.scan": "associative", **given}
    overrides = {key: (value, "") for key, value in keys.items()}
    experiment = resolve(read_preset(preset), preset.label, overrides).experiment
    assert isinstance(experiment, SequenceExperiment)
    return experiment


def needed(experiment: SequenceExperiment) -> int:
    return fitting.memory_needed(experiment, build_pieces(experiment), 1)


def change(experiment: SequenceExperiment, limit: int) -> dict[str, int] | None:
    return fitting.fitting_change(experiment, build_pieces(experiment), 1, limit)


@pytest.mark.parametrize(("gigabytes", "least", "most"), [(141, 32, 128), (16, 1, 8)])
def test_the_largest_setting_fits_one_accelerator(
    monkeypatch: pytest.MonkeyPatch, gigabytes: int, least: int, most: int
) -> None:
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    monkeypatch.setattr(fitting, "accelerator_memory", lambda: gigabytes * GIGABYTE)
    asked = settings(**{"compute.meta_batch_chunk": "auto", "compute.naive_chunk": "auto"})
    monkeypatch.setattr(fitting, "with_chosen_compute", lambda _: settings())
    found = fitting.settled(asked)
    assert needed(found) <= 0.75 * gigabytes * GIGABYTE
    chunk = int(found.compute.meta_batch_chunk)
    assert least <= chunk <= most
    assert 256 % chunk == 0
    assert found.rollout == asked.rollout  # an accelerator too small gets no other experiment


def test_a_chunk_that_was_asked_for_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fitting, "accelerator_memory", lambda: 16 * GIGABYTE)
    assert fitting.settled(settings()).compute.meta_batch_chunk == 256


@pytest.mark.parametrize("preset", ["ipd-loqa-quick", "ipd-reciprocator-quick", "ipd-shaper-quick"])
def test_who_learns_from_whole_meta_episodes_needs_the_memory_for_them(preset: str) -> None:
    few, all_ = (settings(preset, **{"compute.trajectory_chunk": size}) for size in (1, 32))
    assert needed(few) == needed(all_)
    others = [few.model_copy(update={"meta": few.meta.model_copy(update={"method": "batch-unaware"})}), few]
    in_parts, whole = map(needed, others)
    assert in_parts < whole


def test_chunks_are_lowered_before_the_meta_batch_is() -> None:
    experiment = settings()
    assert change(experiment, needed(experiment)) == {}
    smaller = change(experiment, needed(experiment) - 1)
    assert smaller == {"compute.meta_batch_chunk": 128, "compute.naive_chunk": 128}
    ones = {"compute.meta_batch_chunk": 1, "compute.naive_chunk": 1}
    whole = settings(**ones)
    assert change(whole, needed(whole) - 1) == {"compute.trajectory_chunk": 16}
    least = settings(**ones, **{"compute.trajectory_chunk": 1})
    assert change(least, needed(least) - 1) == {"rollout.meta_batch_size": 256}
    assert change(experiment, needed(least) - 1) == {
        **ones,
        "compute.trajectory_chunk": 1,
        "rollout.meta_batch_size": 256,
    }
    assert change(experiment, GIGABYTE) is None


def test_what_is_proposed_fits_a_minibatch_on_every_device() -> None:
    pieces = build_pieces(settings())
    experiment = settings(**{"compute.devices": 8, "rollout.meta_batch_size": 48, "meta.minibatches": 2})
    smaller = fitting.fitting_change(experiment, pieces, 1, 3 * GIGABYTE)
    assert smaller is not None
    assert smaller["rollout.meta_batch_size"] == 16  # one for each device in each of the two minibatches


@pytest.mark.parametrize(("preset", "chunk", "peak"), [("cleanup-shaping", 32, 23.3), ("cleanup-mixed", 64, 12.5)])
def test_the_estimate_is_near_the_peaks_that_were_measured_on_a_gpu(
    monkeypatch: pytest.MonkeyPatch, preset: str, chunk: int, peak: float
) -> None:
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    agents = 3 if preset == "cleanup-mixed" else 1
    chunks = {"compute.meta_batch_chunk": chunk, "compute.naive_chunk": chunk, "compute.agent_chunk": agents}
    assert needed(settings(preset, **chunks)) == pytest.approx(peak * GIGABYTE, rel=0.25)
