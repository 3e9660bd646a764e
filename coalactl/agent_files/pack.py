"""``coalactl agents pack``: from a run to a file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from coalactl.agent_files.card import Training, card_of
from coalactl.agent_files.measures import measures_of
from coalactl.environment import prepare_jax
from coalactl.errors import ExitCode, UserError
from coalactl.output import emit, emit_json
from coalactl.parameters import by_name
from coalactl.paths import nameable
from coalactl.runs.agent_file import SUFFIX, Contents, named_as_one, write
from coalactl.runs.directory import RunDirectory, make_folder
from coalactl.runs.manifests import steps
from coalactl.trained import checkpoint_of, experiment_of
from coalactl.working import working
from coalactl_core.configuration.experiment import SequenceExperiment

# Of no use to whom it is handed on, and nothing that they should learn.
_KEPT_BACK = ("host", "attempts")


def pack(path: Path, out: Path | None, step: int | None, *, json: bool) -> None:
    """Writes a file with all agents of a run; raises :class:`UserError`, before anything is written."""
    run = RunDirectory.open(path)
    target = Path(f"{_name_of(run.path)}{SUFFIX}") if out is None else out
    _check_target(target)
    experiment = experiment_of(run)
    if not isinstance(experiment, SequenceExperiment):
        raise UserError(f"{path} is of kind {experiment.kind!r}; agents that play are those of kind 'sequence'")
    _check_step(run, step)
    with working("reading the run"):
        prepare_jax()
        contents = _contents(run, step)
        make_folder(target.parent)
        digest = write(target, contents)
    if json:
        emit_json({"file": str(target), "sha256": digest, "step": contents.step, "bytes": target.stat().st_size})
    else:
        emit(str(target))


def _contents(run: RunDirectory, step: int | None) -> Contents:
    checkpoint = checkpoint_of(run, step)
    measures, provenance = measures_of(run, checkpoint.step), _handed_on(run.read_provenance())
    training = Training(
        config=run.read_config(),
        provenance=provenance,
        step=checkpoint.step,
        environment_steps=checkpoint.engine.sizes.steps_per_iteration * checkpoint.step,
    )
    return Contents(
        step=checkpoint.step,
        config=run.config_file.read_text(encoding="utf-8-sig"),
        card=card_of(training, measures),
        provenance=provenance,
        measures=measures,
        tensors=by_name(checkpoint.engine, checkpoint.state, str(run.path)),
    )


def _handed_on(provenance: Mapping[str, Any]) -> dict[str, Any]:
    """The provenance of the training's start, and how often it was gone on with."""
    attempts = provenance.get("attempts")
    kept = {key: value for key, value in provenance.items() if key not in _KEPT_BACK}
    return {**kept, "resumes": max(0, len(attempts) - 1)} if isinstance(attempts, list) else kept


def _name_of(path: Path) -> str:
    """That of the run's folder, and of a pack's run that of the pack before it: ``two-seed-0``."""
    resolved = path.resolve()
    return f"{resolved.parent.name}-{resolved.name}" if resolved.name.startswith("seed-") else resolved.name


def _check_target(path: Path) -> None:
    nameable(path)
    if not named_as_one(path):
        raise UserError(f"--out {path}: the name of an agent file ends in {SUFFIX}; use {path.with_suffix(SUFFIX)}")
    if path.is_dir():
        raise UserError(f"--out {path}: it is a folder; name a file")
    if path.exists() or path.is_symlink():
        raise UserError(
            f"{path} is there already and is left as it is; remove it, or choose another --out", ExitCode.RUN_CONFLICT
        )


def _check_step(run: RunDirectory, step: int | None) -> None:
    there = steps(run)
    if step is not None and step not in there:
        raise UserError(f"--step: {run.path} has no checkpoint of step {step}; it has {', '.join(map(str, there))}")
