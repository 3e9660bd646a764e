"""The sizes that ``coalactl bench`` measures: a setting and a meta-batch; here without loading JAX."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from coalactl.errors import UserError
from coalactl.presets import find_preset, nearest, read_preset

if TYPE_CHECKING:
    from coalactl_core.configuration.experiment import SequenceExperiment


class Size(NamedTuple):
    """A preset with values of its own."""

    preset: str
    values: dict[str, Any]


SIZES = {
    f"ipd-{meta_batch}": Size("ipd-shaping", {"rollout.meta_batch_size": meta_batch})
    for meta_batch in (16, 32, 128, 512)
} | {"cleanup-4": Size("cleanup-shaping", {"rollout.meta_batch_size": 4})}
DEFAULT_SIZES = ("ipd-16", "ipd-128")


def checked_sizes(names: Sequence[str]) -> tuple[str, ...]:
    """The sizes asked for, each once, or the default; raises :class:`UserError` for one that there is not."""
    for name in names:
        if name not in SIZES:
            raise UserError(f"--size {name}: there is no such size{nearest(name, list(SIZES))}; use {', '.join(SIZES)}")
    return tuple(dict.fromkeys(names)) or DEFAULT_SIZES


def experiment_of(name: str) -> SequenceExperiment:
    """The experiment of a size."""
    from coalactl.configuration import resolve

    size = SIZES[name]
    preset = find_preset(size.preset)
    overrides = {key: (value, f"size {name}") for key, value in size.values.items()}
    experiment = resolve(read_preset(preset), preset.label, overrides).experiment
    assert experiment.kind == "sequence"  # noqa: S101  of all presets that are named above
    return experiment
