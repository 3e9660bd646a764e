"""``coalactl agents pack``: from a run to a file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from coalactl.agent_files.card import Training, card_of
from coalactl.agent_files.measures import measures_of
from coalactl.agent_files.targets import check_new
from coalactl.environment import prepare_jax
from coalactl.errors import UserError
from coalactl.output import emit, emit_json
from coalactl.parameters import by_name, drawn_by_seed
from coalactl.runs.agent_file import SUFFIX, Contents, write
from coalactl.runs.directory import RunDirectory, make_folder
from coalactl.runs.manifests import steps
from coalactl.runs.sources import short_name
from coalactl.trained import checkpoint_of, experiment_of
from coalactl.working import working
from coalactl_core.configuration.experiment import SequenceExperiment

# Of no use to whom it is handed on, and nothing that they should learn.
_KEPT_BACK = ("host", "attempts")


def pack(path: Path, out: Path | None, step: int | None, *, json: bool) -> None:
    """Writes a file with all agents of a run; raises :class:`UserError`, before anything is written."""
    run = RunDirectory.open(path)
    target = Path(f"{short_name(run.path)}{SUFFIX}") if out is None else out
    check_new(target, SUFFIX, "an agent file")
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
    drawn = drawn_by_seed(checkpoint.engine, checkpoint.state, checkpoint.experiment.run.seed)
    return Contents(
        step=checkpoint.step,
        config=run.config_file.read_text(encoding="utf-8-sig"),
        card=card_of(training, measures),
        provenance=provenance,
        measures=measures,
        tensors=by_name(checkpoint.engine, checkpoint.state, str(run.path), without_naive=bool(drawn)),
        drawn=drawn,
    )


def _handed_on(provenance: Mapping[str, Any]) -> dict[str, Any]:
    """The provenance of the training's start, and how often it was gone on with."""
    attempts = provenance.get("attempts")
    kept = {key: value for key, value in provenance.items() if key not in _KEPT_BACK}
    return {**kept, "resumes": max(0, len(attempts) - 1)} if isinstance(attempts, list) else kept


def _check_step(run: RunDirectory, step: int | None) -> None:
    there = steps(run)
    if step is not None and step not in there:
        raise UserError(f"--step: {run.path} has no checkpoint of step {step}; it has {', '.join(map(str, there))}")
