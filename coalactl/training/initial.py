"""``--init-from``: a new run that starts at the trained parameters of another one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax

from coalactl.configuration import validate
from coalactl.engines import Engine, engine_for
from coalactl.errors import ExitCode, UserError
from coalactl.runs.checkpoints import restore
from coalactl.runs.directory import RunDirectory
from coalactl_core.config import ConfigurationError


def initial_parameters(source: Path, engine: Engine, state: Any) -> Any:
    """The state with the meta agents of another run's newest checkpoint; one agent may become several.

    Raises :class:`UserError`: the policies differ, or the numbers of agents do.
    """
    run = RunDirectory.open(source)
    other = engine_for(validate(run.read_config(), file=str(run.config_file)))
    if other.experiment.kind != engine.experiment.kind:
        raise UserError(f"--init-from {source}: it is a run of kind {other.experiment.kind!r}", ExitCode.DAMAGED)
    _, restored = restore(run, other.run_template)
    theirs = other.summary(jax.tree.map(lambda leaf: leaf[None], restored)).parameters
    try:
        return engine.with_parameters(state, theirs)
    except ConfigurationError as error:
        raise UserError(f"--init-from {source}: {error}", ExitCode.DAMAGED) from error
