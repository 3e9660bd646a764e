"""Where a new run begins: at parameters drawn afresh, or at those of other runs, or of agent files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from coalactl.engines import Engine, sequence_engine
from coalactl.errors import ExitCode, UserError
from coalactl.runs.agent_file import named_as_one, place_of
from coalactl.runs.sources import of_seed, source_at
from coalactl.trained import checkpoint_of, experiment_of
from coalactl_core.configuration.experiment import SequenceExperiment
from coalactl_core.configuration.kinds import Experiment
from coalactl_core.errors import ConfigurationError


def fresh_state(engine: Engine, experiments: Sequence[Experiment]) -> Any:
    """The state of runs at iteration 0, their agents those of ``population.naive_from`` and ``meta_from`` where given.

    Raises :class:`UserError`: there is no such run, or its policies do not fit.
    """
    state = engine.init([experiment.run.seed for experiment in experiments], experiments)
    for run, experiment in enumerate(experiments):
        for key, source in sources_of(experiment).items():
            state = _with_agents_of(key, of_seed(Path(source), experiment.run.seed), engine, state, run)
    return state


def sources_of(experiment: Experiment) -> dict[str, str]:
    """The runs, or agent files, that agents come from which are not drawn afresh, by key of ``[population]``."""
    return experiment.population.sources if isinstance(experiment, SequenceExperiment) else {}


def initial_parameters(source: Path, engine: Engine, state: Any, seeds: Sequence[int]) -> Any:
    """The state with the meta agents of another run's newest checkpoint, or of an agent file; of a pack seed by seed.

    One agent may become several. Raises :class:`UserError`: the policies differ, or the numbers of agents do.
    """
    sources = [of_seed(source, seed) for seed in seeds]
    trained = {each: _trained_in(each, engine, f"--init-from {each}") for each in sources}
    try:
        of_runs = jax.tree.map(lambda *leaves: np.concatenate(leaves), *(trained[each] for each in sources))
        return _with_parameters(engine, state, of_runs)
    except ConfigurationError as error:
        raise UserError(f"--init-from {source}: {error}", ExitCode.DAMAGED) from error


def _with_parameters(engine: Engine, state: Any, parameters: Any) -> Any:
    """By the warm start of the engine's kind."""
    from coalactl_core.analytical import warm_start as of_policies
    from coalactl_core.analytical.engine import AnalyticalEngine

    if isinstance(engine, AnalyticalEngine):
        return of_policies.with_parameters(engine, state, parameters)
    from coalactl_core.training import warm_start

    return warm_start.with_parameters(sequence_engine(engine), state, parameters)


def _with_agents_of(key: str, path: Path, engine: Engine, state: Any, run: int) -> Any:
    named = f"population.{key}: {path}"
    from coalactl_core.training import warm_start

    begin = {"naive_from": warm_start.with_naive, "meta_from": warm_start.with_meta}[key]
    try:
        return begin(sequence_engine(engine), state, run, _trained_in(path, engine, named))
    except ConfigurationError as error:
        raise UserError(f"{named}: {error}", ExitCode.DAMAGED) from error


def _trained_in(source: Path, engine: Engine, named: str) -> Any:
    """Parameters of the meta agents of a run's newest checkpoint, or of a file, leading with (runs, agents)."""
    if not (place_of(source) if named_as_one(source) else source / "config.toml").is_file():
        raise UserError(
            f"{named}: there is no run; give the directory of one, or of a pack with the same seeds, or an agent file, "
            "seen from here"
        )
    run = source_at(source)
    kind = experiment_of(run).kind
    if kind != engine.experiment.kind:
        raise UserError(f"{named}: it is a run of kind {kind!r}", ExitCode.DAMAGED)
    return jax.tree.map(lambda leaf: leaf[None], checkpoint_of(run).parameters)
