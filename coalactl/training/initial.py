"""Where a new run begins: at parameters drawn afresh, or at those that other runs have trained."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import jax

from coalactl.configuration import validate
from coalactl.engines import Engine, reading_engine_for
from coalactl.errors import ExitCode, UserError
from coalactl.runs.checkpoints import restore
from coalactl.runs.directory import RunDirectory
from coalactl_core.config import ConfigurationError, SequenceExperiment
from coalactl_core.experiments import Experiment

if TYPE_CHECKING:
    from coalactl_core.training import Engine as SequenceEngine


def fresh_state(engine: Engine, experiments: Sequence[Experiment]) -> Any:
    """The state of runs at iteration 0, their naive agents those of ``population.naive_from`` where it is given.

    Raises :class:`UserError`: there is no such run, or its policies do not fit.
    """
    state = engine.init([experiment.run.seed for experiment in experiments], experiments)
    for run, experiment in enumerate(experiments):
        if (source := naive_source(experiment)) is not None:
            state = _with_naive_of(source, cast("SequenceEngine", engine), state, run)
    return state


def naive_source(experiment: Experiment) -> str | None:
    """The run whose agents the naive ones are, if they are not drawn afresh."""
    return experiment.population.naive_from or None if isinstance(experiment, SequenceExperiment) else None


def initial_parameters(source: Path, engine: Engine, state: Any) -> Any:
    """The state with the meta agents of another run's newest checkpoint; one agent may become several.

    Raises :class:`UserError`: the policies differ, or the numbers of agents do.
    """
    theirs = _trained_in(source, engine, f"--init-from {source}")
    try:
        return engine.with_parameters(state, theirs)
    except ConfigurationError as error:
        raise UserError(f"--init-from {source}: {error}", ExitCode.DAMAGED) from error


def _with_naive_of(source: str, engine: SequenceEngine, state: Any, run: int) -> Any:
    named = f"population.naive_from: {source}"
    if not (Path(source) / "config.toml").is_file():
        raise UserError(f"{named}: there is no run; give the directory of one, seen from here")
    try:
        return engine.with_naive(state, run, _trained_in(Path(source), engine, named))
    except ConfigurationError as error:
        raise UserError(f"{named}: {error}", ExitCode.DAMAGED) from error


def _trained_in(source: Path, engine: Engine, named: str) -> Any:
    """Parameters of the meta agents of a run's newest checkpoint, leading with (runs, agents)."""
    run = RunDirectory.open(source)
    other = reading_engine_for(validate(run.read_config(), file=str(run.config_file)))
    if other.experiment.kind != engine.experiment.kind:
        raise UserError(f"{named}: it is a run of kind {other.experiment.kind!r}", ExitCode.DAMAGED)
    _, restored = restore(run, other.run_template)
    return other.summary(jax.tree.map(lambda leaf: leaf[None], restored)).parameters
